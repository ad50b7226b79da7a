from pathlib import Path

import numpy as np
import pytest
from numpy.polynomial import Polynomial

from descent.core.data.noisy_polynomial import fit, generate, read_points
from descent.errors import UserError

LINE = Polynomial([1.0, 2.0])


def test_a_polynomial_is_found_again_from_points_on_it() -> None:
    known = Polynomial([1, -2, 0.5, 0, 3, 0.25, -0.125])
    x = np.arange(-5.0, 6.0)
    found = fit((x, known(x)), degree=6)
    assert found.convert().coef.tolist() == pytest.approx(known.coef.tolist(), abs=1e-9)


def test_the_fit_leaves_a_remainder_that_no_power_explains() -> None:
    x = np.arange(-5.0, 6.0)
    y = np.array([5, 1.5, 2, 1.5, 0, -3, -1, 2, 3, 2.5, 5])
    remainder = y - fit((x, y), degree=6)(x)
    assert np.abs(remainder).max() > 0.1
    for power in range(7):
        assert abs(remainder @ (x / 5) ** power) < 1e-9


def test_without_noise_points_lie_on_the_polynomial_evenly_from_low_to_high() -> None:
    x, y = generate(LINE, count=5, low=-1, high=3, noise=0, seed=0)
    assert x.tolist() == [-1, 0, 1, 2, 3]
    assert y.tolist() == [-1, 1, 3, 5, 7]
    assert x.dtype == y.dtype == np.float64


def test_noise_is_normal_around_the_polynomial_with_the_standard_deviation_asked_for() -> None:
    count, noise = 100_000, 0.2
    x, y = generate(LINE, count=count, low=-10, high=10, noise=noise, seed=3)
    off = y - LINE(x)
    # Five standard errors of each estimate.
    assert abs(off.mean()) < 5 * noise / count**0.5
    assert abs(off.std() - noise) < 5 * noise / (2 * count) ** 0.5
    assert abs((np.abs(off) < noise).mean() - 0.6827) < 0.01


def test_a_seed_gives_the_same_points_and_another_others() -> None:
    first, again, other = (generate(LINE, 50, -10, 10, 0.2, seed)[1].tobytes() for seed in (1, 1, 2))
    assert first == again != other


def test_missing_points_are_reported_with_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dvc repro noisy_polynomial"):
        read_points(tmp_path / "points.csv")
