import numpy as np

from descent.render.chart import BINS, chart, envelope


def test_of_a_long_curve_first_last_and_every_extreme_remain() -> None:
    values = np.random.default_rng(0).normal(size=100_000)
    values[[12_345, 67_890]] = 50, -50
    kept = envelope(values)
    assert len(kept) <= 2 * BINS + 2
    assert {0, 12_345, 67_890, 99_999} <= set(kept.tolist())
    assert (np.diff(kept) > 0).all()
    for part in np.array_split(np.arange(len(values)), BINS):
        within = values[kept[(kept >= part[0]) & (kept <= part[-1])]]
        assert (within.min(), within.max()) == (values[part].min(), values[part].max())


def test_a_short_curve_remains_whole() -> None:
    assert envelope(np.ones(2 * BINS)).tolist() == list(range(2 * BINS))


def test_parts_of_a_curve_that_are_not_finite_are_left_out() -> None:
    values = np.ones(10_000)
    values[5_000:] = np.nan
    kept = envelope(values)
    assert kept[np.isnan(values[kept])].tolist() == [9_999]


def test_a_chart_has_its_curves_between_its_sides() -> None:
    steps = np.arange(1.0, 11)
    drawn = chart("accuracy", {"train": (steps, steps / 10), "test": (steps, steps / 20)}, 10, height=130)
    assert set(drawn.lines) == {"train", "test"}
    assert list(drawn.x.values) == [0, 10]
    assert list(drawn.y.values) == [0.05, 1]
    assert drawn.y.ends[1] < drawn.y.ends[0] < drawn.bottom
