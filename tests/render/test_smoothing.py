import numpy as np

from descent.render.smoothing import smoothed


def test_the_mean_of_a_line_is_the_line() -> None:
    line = np.linspace(3, -2, 1000)
    np.testing.assert_allclose(smoothed(line), line, atol=1e-12)


def test_noise_is_averaged_over_a_fiftieth_of_the_series() -> None:
    noise = np.random.default_rng(0).normal(size=10_000)
    window = 201
    expected = np.convolve(noise, np.ones(window) / window, mode="valid")
    np.testing.assert_allclose(smoothed(noise)[100:-100], expected, atol=1e-12)


def test_the_ends_of_a_series_are_its_own() -> None:
    values = np.random.default_rng(1).normal(size=500)
    np.testing.assert_allclose(smoothed(values)[[0, -1]], values[[0, -1]], rtol=1e-9)


def test_a_short_series_stays_as_it_is() -> None:
    values = np.array([3.0, 1.0, 2.0])
    assert smoothed(values).tolist() == values.tolist()


def test_values_that_are_not_finite_have_no_part() -> None:
    values = np.ones(1000)
    values[[0, 500, 501]] = np.inf, np.nan, -np.inf
    mean = smoothed(values)
    assert np.isnan(mean[0])
    assert (mean[1:] == 1).all()
    assert smoothed(np.empty(0)).size == 0
