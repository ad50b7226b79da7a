import numpy as np
import pytest

from descent.figures.figure import claim, drawn, interval, numbers, same_digits


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
    ],
)
def test_numbers_are_the_same_as_far_as_the_published_digits_go(published: str, ours: float, same: bool) -> None:
    assert same_digits(published, ours) is same


def test_what_goes_in_with_few_digits_leaves_what_comes_out_open() -> None:
    assert not same_digits("0.66587567", 0.665875678)
    assert same_digits("0.66587567", 0.665875678, open_by=5e-9)


def test_numbers_are_explained_only_by_a_fault_that_gives_the_published_digits() -> None:
    assert numbers("001", "a", ["1.00"], [1.001]).verdict == "reproduced"
    assert numbers("001", "a", ["1.00"], [2.0], [1.001], "a fault").verdict == "explained"
    assert numbers("001", "a", ["1.00"], [2.0], [1.1], "a fault").verdict == "differs"
    assert numbers("001", "a", ["1.00"], [2.0], [1.001]).verdict == "differs"
    assert numbers("001", "a", ["1.00"], [2.0]).verdict == "differs"


def test_numbers_that_are_missing_are_no_match() -> None:
    with pytest.raises(ValueError, match="shorter"):
        numbers("001", "a", ["1.00", "2.00"], [1.0])


def test_a_claim_that_does_not_hold_needs_a_cause() -> None:
    assert claim("001", "a", "so", "so", holds=True).verdict == "reproduced"
    assert claim("001", "a", "so", "not so", holds=False, cause="why").verdict == "explained"
    assert claim("001", "a", "so", "not so", holds=False).verdict == "differs"
    assert claim("001", "a", "so", "not so", holds=False, note="by the way").verdict == "differs"


def test_a_draw_from_the_same_distribution_is_reproduced_as_often_as_is_said() -> None:
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(2000):
        *samples, published = generator.normal(0.9, 0.01, 6)
        inside += drawn("004", "a", f"{published:.6f}", samples, of=1).verdict == "reproduced"
    assert 0.935 < inside / 2000 < 0.965


def test_a_draw_from_elsewhere_differs() -> None:
    assert drawn("004", "a", "0.99", [0.90, 0.91, 0.905, 0.895, 0.9], of=34).verdict == "differs"


def test_the_interval_of_a_mean_covers_it_as_often_as_is_said() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        mean, reach = map(float, interval(generator.normal(100, 1, 5).tolist()).split(" ± "))
        covered += abs(mean - 100) <= reach
    assert 0.935 < covered / 2000 < 0.965
