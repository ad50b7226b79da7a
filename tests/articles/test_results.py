import csv
import math
from pathlib import Path

import numpy as np
import pytest
from conftest import composed_in
from tracking.runs import ended_record, start

from descent.articles.configs import run_config, seeds_config
from descent.articles.results import Results
from descent.errors import UserError
from descent.records.run import EVALUATIONS, STEPS, RunRecord

ACCURACIES = ["accuracy/train", "accuracy/test"]


@pytest.fixture
def run(tmp_path: Path) -> RunRecord:
    """The run of an experiment with two coordinates, evaluated at its start and after two steps."""
    with start(tmp_path / "runs" / "bowl", 2) as record:
        for step, x, y in ((0, 3.0, 2.0), (2, 1.0, 0.5)):
            accuracies = {"accuracy/train": x / 10, "accuracy/test": y / 10}
            record.append(EVALUATIONS, [{"step": step, "timestamp": 1, **accuracies, "x": x, "y": y}])
        for step, x, y in ((1, 2.0, 1.0), (2, 1.0, 0.5)):
            record.append(
                STEPS, [{"step": step, "timestamp": 1, "loss/step": 10 * x, "grad_norm": 7 * x, "x": x, "y": y}]
            )
        record.finish("diverged", 2, {})
    return record


@pytest.fixture
def results(run: RunRecord, tmp_path: Path) -> Results:
    rows = [
        {"seed": seed, "step": step, "accuracy/train": seed + step / 10, "accuracy/test": -seed}
        for step in (0, 2)
        for seed in (5, 6)
    ]
    folder = tmp_path / "seeds" / "bowl"
    folder.mkdir(parents=True)
    for name, table in (("evaluations.csv", rows), ("runs.csv", rows[-2:])):
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, table[0])
            writer.writeheader()
            writer.writerows(table)
    return Results(tmp_path)


def test_a_path_has_the_start_and_every_step(results: Results) -> None:
    assert results.path("bowl").tolist() == [[3, 2], [2, 1], [1, 0.5]]
    assert results.path("bowl", ["y"]).tolist() == [[2], [1], [0.5]]


def test_a_path_without_steps_is_its_start_and_one_without_a_start_is_nan(tmp_path: Path) -> None:
    with start(tmp_path / "runs" / "still", 0) as record:
        record.append(EVALUATIONS, [{"step": 0, "timestamp": 1, "x": 3.0}])
        record.finish("diverged", 0, {})
    assert Results(tmp_path).path("still", ["x"]).tolist() == [[3]]
    with start(tmp_path / "runs" / "nowhere", 0) as record:
        record.finish("diverged", 0, {})
    assert np.isnan(Results(tmp_path).path("nowhere")).tolist() == [[True, True]]
    assert Results(tmp_path).losses("nowhere").tolist() == []


def test_steps_have_losses_and_norms_and_a_result(results: Results) -> None:
    assert results.losses("bowl").tolist() == [20, 10]
    assert results.gradient_norms("bowl").tolist() == [14, 7]
    assert results.steps_taken("bowl") == 2
    assert results.result("bowl") == "diverged"


def test_the_configurations_are_those_of_the_run_and_of_its_seeds(results: Results, project: Path) -> None:
    for folder, seed in (("runs/bowl/record", 0), ("seeds/bowl", 5)):
        config = composed_in(project, "experiment=bowl_001", f"seed={seed}")
        (project / folder / "config.yaml").write_text(config.to_yaml())
    assert run_config(results, "bowl").optimizer.lr == 0.1
    assert seeds_config(results, "bowl").seed == 5


def test_a_metric_is_read_where_it_was_evaluated(results: Results) -> None:
    assert results.evaluation("bowl", "accuracy/train", 2) == 0.1
    assert math.isnan(results.evaluation("bowl", "accuracy/train", 1))
    assert results.seed_values("bowl", 2, "accuracy/train") == [5.2, 6.2]
    assert results.over_seeds("bowl", 2, "accuracy/test") == [0.05, -5, -6]


def test_curves_are_those_of_the_run_and_then_of_its_other_seeds(results: Results) -> None:
    curves = results.curves("bowl", [0, 2], ACCURACIES)
    assert curves.tolist() == [[[0.3, 0.2], [0.1, 0.05]], [[5, -5], [5.2, -5]], [[6, -6], [6.2, -6]]]
    assert np.isnan(results.curves("bowl", [1], ACCURACIES)).all()


def test_a_missing_result_is_an_error_in_one_line(results: Results, tmp_path: Path) -> None:
    ended_record(tmp_path / "runs" / "begun")
    (tmp_path / "runs" / "begun" / "record" / "result.json").unlink()
    with pytest.raises(UserError, match="runs/begun holds no finished run; `dvc repro` trains it"):
        results.record("begun")
    with pytest.raises(UserError, match=r"gradients/bowl/record/differences.csv is missing; `dvc repro` makes it"):
        results.gradients("bowl")
    with pytest.raises(UserError, match=r"seeds/cubic/runs.csv is missing; `dvc repro` makes it"):
        results.seed_rows("cubic")
