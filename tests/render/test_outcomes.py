import pytest
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle

from descent.render.outcomes import outcomes_picture


def test_each_outcome_has_a_bar_with_its_interval_in_their_order_downwards() -> None:
    figure = outcomes_picture("bowl", {"finished": (0.55, 0.5, 0.6), "diverged": (0.45, 0.4, 0.5)}, 2_000)
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches if isinstance(bar, Rectangle)] == pytest.approx([55, 45])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["finished", "diverged"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    (intervals,) = axes.collections
    assert isinstance(intervals, LineCollection)
    assert [segment[:, 0].tolist() for segment in intervals.get_segments()] == [
        pytest.approx([50, 60]), pytest.approx([40, 50]),
    ]  # fmt: skip
    assert [text.get_text() for text in axes.texts] == ["55 % (50 % to 60 %)", "45 % (40 % to 50 %)"]
    assert axes.get_xlabel() == "% of 2,000 runs, with 95 % intervals"
