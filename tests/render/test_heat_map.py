import numpy as np

from descent.render.heat_map import heat_map_picture


def test_a_cell_has_its_text_which_is_white_where_it_is_dark() -> None:
    shades = np.array([[1.0, 0.0], [0.2, 0.7]])
    figure = heat_map_picture(
        "Steps", ["sgd", "adam"], ["bowl", "cubic"], shades, [["3\n100%", "–"], ["9\n50%", "4\n90%"]]
    )
    (axes,) = figure.axes
    cells = {text.get_position(): (text.get_text(), text.get_color()) for text in axes.texts}
    dark, light = "white", "#1a1a1a"
    assert cells == {
        (0, 0): ("3\n100%", dark), (1, 0): ("–", light), (0, 1): ("9\n50%", light), (1, 1): ("4\n90%", dark),
    }  # fmt: skip
    assert [label.get_text() for label in axes.get_xticklabels()] == ["bowl", "cubic"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["sgd", "adam"]
    (image,) = axes.images
    assert np.asarray(image.get_array()).tolist() == shades.tolist()
