import numpy as np
from render.test_shapes import points_of

from descent.render.chart import BINS, TOP, chart, envelope


def test_the_envelope_of_a_long_curve_keeps_its_ends_and_extremes() -> None:
    values = np.random.default_rng(0).normal(size=100_000)
    values[[12_345, 67_890]] = 50, -50
    kept = envelope(values)
    assert len(kept) <= 2 * BINS + 2
    assert {0, 12_345, 67_890, 99_999} <= set(kept.tolist())
    assert (np.diff(kept) > 0).all()
    for part in np.array_split(np.arange(len(values)), BINS):
        within = values[kept[(kept >= part[0]) & (kept <= part[-1])]]
        assert (within.min(), within.max()) == (values[part].min(), values[part].max())


def test_a_short_curve_is_kept_whole() -> None:
    assert envelope(np.ones(2 * BINS)).tolist() == list(range(2 * BINS))


def test_parts_of_a_curve_that_are_not_finite_are_left_out() -> None:
    values = np.ones(10_000)
    values[5_000:] = np.nan
    kept = envelope(values)
    assert kept[np.isnan(values[kept])].tolist() == [9_999]


def test_a_chart_draws_its_curves_within_its_sides() -> None:
    steps = np.arange(1.0, 11)
    curves = {"train": (steps, steps / 10), "test": (steps, steps / 20)}
    accuracy = chart("accuracy", curves, 10, height=130)
    assert set(accuracy.lines) == {"train", "test"}
    assert list(accuracy.x.values) == [0, 10]
    assert list(accuracy.y.values) == [0.05, 1]
    assert TOP < accuracy.y.ends[1] < accuracy.y.ends[0] < accuracy.bottom
    left, right = accuracy.x.ends
    for label, (_, values) in curves.items():
        (points,) = points_of(accuracy.lines[label])
        np.testing.assert_allclose(points[:, 0], left + steps / 10 * (right - left), atol=0.0501)
        np.testing.assert_allclose(points[:, 1], np.interp(values, [0.05, 1], accuracy.y.ends), atol=0.0501)
