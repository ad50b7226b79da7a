from pathlib import Path

import pytest
import torch
from descents import network_descent
from torch.nn.utils import parameters_to_vector

from descent.core.data.examples import Examples
from descent.core.training import evaluation
from descent.core.training.evaluation import gradient_norm, measure
from descent.records.run import EVALUATIONS, RunRecord


def test_a_run_is_evaluated_at_its_start_when_planned_and_at_its_end(tmp_path: Path) -> None:
    network_descent(tmp_path, chunk_size=4)
    table = RunRecord(tmp_path).read(EVALUATIONS)
    assert [row[0] for row in table.rows] == [0, 1, 14, 27, 40, 53, 60]
    assert table.columns[2:] == ["loss/train", "accuracy/train", "loss/test", "accuracy/test"]


def test_examples_are_measured_in_slices_as_if_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = network_descent(tmp_path, steps=3)
    examples: Examples = run.components.data.train
    with torch.no_grad():
        at_once = run.problem.measure(*examples.head(100))
    monkeypatch.setattr(evaluation, "SLICE", 33)
    assert measure([run.problem], examples)[0] == pytest.approx(
        {name: value.item() for name, value in at_once.items()}, rel=1e-6
    )


def test_the_gradient_norm_is_that_of_the_loss_over_all_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = network_descent(tmp_path, steps=3)
    loss = run.problem(*run.components.data.train.head(100))
    gradients = torch.autograd.grad(loss, list(run.problem.parameters()))
    monkeypatch.setattr(evaluation, "SLICE", 33)
    found = gradient_norm(run.problem, run.components.data.train)
    assert found == pytest.approx(parameters_to_vector(gradients).norm().item(), rel=1e-5)
