"""The layout of figures, which takes longer to compute than all else that is drawn, once for those that share it."""

from collections.abc import Hashable

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

_positions: dict[Hashable, list[Bbox]] = {}


def lay_out(figure: Figure, key: Hashable) -> None:
    """Place the axes of a figure where those of an earlier one with its key are, or by its own layout engine.

    Args:
        figure: with all that its layout depends on.
        key: equal for figures whose layout is equal: of one size, and with texts of equal size around their axes.
    """
    if key not in _positions:
        engine = figure.get_layout_engine()
        assert engine is not None
        FigureCanvasAgg(figure)
        engine.execute(figure)
        _positions[key] = [axes.get_position(original=True) for axes in figure.axes]
    figure.set_layout_engine("none")
    for axes, position in zip(figure.axes, _positions[key], strict=True):
        axes.set_position(position)
