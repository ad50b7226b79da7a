import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from comparisons.records import ended_run

from benchmarks.simulations import claimed_of_equal, found
from descent.comparisons.grouping import ended_runs, group_runs
from descent.comparisons.ranking import RankedGroup, conclusions, rank_groups
from descent.records.criterion import Criterion, Direction
from descent.records.header import Result
from descent.records.run import RunRecord

METRIC = "loss/train"


def seeds(
    folder: Path,
    params: dict[str, str],
    values: Sequence[float],
    results: Sequence[Result] = (),
    metric: str = METRIC,
) -> list[RunRecord]:
    """Runs of the same parameters, one for each value."""
    label = "-".join(params.values())
    return [
        ended_run(
            folder / f"{label}-{seed}", {**params, "seed": str(seed)}, {metric: value},
            results[seed] if results else "finished",
        )
        for seed, value in enumerate(values)
    ]  # fmt: skip


def ranked(records: Sequence[RunRecord], metric: str = METRIC, direction: Direction = "minimize") -> list[RankedGroup]:
    return rank_groups(group_runs(ended_runs(records)), Criterion(metric, direction))


def concluded(records: Sequence[RunRecord], metric: str = METRIC, direction: Direction = "minimize") -> list[str]:
    grouped = group_runs(ended_runs(records))
    return conclusions(grouped, rank_groups(grouped, Criterion(metric, direction)))


def test_a_lucky_run_does_not_make_its_group_the_best(tmp_path: Path) -> None:
    steady = seeds(tmp_path, {"optimizer": "adam"}, [1.0, 1.1, 1.2])
    lucky = seeds(tmp_path, {"optimizer": "sgd"}, [0.1, 5.0, 6.0])
    best, second = ranked([*lucky, *steady])
    assert (best.label, second.label) == ("adam", "sgd")
    assert best.value == pytest.approx(1.1)
    assert best.typical.name == "adam-1"


def test_runs_that_diverged_are_the_worst_in_either_direction(tmp_path: Path) -> None:
    half: list[Result] = ["finished", "diverged"]
    records = [
        *seeds(tmp_path, {"optimizer": "adam"}, [0.5, 0.5], metric="accuracy"),
        *seeds(tmp_path, {"optimizer": "sgd"}, [0.9, 0.99], half, metric="accuracy"),
    ]
    best, second = ranked(records, "accuracy", "maximize")
    assert (best.label, second.label, second.value) == ("adam", "sgd", -math.inf)
    worst, other = ranked(records, "accuracy", "minimize")
    assert (worst.label, other.label, other.value) == ("adam", "sgd", math.inf)


def test_a_diverged_run_of_four_is_an_outlier(tmp_path: Path) -> None:
    results: list[Result] = ["finished", "finished", "finished", "diverged"]
    (group,) = ranked(seeds(tmp_path, {"optimizer": "adam"}, [1.0, 2.0, 3.0, 0.0], results))
    assert group.value == 2.5
    assert group.interval == (1.0, math.inf)
    assert group.text() == "loss/train 2.5 (1 to inf, the range of 4 seeds)"


def test_groups_without_the_metric_are_not_ranked_and_nothing_is_concluded_of_those_that_diverged(
    tmp_path: Path,
) -> None:
    records = [
        *seeds(tmp_path, {"optimizer": "adam"}, [1.0], metric="other"),
        *seeds(tmp_path, {"optimizer": "sgd"}, [0.0], ["diverged"]),
    ]
    assert [(group.label, group.value) for group in ranked(records)] == [("sgd-0", math.inf)]
    assert concluded(records) == []


def test_a_group_that_beats_the_second_is_said_to_with_its_interval(tmp_path: Path) -> None:
    records = [
        *seeds(tmp_path, {"optimizer": "adam"}, [1.0, 1.1, 1.2]),
        *seeds(tmp_path, {"optimizer": "sgd"}, [3.0, 3.1, 3.2]),
    ]
    # Student's: 1.1 ± 4.303 * 0.1 / sqrt(3). Welch: t = 2 / sqrt(2 * 0.01 / 3) = 24.5 with 4 degrees of freedom.
    assert concluded(records) == [
        "best: adam  loss/train 1.1 (0.8516 to 1.348, Student's 95% interval of 3 seeds)",
        "it beats sgd with probability 1, p = 1.6e-05",
    ]


def test_groups_that_overlap_are_said_not_to_be_separable(tmp_path: Path) -> None:
    records = [
        *seeds(tmp_path, {"optimizer": "adam"}, [1.0, 3.0, 2.0]),
        *seeds(tmp_path, {"optimizer": "sgd"}, [2.0, 3.0, 2.5]),
    ]
    assert concluded(records)[1] == "it is not separable from sgd with 3 seeds, p = 0.5"
    single = [*records[:3], *seeds(tmp_path / "one", {"optimizer": "rmsprop"}, [2.1])]
    assert concluded(single)[1] == "it is not separable from rmsprop-0 with 3 and 1 seeds"


def test_a_metric_of_the_test_set_is_said_to_have_selected(tmp_path: Path) -> None:
    records = seeds(tmp_path, {"optimizer": "adam"}, [0.9, 0.8], metric="accuracy/test")
    (best,) = concluded(records, "accuracy/test", "maximize")
    assert best.endswith("; selected on the test set")


@pytest.mark.parametrize(("best", "end"), [(0, "smallest"), (2, "largest"), (1, None)])
def test_a_best_rate_at_the_end_of_those_tried_is_a_caution(tmp_path: Path, best: int, end: str | None) -> None:
    rates = ("0.001", "0.01", "0.1")
    records = [
        record
        for place, rate in enumerate(rates)
        for record in seeds(tmp_path, {"optimizer": "adam", "optimizer.lr": rate}, [abs(place - best) + 1.0] * 2)
    ]
    cautions = [line for line in concluded(records) if line.startswith("caution")]
    lr = f"{float(rates[best]):g}"
    assert cautions == ([f"caution: optimizer.lr={lr} is the {end} tried; widen the range"] if end else [])


def test_unequal_numbers_of_settings_are_a_caution(tmp_path: Path) -> None:
    tried = [("adam", "0.001", 3.0), ("adam", "0.01", 1.0), ("adam", "0.1", 3.0), ("sgd", "0.1", 2.0)]
    records = [
        record
        for optimizer, rate, value in tried
        for record in seeds(tmp_path, {"optimizer": optimizer, "optimizer.lr": rate}, [value] * 2)
    ]
    assert concluded(records)[-1] == "caution: adam was tried at 3 settings, sgd at 1; try as many of each"


@pytest.mark.parametrize(("data", "is_random"), [("mnist", True), ("none", False)])
def test_one_seed_of_what_draws_from_data_is_a_caution(tmp_path: Path, data: str, is_random: bool) -> None:
    records = [
        *seeds(tmp_path, {"optimizer": "adam", "data": data}, [1.0]),
        *seeds(tmp_path, {"optimizer": "sgd", "data": data}, [2.0]),
    ]
    caution = ["caution: one seed only; seed=range(5) says how much is luck"]
    assert concluded(records) == [f"best: adam-{data}-0  loss/train 1", *(caution if is_random else [])]


def test_of_equal_optimizers_a_winner_is_claimed_in_one_of_twenty_sweeps_at_most() -> None:
    assert claimed_of_equal(2, 5, sweeps=1_000) <= 0.05
    assert claimed_of_equal(6, 5, sweeps=500) <= 0.05


def test_an_optimizer_that_is_better_by_two_standard_deviations_is_found_with_ten_seeds() -> None:
    assert found(2, 10, sweeps=500) >= 0.9
