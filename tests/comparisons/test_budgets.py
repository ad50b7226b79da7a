import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.testing import assert_allclose

from descent.comparisons.budgets import (
    Trials,
    best_quantile,
    budget_conclusions,
    expected_best,
    sensitivity_rows,
    trials_of,
)
from descent.comparisons.grouping import EndedRun, GroupedRuns, SeedGroup
from descent.comparisons.ranking import RankedGroup
from descent.records.criterion import Criterion, Direction

COSTS = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0]


def lowest_of_all_choices(costs: Sequence[float], count: int) -> list[float]:
    return [min(chosen) for chosen in itertools.combinations(costs, count)]


def test_the_expected_best_is_the_mean_over_all_choices() -> None:
    brute_force = [np.mean(lowest_of_all_choices(COSTS, count)) for count in range(1, len(COSTS) + 1)]
    assert_allclose(expected_best(COSTS), brute_force, rtol=1e-12)


def test_the_best_of_thousands_of_settings_is_known_in_seconds() -> None:
    count = 3000
    choices = np.arange(1, count + 1)
    # The mean of the lowest of k of the numbers from 0 to n - 1 is (n - k) / (k + 1).
    assert_allclose(expected_best(np.arange(count)), (count - choices) / (choices + 1), rtol=1e-9, atol=1e-9)
    quartiles = best_quantile(np.arange(count), 0.25)
    assert (quartiles[0], quartiles[-1]) == (count / 4 - 1, 0)


@pytest.mark.parametrize("level", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_the_quantile_of_the_best_is_that_of_all_choices(level: float) -> None:
    brute_force = [
        np.quantile(lowest_of_all_choices(COSTS, count), level, method="inverted_cdf")
        for count in range(1, len(COSTS) + 1)
    ]
    assert best_quantile(COSTS, level).tolist() == brute_force


def test_the_expected_best_is_infinite_where_all_trials_may_have_diverged() -> None:
    assert expected_best([math.inf, 2.0, math.inf, 4.0]).tolist() == [math.inf, math.inf, pytest.approx(2.5), 2.0]
    assert best_quantile([math.inf, 2.0, math.inf, 4.0], 0.25).tolist() == [2.0] * 4


def group(kind: str, x: float, value: float, direction: Direction = "minimize", optimizer: str = "") -> RankedGroup:
    """A group of one run at a learning rate."""
    run = EndedRun("", kind, "bowl", {"optimizer": optimizer or kind}, "finished", 1, {})
    return RankedGroup(SeedGroup(kind, x, [run]), f"{kind} {x}", Criterion("loss/train", direction), np.array([value]))


def test_settings_are_those_of_an_optimizer_where_there_are_several() -> None:
    several = [group("adam beta=0.9", 0.1, 1.0, optimizer="adam"), group("adam beta=0.8", 0.1, 2.0, optimizer="adam")]
    ranked = [group("sgd", 0.1, 3.0), *several]
    trials = trials_of(GroupedRuns(None, [], [one.group for one in ranked[::-1]]), ranked)
    assert [(of_kind.kind, of_kind.costs.tolist()) for of_kind in trials] == [("adam", [1.0, 2.0]), ("sgd", [3.0])]
    kinds = trials_of(GroupedRuns(None, [], [one.group for one in several]), several)
    assert [of_kind.kind for of_kind in kinds] == ["adam beta=0.9", "adam beta=0.8"]


def test_it_is_said_from_which_number_of_settings_on_an_optimizer_is_the_best() -> None:
    easy = Trials("sgd", [group("sgd", rate, 2.0) for rate in (1, 2, 3, 4)])
    hard = Trials("adam", [group("adam", rate, value) for rate, value in enumerate((1.0, 4.0, 4.0, 4.0), start=1)])
    # Of two settings of adam, half are 1 and half 4: 2.5. Of three, three quarters are 1: 1.75.
    assert budget_conclusions([easy, hard]) == ["the best depends on the number of trials: sgd from 1, adam from 3"]
    assert budget_conclusions([easy]) == []
    assert budget_conclusions([]) == []


@pytest.mark.parametrize(("direction", "sign"), [("minimize", 1), ("maximize", -1)])
def test_sensitivity_is_the_width_of_the_rates_near_the_best_one(direction: Direction, sign: int) -> None:
    values = {1e-4: 2.0, 1e-3: 1.04, 1e-2: 1.0, 1e-1: 1.06, 1.0: 5.0}
    best = {"minimize": values, "maximize": {rate: 2 - value for rate, value in values.items()}}[direction]
    ranked = [group("adam", rate, value, direction) for rate, value in best.items()]
    (row,) = sensitivity_rows(GroupedRuns("optimizer.lr", [], []), ranked)
    # 1e-3 and 1e-2 are near; each stands for half a decade on either side.
    assert row == {
        "kind": "adam", "settings": 5, "best": 1.0, "best at optimizer.lr": 1e-2,
        "decades within 5 %": pytest.approx(2.0), "decades tried": pytest.approx(4.0),
    }  # fmt: skip


def test_nothing_is_said_of_few_rates_or_of_those_that_all_diverged() -> None:
    grouped = GroupedRuns("optimizer.lr", [], [])
    assert sensitivity_rows(grouped, [group("adam", rate, 1.0) for rate in (0.1, 1.0)]) == []
    assert sensitivity_rows(grouped, [group("adam", rate, math.inf) for rate in (0.1, 1.0, 2.0)]) == []
    assert sensitivity_rows(grouped, [group("adam", rate, 1.0) for rate in (0.0, 1.0, 2.0)]) == []
