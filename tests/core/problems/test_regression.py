from collections.abc import Callable

import pytest
import torch
from conftest import Composed
from descents import timeless, train_together
from torch import nn

from descent.core.build import assemble
from descent.core.problems.regression import Regression
from descent.errors import UserError
from descent.records.run import STEPS, RunRecord
from descent.runs.train import train


@pytest.mark.parametrize(
    ("loss", "expected"),
    [(nn.MSELoss(), (0.25 + 9) / 2), (nn.HuberLoss(delta=1.0), (0.125 + 2.5) / 2), (nn.L1Loss(), (0.5 + 3) / 2)],
)
def test_its_loss_is_a_mean_of_what_outputs_are_off(loss: Callable[..., torch.Tensor], expected: float) -> None:
    problem = Regression(nn.Identity(), loss)
    outputs, targets = torch.tensor([[1.5], [-2.0]]), torch.tensor([[1.0], [1.0]])
    assert problem(outputs, targets).item() == pytest.approx(expected)
    measured = problem.measure(outputs, targets)
    assert measured["loss"].item() == pytest.approx(expected)
    assert measured["absolute_error"].item() == pytest.approx((0.5 + 3) / 2)


def test_outputs_of_another_shape_than_the_targets_are_refused_before_they_are_broadcast(composed: Composed) -> None:
    with pytest.raises(UserError, match=r"^problem regression does not fit its data: the network gives \(50, 3\) for "):
        assemble(
            composed(
                "problem=regression", "data=digits", "network=perceptron", "network.sizes=[64,3]", "data.one_hot=true",
                "trainer.max_steps=1",
            )
        )  # fmt: skip


def test_classes_are_fitted_as_vectors_and_runs_in_a_batch_are_what_each_is_alone(composed: Composed) -> None:
    common = (
        "problem=regression", "data=digits", "network=perceptron", "network.sizes=[64,8,10]", "data.one_hot=true",
        "data.standardize=true", "trainer.max_steps=40", "optimizer=adam", "optimizer.lr=0.01",
    )  # fmt: skip
    together = train_together(*(composed(*common, f"seed={seed}", f"run_dir=both/{seed}") for seed in (1, 2)))
    for seed, ours in zip((1, 2), together, strict=True):
        theirs = train(composed(*common, f"seed={seed}", f"run_dir=alone/{seed}"))
        rows = [timeless(RunRecord(result.folder), STEPS) for result in (ours, theirs)]
        assert rows[0] == [pytest.approx(row, rel=1e-4) for row in rows[1]]
        losses = RunRecord(theirs.folder).read("evaluations.csv").column("loss/test")
        assert losses[-1] < losses[0]
