import math

import numpy as np
import pytest

from descent.articles.published_value import (
    Cause,
    Check,
    Verdict,
    animation_claim,
    claim,
    mean_with_interval,
    numbers,
    same_digits,
)


@pytest.mark.parametrize(
    ("published", "ours", "same"),
    [
        ("0.9455", 0.94554, True),
        ("0.9455", 0.94556, False),
        ("0.9455", 0.9454, False),
        ("2.34235971e+12", 2.342359714e12, True),
        ("2.34235971e+12", 2.34235972e12, False),
        ("-6.11110793e-10", -6.111107926e-10, True),
        ("-2499150084997", -2499150084997.0, True),
        ("-2499150084997", -2499150084996.0, False),
        ("0.9455", math.nan, False),
        ("0.9455", math.inf, False),
    ],
)
def test_numbers_are_compared_within_the_published_digits(published: str, ours: float, same: bool) -> None:
    assert same_digits(published, ours) is same


def test_the_input_error_widens_the_comparison() -> None:
    assert not same_digits("0.66587567", 0.665875678)
    assert same_digits("0.66587567", 0.665875678, input_error=5e-9)


RIGHT = Cause("a fault", Check([2.0], [2.0], 0.0))
WRONG = Cause("a fault", Check([2.0], [2.1], 0.01))


def test_numbers_are_explained_only_if_ours_is_right_and_a_fault_gives_the_published_digits() -> None:
    def verdict(ours: float, with_fault: float | None = None, cause: Cause | None = None) -> Verdict:
        fault = None if with_fault is None else [with_fault]
        return numbers("001", "a", ["1.00"], [ours], with_fault=fault, cause=cause).verdict

    assert verdict(1.001) == "reproduced"
    assert verdict(2.0, 1.001, RIGHT) == "explained"
    assert verdict(2.0, 1.001, WRONG) == "differs"
    assert verdict(2.0, 1.1, RIGHT) == "differs"
    assert verdict(2.0, cause=RIGHT) == "differs"
    assert verdict(2.0, 1.001) == "differs"
    assert verdict(2.0) == "differs"


@pytest.mark.parametrize("ours", [[math.nan, 2.0], [1.0, math.inf], [-math.inf, 2.0], [1.0], [], [1.0, 2.0, 3.0]])
def test_numbers_that_are_not_finite_or_not_as_many_differ(ours: list[float]) -> None:
    cause = Cause("a fault", Check(ours, [1.0, 2.0], 1.0))
    assert numbers("001", "a", ["1.00", "2.00"], ours).verdict == "differs"
    assert numbers("001", "a", ["3.00", "4.00"], ours, with_fault=[3.0, 4.0], cause=cause).verdict == "differs"
    assert numbers("001", "a", ["3.00", "4.00"], [1.0, 2.0], with_fault=ours, cause=RIGHT).verdict == "differs"


def test_the_difference_of_numbers_is_their_largest() -> None:
    assert numbers("001", "a", ["1.00", "2.00"], [1.5, 2.25]).difference == "0.5"
    assert numbers("001", "a", ["1.00", "2.00"], [1.0, math.nan]).difference == "nan"
    assert numbers("001", "a", ["1.00", "2.00"], [1.0]).difference == ""


def test_a_figure_has_the_text_of_its_cause_or_else_its_note() -> None:
    assert numbers("001", "a", ["1.00"], [2.0], with_fault=[1.0], cause=RIGHT, note="by the way").cause == "a fault"
    assert numbers("001", "a", ["1.00"], [1.0], note="by the way").cause == "by the way"
    assert claim("001", "a", "so", "so", holds=True, note="by the way").cause == "by the way"
    assert claim("001", "a", "so", "not so", holds=False, cause=WRONG).cause == "Not proved: a fault"


def test_a_claim_that_does_not_hold_needs_a_cause_and_ours_to_be_right() -> None:
    assert claim("001", "a", "so", "so", holds=True).verdict == "reproduced"
    assert claim("001", "a", "so", "not so", holds=False, cause=RIGHT).verdict == "explained"
    assert claim("001", "a", "so", "not so", holds=False, cause=WRONG).verdict == "differs"
    assert claim("001", "a", "so", "not so", holds=False).verdict == "differs"
    assert claim("001", "a", "so", "not so", holds=False, note="by the way").verdict == "differs"


def test_an_animation_needs_at_least_two_steps() -> None:
    assert animation_claim("001", "a GIF", "bowl", 2).verdict == "reproduced"
    assert animation_claim("001", "a GIF", "bowl", 1).verdict == "differs"


def test_a_check_holds_within_its_tolerance() -> None:
    assert Check([1.0, 2.0], [1.5, 2.5], 0.5).holds
    assert Check([1.0, 2.0], [1.5, 2.5], 0.5).largest_error == 0.5
    assert not Check([1.0, 2.0], [1.5, 2.0], 0.4).holds
    assert not Check([1.0, 2.0], [1.0, 2.5], [1.0, 0.4]).holds
    assert Check(np.ones((2, 2)), np.zeros((2, 2)), np.ones((2, 2))).holds


@pytest.mark.parametrize("ours", [[], [1.0], [1.0, math.nan], [math.inf, 2.0], [1.0, 2.0, 3.0]])
def test_a_check_of_missing_or_non_finite_numbers_does_not_hold(ours: list[float]) -> None:
    check = Check(ours, [1.0, 2.0], math.inf)
    assert not check.holds
    assert math.isnan(check.largest_error)


def test_an_empty_check_does_not_hold() -> None:
    assert not Check([], [], 0.0).holds


def test_the_interval_of_a_mean_has_the_stated_coverage() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        mean, half_width = map(float, mean_with_interval(generator.normal(100, 1, 5).tolist()).split(" ± "))
        covered += abs(mean - 100) <= half_width
    assert 0.935 < covered / 2000 < 0.965
