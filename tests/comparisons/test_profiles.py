import math

import numpy as np
import pytest
from numpy.typing import NDArray

from descent.comparisons.profiles import MeanRank, mean_ranks, rank_p_value, ratios, score
from descent.render.shares import ShareLine

STEPS = [
    {"sgd": np.array([10.0, 20.0]), "adam": np.array([20.0, 10.0]), "rprop": np.array([math.inf, 10.0])},
    {"sgd": np.array([math.inf]), "adam": np.array([30.0]), "rprop": np.array([15.0])},
]
"""The steps on two problems, from two starts and from one."""


def test_ratios_are_multiples_of_the_fastest_from_each_start() -> None:
    multiples = {optimizer: row.tolist() for optimizer, row in ratios(STEPS).items()}
    assert multiples == {"sgd": [1, 2, math.inf], "adam": [2, 1, 2], "rprop": [math.inf, 1, 1]}


def test_a_start_that_nobody_solves_or_that_is_there_already_has_a_ratio() -> None:
    problem = {"sgd": np.array([math.inf, 0.0]), "adam": np.array([math.inf, 3.0])}
    assert {name: row.tolist() for name, row in ratios([problem]).items()} == {
        "sgd": [math.inf, 1],
        "adam": [math.inf, 3],
    }


def test_a_profile_is_the_share_of_starts_within_each_multiple() -> None:
    multiples = ratios(STEPS)
    at, shares = ShareLine("adam", multiples["adam"], 4.0).corners(1.0)
    assert (at.tolist(), shares.tolist()) == ([1, 1, 2, 4], [0, pytest.approx(1 / 3), 1, 1])
    at, shares = ShareLine("sgd", multiples["sgd"], 4.0).corners(1.0)
    assert (at.tolist(), shares.tolist()) == ([1, 1, 2, 4], [0, *[pytest.approx(share / 3) for share in (1, 2, 2)]])


def published_score(multiples: NDArray[np.float64], points: int) -> float:
    """AlgoPerf's own: the trapezoid rule over the profile at points from 1 to 4, by their distance."""
    tau = np.linspace(1.0, 4.0, points)
    profile = [(multiples <= end).mean() for end in tau]
    return float(np.trapezoid(profile, tau) / (tau.max() - tau.min()))


@pytest.mark.parametrize("row", [[1, 2, math.inf], [2, 1, 2], [1, 1, 1], [math.inf] * 3, [1.5, 3.25, 4.0, 9.0]])
def test_scores_are_those_of_algoperf(row: list[float]) -> None:
    exact = score(row)
    assert exact == pytest.approx(np.mean([max(0.0, 4 - multiple) / 3 for multiple in row]))
    # Its points are so close together that each corner costs at most half of a distance.
    assert exact == pytest.approx(published_score(np.array(row, dtype=np.float64), 10_001), abs=1e-3)


def test_ranks_are_shared_by_those_that_are_equal_and_those_that_fail() -> None:
    ranks = {rank.optimizer: rank for rank in mean_ranks(STEPS)}
    # From the first start 1, 2, 3; from the second 3, 1.5, 1.5; on the second problem 3, 2, 1.
    assert {name: rank.of_problems.tolist() for name, rank in ranks.items()} == {
        "sgd": [2, 3], "adam": [1.75, 2], "rprop": [2.25, 1],
    }  # fmt: skip
    assert [rank.optimizer for rank in mean_ranks(STEPS)] == ["rprop", "adam", "sgd"]
    assert ranks["rprop"].mean == 1.625
    assert ranks["rprop"].solved == pytest.approx(2 / 3)
    # Student's with one degree of freedom: 12.71 times the standard error of 2.25 and 1.
    assert ranks["rprop"].high - ranks["rprop"].mean == pytest.approx(12.706 * 1.25 / 2, rel=1e-4)


def test_one_problem_has_no_interval_and_separates_nothing() -> None:
    first, second, _ = mean_ranks(STEPS[:1])
    assert math.isnan(first.low)
    assert math.isnan(rank_p_value(first, second))


def test_ranks_of_equal_optimizers_are_said_to_differ_in_one_of_twenty_cases_at_most() -> None:
    generator = np.random.default_rng(0)

    def claims(better: float) -> bool:
        of_problems = generator.normal(size=(2, 11)) - np.array([[better], [0.0]])
        return rank_p_value(*(MeanRank("", row, 1.0) for row in of_problems)) < 0.05

    assert 0.02 < np.mean([claims(0.0) for _ in range(2_000)]) < 0.07
    assert np.mean([claims(2.0) for _ in range(500)]) > 0.9
    constant = MeanRank("", np.array([1.0, 1.0]), 1.0)
    assert rank_p_value(constant, constant) == 1
    assert rank_p_value(constant, MeanRank("", np.array([2.0, 2.0]), 1.0)) == 0
