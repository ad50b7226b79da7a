import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from PIL import Image

from descent.records.files import write_arrays
from descent.records.folder import RECORD, VIEWS
from descent.render.gradients import GRADIENTS, PICTURE, Gradients, draw_gradients, gradients_picture
from descent.render.style import BLUE, RED
from descent.render.trail import Array


def panel(size: int, agree: bool = True) -> Gradients:
    values = np.random.default_rng(size).normal(size=size)
    return Gradients(f"weight {size}", values, values + 1e-9, agree)


def points(figure: Figure, place: int) -> Array:
    _, dots = figure.axes[place].lines
    return np.array(dots.get_xydata())


def test_every_component_is_drawn_where_it_is() -> None:
    panels = [panel(78_400), panel(100), panel(10)]
    figure = gradients_picture("a", panels)
    assert len(figure.axes) == 3
    for place, gradients in enumerate(panels):
        np.testing.assert_array_equal(
            points(figure, place), np.column_stack([gradients.backpropagation, gradients.difference])
        )


def test_a_panel_is_square_and_holds_all_its_components_and_its_diagonal() -> None:
    (axes,) = gradients_picture("a", [Gradients("w", np.array([-3.0, 1.0]), np.array([-3.0, 4.0]), False)]).axes
    assert axes.get_xlim() == axes.get_ylim() == pytest.approx((-4.4, 4.4))
    assert axes.get_aspect() == 1
    diagonal = np.array(axes.lines[0].get_xydata())
    np.testing.assert_array_equal(diagonal[:, 0], diagonal[:, 1])


def test_panels_say_whether_the_gradients_agree() -> None:
    figure = gradients_picture("a", [panel(5), panel(6, agree=False)])
    assert [axes.get_title() for axes in figure.axes] == ["weight 5, agree", "weight 6, disagree"]
    assert [same_color(axes.lines[1].get_color(), RED) for axes in figure.axes] == [False, True]
    assert same_color(figure.axes[0].lines[1].get_color(), BLUE)


@pytest.mark.parametrize("components", [[0.0, 0.0], [np.nan, np.inf], [1.0, np.nan], [1e-300, 0.0], [1e300, -1e300]])
def test_zero_and_non_finite_gradients_are_drawn_too(components: list[float]) -> None:
    file = io.BytesIO()
    gradients_picture("a", [Gradients("w", np.array(components), np.array([0.0, 1e-12]), False)]).savefig(file)
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGBA"))
    assert (pixels[..., 3] == 255).all()
    assert (pixels[0, 0] == 255).all()


def test_a_link_in_place_of_the_picture_is_replaced(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("mine")
    for name in (RECORD, VIEWS):
        (tmp_path / name).mkdir()
    (tmp_path / VIEWS / PICTURE).symlink_to(own)
    write_arrays(
        tmp_path / RECORD / GRADIENTS,
        {"title": np.array("a"), "agrees": np.array([True]), "w": np.array([[1.0], [1.0]])},
    )
    draw_gradients(tmp_path)
    assert own.read_text() == "mine"
    with Image.open(tmp_path / VIEWS / PICTURE) as image:
        assert image.format == "PNG"
