import math
from pathlib import Path

import pytest
from compare.records import ended_run
from tracking.runs import evaluate, start

from descent.compare.runs import GroupedRuns, ended, group_runs, run_label
from descent.records.run import Result

METRICS = {"loss/train": 0.5, "accuracy/test": 0.9}


@pytest.mark.parametrize(
    ("result", "loss", "accuracy"),
    [("converged", 0.5, 0.9), ("finished", 0.5, 0.9), ("diverged", math.inf, -math.inf)],
)
def test_a_run_that_ran_away_is_infinitely_bad_at_its_end(
    tmp_path: Path, result: Result, loss: float, accuracy: float
) -> None:
    (run,) = ended([ended_run(tmp_path, {}, METRICS, result)])
    assert run.diverged == (result == "diverged")
    assert (run.final("loss/train"), run.final("accuracy/test")) == (loss, accuracy)


def test_a_metric_that_a_run_does_not_have_is_no_number(tmp_path: Path) -> None:
    (run,) = ended([ended_run(tmp_path, {}, METRICS)])
    assert math.isnan(run.final("loss/test"))


def test_a_run_tells_what_it_was_asked_and_what_became_of_it(tmp_path: Path) -> None:
    record = ended_run(tmp_path, {"seed": "1"}, METRICS, "converged")
    (run,) = ended([record])
    assert (run.record, run.params, run.result, run.steps, run.metrics) == (
        record, {"seed": "1"}, "converged", 20, METRICS,
    )  # fmt: skip


def test_a_run_that_goes_on_is_not_compared(tmp_path: Path) -> None:
    going_on = start(tmp_path / "a", 20)
    assert [run.record.folder.name for run in ended([going_on, ended_run(tmp_path / "b", {}, {})])] == ["b"]


def test_evaluations_are_told_by_the_steps_after_which_they_were_made(tmp_path: Path) -> None:
    with start(tmp_path, 20) as record:
        evaluate(record, 0)
        evaluate(record, 20)
        record.finish("finished", 20, {})
    (run,) = ended([record])
    assert run.evaluations("loss/test") == {0: 1.0, 20: 1 / 21}
    assert run.evaluations("accuracy/test") == {}  # which nobody took
    assert run.evaluations("loss/train") == {}  # of which there is no column


def test_a_run_is_called_by_what_it_chose_and_set() -> None:
    assert run_label({"optimizer": "adam", "optimizer.lr": "0.01", "seed": "2"}) == "adam lr=0.01 seed=2"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("0.00123", "0.00123"),
        ("0.001234", "0.001234"),
        ("0.0012345", "0.001234"),
        ("1234567", "1234567"),
        ("12345678", "1.235e+07"),
        ("shuffled, then in order", "shuffled, then in order"),
    ],
)
def test_of_long_numbers_four_digits_are_told(number: str, told: str) -> None:
    assert run_label({"optimizer.lr": number}) == f"lr={told}"


def grouped(folder: Path, *runs: dict[str, str]) -> GroupedRuns:
    return group_runs(ended([ended_run(folder / str(number), params, {}) for number, params in enumerate(runs)]))


def seeds(found: GroupedRuns) -> list[tuple[str, float | None, list[str]]]:
    return [(each.kind, each.number, [run.params["seed"] for run in each.runs]) for each in found.groups]


def test_runs_that_differ_in_their_seed_alone_are_one_handful(tmp_path: Path) -> None:
    runs = [{"optimizer.lr": lr, "seed": seed} for lr in ("0.1", "0.01") for seed in "12"]
    found = grouped(tmp_path, *runs)
    assert (found.number, found.differing) == ("optimizer.lr", ["optimizer.lr", "seed"])
    assert seeds(found) == [("", 0.01, ["1", "2"]), ("", 0.1, ["1", "2"])]


def test_runs_that_differ_in_nothing_else_have_no_number(tmp_path: Path) -> None:
    found = grouped(tmp_path, {"seed": "1"}, {"seed": "2"})
    assert (found.number, seeds(found)) == (None, [("", None, ["1", "2"])])


@pytest.mark.parametrize(
    ("params", "number"),
    [
        ({"data.batch_size": "123", "trainer.max_steps": "122"}, "data.batch_size"),
        ({"data.batch_size": "122", "trainer.max_steps": "123"}, "trainer.max_steps"),
        ({"data.batch_size": "123", "optimizer.lr": "122"}, "optimizer.lr"),  # before any other
        ({"sampler": "abc", "trainer.max_steps": "122"}, "trainer.max_steps"),
        ({"sampler": "abc"}, None),
        ({"data.batch_size": ["1", "null", "3"], "trainer.max_steps": "122"}, "trainer.max_steps"),
        ({"data.batch_size": ["1", "inf", "nan"], "trainer.max_steps": "122"}, "trainer.max_steps"),
    ],
)
def test_runs_are_arranged_along_the_number_with_most_values(
    tmp_path: Path, params: dict[str, list[str]], number: str | None
) -> None:
    runs = [{name: values[place] for name, values in params.items()} for place in range(3)]
    assert grouped(tmp_path, *runs).number == number


def test_kinds_stand_in_the_order_of_the_runs_and_numbers_in_their_own(tmp_path: Path) -> None:
    given = [("sgd", "1"), ("adam", "10"), ("adam", "9"), ("sgd", "0.5")]
    runs = [{"optimizer": optimizer, "optimizer.lr": lr, "seed": "0"} for optimizer, lr in given]
    assert [(kind, number) for kind, number, _ in seeds(grouped(tmp_path, *runs))] == [
        ("sgd", 0.5), ("sgd", 1), ("adam", 9), ("adam", 10),
    ]  # fmt: skip
