from pathlib import Path

import numpy as np
from matplotlib.colors import to_hex

from descent.render.basins import MINIMUM_COLOURS, OTHER_COLOURS, outcomes_picture, shares_picture

STARTS, RATES = np.linspace(-2, 2, 5), np.logspace(-3, 0, 4)
OUTCOMES = ["at the minimum 1", "at the minimum 2", "at rest elsewhere", "oscillates", "diverged"]
WHICH = np.array([[3, 3, 3, 3, 3], [0, 0, 3, 1, 1], [0, 0, 1, 1, 1], [4, 4, 4, 4, 4]])


def test_every_cell_has_the_colour_of_its_outcome(tmp_path: Path) -> None:
    figure = outcomes_picture("Map", "start", STARTS, RATES, OUTCOMES, WHICH, (1.0, 0.1))
    figure.savefig(tmp_path / "map.png")  # drawing sets the colours
    (axes,) = figure.axes
    (mesh,) = axes.collections
    assert figure.get_suptitle() == "Map"
    colours = [*MINIMUM_COLOURS[:2], *(OTHER_COLOURS[outcome] for outcome in OUTCOMES[2:])]
    faces = [to_hex(face) for face in mesh.get_facecolor()]  # type: ignore[arg-type]
    assert faces == [to_hex(colours[which]) for which in WHICH.flatten()]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("start", "learning rate", "log")


def test_the_legend_has_the_share_of_cells_of_each_outcome_that_occurs() -> None:
    figure = outcomes_picture("Map", "start", STARTS, RATES, OUTCOMES, WHICH, (1.0, 0.1))
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == [
        "at the minimum 1 (20%)",
        "at the minimum 2 (25%)",
        "oscillates (30%)",
        "diverged (25%)",
        "the experiment",
    ]


def test_the_experiment_is_marked_if_it_is_on_the_map() -> None:
    for experiment, marked in (((1.0, 0.1), True), ((1.0, 10.0), False), ((-3.0, 0.1), False)):
        (axes,) = outcomes_picture("Map", "start", STARTS, RATES, OUTCOMES, WHICH, experiment).axes
        points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines]  # type: ignore[index]
        assert points == ([experiment] if marked else [])


def test_shares_have_a_panel_each_on_one_scale() -> None:
    shares = {name: np.full((4, 5), share) for name, share in zip(OUTCOMES[:3], (0.5, 0.3, 0.2), strict=True)}
    figure = shares_picture("Map", "start", STARTS, RATES, shares, (1.0, 0.1))
    *panels, bar = figure.axes
    assert [panel.get_title() for panel in panels] == OUTCOMES[:3]
    places = [panel.get_subplotspec() for panel in panels]
    assert [place.get_geometry()[:3] for place in places if place] == [(2, 2, 0), (2, 2, 1), (2, 2, 2)]
    for panel, share in zip(panels, (50, 30, 20), strict=True):
        (mesh,) = panel.collections
        assert (mesh.get_clim(), set(np.asarray(mesh.get_array()).flatten().tolist())) == ((0, 100), {share})
    assert (figure.get_suptitle(), bar.get_ylabel()) == ("Map", "of the runs of a cell, %")


def test_six_minima_have_different_colours() -> None:
    outcomes = [*(f"at the minimum {number}" for number in range(1, 7)), *OUTCOMES[2:]]
    (legend,) = outcomes_picture(
        "Map", "start", np.arange(9.0), RATES[:1], outcomes, np.arange(9)[None], (1, 1)
    ).legends
    colours = [to_hex(patch.get_facecolor()) for patch in legend.get_patches()]
    assert len(set(colours)) == len(colours) == 9
