import math
from pathlib import Path

import pytest
from comparisons.records import ended_run
from tracking.runs import evaluate, start

from descent.comparisons.grouping import GroupedRuns, ended_runs, group_runs
from descent.records.criterion import Criterion
from descent.records.header import Result

METRICS = {"loss/train": 0.5, "accuracy/test": 0.9}


@pytest.mark.parametrize(
    ("result", "loss", "accuracy"),
    [("converged", 0.5, 0.9), ("finished", 0.5, 0.9), ("diverged", math.inf, -math.inf)],
)
def test_a_run_that_diverged_has_an_infinitely_bad_final_value(
    tmp_path: Path, result: Result, loss: float, accuracy: float
) -> None:
    (run,) = ended_runs([ended_run(tmp_path, {}, METRICS, result)])
    assert run.diverged == (result == "diverged")
    assert (run.final(Criterion("loss/train", "minimize")), run.final(Criterion("accuracy/test", "maximize"))) == (
        loss,
        accuracy,
    )


def test_the_final_value_of_a_missing_metric_is_nan(tmp_path: Path) -> None:
    (run,) = ended_runs([ended_run(tmp_path, {}, METRICS)])
    assert math.isnan(run.final(Criterion("loss/test", "minimize")))


def test_an_ended_run_has_the_parameters_and_the_result_of_its_record(tmp_path: Path) -> None:
    record = ended_run(tmp_path, {"seed": "1"}, METRICS, "converged")
    (run,) = ended_runs([record])
    assert (run.record, run.params, run.result, run.steps, run.metrics) == (
        record, {"seed": "1"}, "converged", 20, METRICS,
    )  # fmt: skip


def test_runs_of_other_code_are_of_another_group_and_others_are_not_named_by_it(tmp_path: Path) -> None:
    code = {"first": {"torch": "2.14.1", "mine": "1" * 64}, "edited": {"torch": "2.14.1", "mine": "2" * 64}}
    records = [
        *(ended_run(tmp_path / name, {"optimizer": "mine"}, METRICS, code=code[name]) for name in code),
        ended_run(tmp_path / "adam", {"optimizer": "adam"}, METRICS, code={"torch": "2.14.1"}),
    ]
    grouped = group_runs(ended_runs(records))
    assert [group.kind for group in grouped.groups] == ["mine mine=1111111", "mine mine=2222222", "adam"]
    assert grouped.x_param is None
    assert group_runs(ended_runs(records[1:])).differing_params == ["optimizer"]


def test_a_running_run_is_left_out(tmp_path: Path) -> None:
    running = start(tmp_path / "a", 20)
    assert [run.id for run in ended_runs([running, ended_run(tmp_path / "b", {}, {})])] == ["id-b"]


def test_evaluations_are_keyed_by_step(tmp_path: Path) -> None:
    with start(tmp_path, 20) as record:
        evaluate(record, 0)
        evaluate(record, 20)
        record.finish("finished", 20, {})
    (run,) = ended_runs([record])
    assert run.evaluations("loss/test") == {0: 1.0, 20: 1 / 21}
    assert run.evaluations("accuracy/test") == {}  # the column is empty
    assert run.evaluations("loss/train") == {}  # there is no such column


def grouped(folder: Path, *runs: dict[str, str]) -> GroupedRuns:
    return group_runs(ended_runs([ended_run(folder / str(number), params, {}) for number, params in enumerate(runs)]))


def seeds(grouped_runs: GroupedRuns) -> list[tuple[str, float | None, list[str]]]:
    return [(group.kind, group.x, [run.params["seed"] for run in group.runs]) for group in grouped_runs.groups]


def test_runs_that_differ_only_in_their_seed_are_one_group(tmp_path: Path) -> None:
    runs = [{"optimizer.lr": lr, "seed": seed} for lr in ("0.1", "0.01") for seed in "12"]
    grouped_runs = grouped(tmp_path, *runs)
    assert (grouped_runs.x_param, grouped_runs.differing_params) == ("optimizer.lr", ["optimizer.lr", "seed"])
    assert seeds(grouped_runs) == [("", 0.01, ["1", "2"]), ("", 0.1, ["1", "2"])]


def test_runs_that_differ_only_in_their_seed_have_no_x(tmp_path: Path) -> None:
    grouped_runs = grouped(tmp_path, {"seed": "1"}, {"seed": "2"})
    assert (grouped_runs.x_param, seeds(grouped_runs)) == (None, [("", None, ["1", "2"])])


@pytest.mark.parametrize(
    ("params", "x_param"),
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
def test_runs_are_grouped_along_the_number_with_the_most_values(
    tmp_path: Path, params: dict[str, list[str]], x_param: str | None
) -> None:
    runs = [{name: values[place] for name, values in params.items()} for place in range(3)]
    assert grouped(tmp_path, *runs).x_param == x_param


def test_kinds_keep_the_order_of_the_runs_and_x_is_sorted(tmp_path: Path) -> None:
    choices = [("sgd", "1"), ("adam", "10"), ("adam", "9"), ("sgd", "0.5")]
    runs = [{"optimizer": optimizer, "optimizer.lr": lr, "seed": "0"} for optimizer, lr in choices]
    assert [(kind, x) for kind, x, _ in seeds(grouped(tmp_path, *runs))] == [
        ("sgd", 0.5), ("sgd", 1), ("adam", 9), ("adam", 10),
    ]  # fmt: skip
