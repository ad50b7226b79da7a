import math
from pathlib import Path

import pytest
from comparisons.records import ended_run
from tracking.runs import start

from descent.errors import UserError
from descent.records.criterion import Criterion, Direction, Target
from descent.records.run import EVALUATIONS, STEPS, RunRecord
from descent.records.tables import Table

LOSS, ACCURACY = Criterion("loss/train", "minimize"), Criterion("accuracy/validation", "maximize")


def test_other_metrics_of_the_measure_have_its_direction_and_losses_are_minimised() -> None:
    assert ACCURACY.of("accuracy/test") == ACCURACY.on("test") == Criterion("accuracy/test", "maximize")
    assert ACCURACY.of("loss/train") == LOSS
    with pytest.raises(UserError, match=r"^absolute_error/test: is a higher value better, or a lower one\?"):
        ACCURACY.of("absolute_error/test")
    assert (LOSS.worst, ACCURACY.worst) == (math.inf, -math.inf)


def test_the_split_of_a_metric_is_that_of_its_examples() -> None:
    assert (ACCURACY.split, LOSS.split, Criterion("x", "minimize").split) == ("validation", "train", "")


@pytest.mark.parametrize(("criterion", "best"), [(LOSS, (0.5, 10)), (ACCURACY, (0.9, 20)), (LOSS.on("test"), None)])
def test_the_best_evaluation_is_the_first_of_the_best_finite_value(
    criterion: Criterion, best: tuple[float, float] | None
) -> None:
    rows: list[list[float | None]] = [[0, 1.0, None], [10, 0.5, math.inf], [20, 0.5, 0.9], [30, math.nan, 0.9]]
    assert criterion.best(Table(["step", "loss/train", "accuracy/validation"], rows)) == best


def test_there_is_no_best_evaluation_where_none_is_finite() -> None:
    assert LOSS.best(Table(["step", "loss/train"], [[0, None], [10, math.inf]])) is None


@pytest.mark.parametrize(
    ("metric", "direction", "value", "steps"),
    [
        ("loss/train", "minimize", 0.5, 10),
        ("loss/train", "minimize", 0.4, 20),
        ("loss/train", "minimize", 0.1, math.inf),
        ("loss/train", "minimize", 2.0, 0),
        ("accuracy/test", "maximize", 0.8, 20),
        ("accuracy/train", "maximize", 0.0, math.inf),  # which was not measured
    ],
)
def test_steps_to_a_target_are_those_before_the_first_evaluation_that_reaches_it(
    tmp_path: Path, metric: str, direction: Direction, value: float, steps: float
) -> None:
    evaluations: list[dict[str, float | None]] = [
        {"step": 0, "loss/train": 1.0, "accuracy/test": None},
        {"step": 10, "loss/train": 0.5, "accuracy/test": 0.7},
        {"step": 20, "loss/train": 0.3, "accuracy/test": 0.8},
        {"step": 30, "loss/train": 0.7, "accuracy/test": 0.6},
    ]
    record = ended_run(tmp_path, {}, {}, evaluations=evaluations)
    assert Target(Criterion(metric, direction), value).steps(record) == steps


def with_steps(folder: Path, losses: list[float], evaluated: dict[int, float]) -> RunRecord:
    """A run with a loss before every step, and with evaluations by step."""
    with start(folder, len(losses), rows={STEPS: len(losses), EVALUATIONS: len(evaluated)}) as record:
        record.append(STEPS, [{"step": at + 1, "timestamp": 0, "loss/step": loss} for at, loss in enumerate(losses)])
        record.append(EVALUATIONS, [{"step": at, "timestamp": 0, "loss/train": evaluated[at]} for at in evaluated])
        record.finish("finished", len(losses), {})
    return record


def test_every_step_counts_where_its_loss_is_that_of_all_examples(tmp_path: Path) -> None:
    record = with_steps(tmp_path, [8.0, 4.0, 2.0, 1.0], {0: 8.0, 2: 2.0, 4: 0.5})
    assert [Target(LOSS, value).steps(record) for value in (4, 2, 1, 0.5, 0.1)] == [1, 2, 3, 4, math.inf]
    assert Target(LOSS.on("test"), 4).steps(record) == math.inf


@pytest.mark.parametrize(("difference", "steps"), [(0.9e-5, 1), (1.1e-5, math.inf)])
def test_losses_are_of_all_examples_that_differ_as_sums_in_float32_do(
    tmp_path: Path, difference: float, steps: float
) -> None:
    record = with_steps(tmp_path, [8.0, 4.0, 2.0, 9.0], {0: 8.0, 2: 2.0 * (1 + difference), 4: 9.0})
    assert Target(LOSS, 4).steps(record) == (steps if steps == 1 else 2)


@pytest.mark.parametrize("evaluated", [2.0, math.nan])
def test_a_loss_of_a_minibatch_does_not_reach_a_target(tmp_path: Path, evaluated: float) -> None:
    record = with_steps(tmp_path, [8.0, 0.1, 2.1, 1.0], {0: 8.0, 2: evaluated, 3: 2.05, 4: 0.5})
    assert Target(LOSS, 0.2).steps(record) == math.inf
    assert Target(LOSS, 2.1).steps(record) == (2 if evaluated == 2.0 else 3)


def test_every_step_of_a_run_counts_that_diverged_on_its_way(tmp_path: Path) -> None:
    record = with_steps(tmp_path, [8.0, 4.0, math.nan], {0: 8.0, 2: math.nan, 3: math.inf})
    assert [Target(LOSS, value).steps(record) for value in (4, 2)] == [1, math.inf]
