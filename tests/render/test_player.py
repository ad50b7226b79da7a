import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from render import test_curve, test_field, test_plane

from descent.render.curve import CurveDescent
from descent.render.field import FieldDescent
from descent.render.plane import PlaneDescent
from descent.render.player import NO_VALUE, StepSeries, player
from descent.render.scene import MAX_PLAYER_FRAMES, MAX_STEP_CURVES

Array = NDArray[np.float64]
Descent = CurveDescent | FieldDescent | PlaneDescent
LIMIT = 150_000
"""The most bytes of a player."""


def series(steps: int) -> StepSeries:
    return StepSeries(loss=10 / np.arange(1.0, steps + 1), gradient_norm=np.sqrt(np.arange(1.0, steps + 1)))


def frames_of(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="frames">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)  # type: ignore[no-any-return]


def steps_of(page: str) -> list[int]:
    return [int(text.replace(",", "")) for text in frames_of(page)["figures"]["step"]]


def noisy(steps: int) -> CurveDescent:
    """A descent whose steps have different minibatch losses, each a little higher than the one before."""
    descent = test_curve.descent(np.asarray(3.0 * 0.99 ** np.arange(steps + 1), dtype=np.float64))
    grid = np.linspace(-7, 7, 400)
    return replace(
        descent,
        grid=grid,
        curve=grid**2,
        examples=(np.linspace(-7, 7, 100), np.linspace(-7, 7, 100) ** 2),
        frames=[(taken, grid**2 + np.sin(5 * grid) + taken / steps) for taken in range(0, steps, max(1, steps // 300))],
    )


def rugged(steps: int) -> FieldDescent:
    """A walk over noise, with contours in nearly every cell of the grid."""
    random = np.random.default_rng(0)
    field = test_field.bowl()
    side = np.linspace(-5, 5, 200)
    arrows = random.uniform(-5, 5, size=(18 * 18, 2))
    ground = replace(field, grid=(side, side), heights=random.normal(size=(200, 200)), arrows=arrows, downhill=-arrows)
    return FieldDescent("Noise", ground, random.normal(size=(steps + 1, 2)).cumsum(axis=0) / 100, diverged=False)


def network(steps: int) -> PlaneDescent:
    """A network's descent with an evaluation at every hundredth of its steps."""
    random = np.random.default_rng(0)
    short = test_plane.descent(101)
    return replace(short, steps=np.linspace(0, steps, 101).round(), losses=random.normal(size=(31, 31)) ** 2,
                   grid=(np.linspace(-1, 4, 31), np.linspace(-1, 3, 31)))  # fmt: skip


SHORT: dict[str, Descent] = {
    "curve": test_curve.descent(np.asarray(3.0 * 0.8 ** np.arange(11), dtype=np.float64)),
    "curve with data": noisy(100),
    "field": test_field.descent(),
    "plane": test_plane.descent(),
}
TAKEN = {"curve": 10, "curve with data": 100, "field": 20, "plane": 110}


@pytest.mark.parametrize("kind", [noisy, rugged, network], ids=["curve", "field", "plane"])
def test_the_file_is_small_for_100_000_steps_too(kind: Any) -> None:
    steps = 100_000
    random = np.random.default_rng(0)
    page = player(kind(steps), StepSeries(random.lognormal(size=steps), random.lognormal(size=steps)))
    assert 20_000 < len(page.encode()) < LIMIT
    assert steps_of(page)[0] == 0
    assert steps_of(page)[-1] == steps


@pytest.mark.parametrize("name", SHORT)
def test_the_values_are_those_of_the_step(name: str) -> None:
    descent, record = SHORT[name], series(TAKEN[name])
    page = player(descent, record)
    figures = frames_of(page)["figures"]
    steps = steps_of(page)
    assert (steps[0], steps[-1]) == (0, TAKEN[name])
    assert steps == sorted(set(steps))
    for measure, values in (("loss", record.loss), ("gradient norm", record.gradient_norm)):
        assert figures[measure] == [NO_VALUE] + [f"{values[step - 1]:.6g}" for step in steps[1:]]
    if isinstance(descent, PlaneDescent):
        assert steps == descent.steps.tolist()
        assert set(figures) == {"step", "loss", "gradient norm"}
    else:
        assert figures["position x"] == [f"{descent.path[step, 0]:.6g}" for step in steps]
        assert ("position y" in figures) == isinstance(descent, FieldDescent)
    if isinstance(descent, FieldDescent):
        assert figures["position y"] == [f"{descent.path[step, 1]:.6g}" for step in steps]


@pytest.mark.parametrize("name", SHORT)
def test_everything_that_moves_has_a_position_at_every_frame(name: str) -> None:
    page = player(SHORT[name], series(TAKEN[name]))
    frames = frames_of(page)
    count = len(frames["figures"]["step"])
    assert {len(frames[moving]) for moving in ("path", "marks", "losses")} == {count}
    assert all(len(values) == count for values in frames["figures"].values())
    assert None not in frames["path"]
    assert frames["losses"][0] is None
    assert None not in frames["losses"][1:]
    assert frames["end"] == count - 1
    assert f'max="{count - 1}"' in page


def test_positions_on_the_page_are_proportional_to_positions_in_the_view() -> None:
    path = np.array([[-5, -5], [5, 5], [0, 0], [2.5, -2.5]], dtype=np.float64)
    corners = frames_of(player(replace(test_field.descent(), path=path), series(3)))["path"]
    (left, bottom), (right, top), middle, between = corners
    assert left < right
    assert top < bottom  # the page's units go downwards
    assert right - left == pytest.approx(bottom - top)  # one unit on both axes
    assert middle == pytest.approx([(left + right) / 2, (top + bottom) / 2])
    assert between == pytest.approx([left + 0.75 * (right - left), top + 0.75 * (bottom - top)], abs=0.06)


def test_a_step_is_shown_with_its_minibatch_loss_and_the_position_on_it() -> None:
    descent = noisy(100)
    frames = frames_of(player(descent, series(100)))
    assert len(set(frames["stepCurves"])) == 101
    assert frames["stepCurves"][0] == ""
    assert all(curve.startswith("M") for curve in frames["stepCurves"][1:])
    # Each curve is 0.01 higher than the one before, on a page on which 15 units of the loss are 212 high.
    unit = (frames["path"][0][1] - frames["path"][100][1]) / (descent.path[0, 1] - descent.path[100, 1])
    for step in (1, 50, 100):
        x = descent.path[step, 0]
        above = np.interp(x, descent.grid, descent.frames[step - 1][1]) - descent.path[step, 1]
        assert frames["dots"][step][0] == frames["path"][step][0]
        assert frames["dots"][step][1] - frames["path"][step][1] == pytest.approx(above * unit, abs=0.11)


def test_many_step_curves_are_thinned() -> None:
    frames = frames_of(player(noisy(3_000), series(3_000)))
    assert MAX_STEP_CURVES / 2 <= len(frames["stepCurves"]) <= MAX_STEP_CURVES + 2


def test_a_curve_without_data_has_no_step_curves() -> None:
    frames = frames_of(player(test_curve.descent(), series(10)))
    assert (frames["stepCurves"], frames["dots"]) == ([], None)


def test_a_long_path_keeps_the_step_at_which_it_leaves_the_view() -> None:
    path = np.append(1.0 + 1e-5 * np.arange(20_000), [8.0, -90, 1000])
    page = player(test_curve.descent(path, diverged=True), series(20_002))
    steps = steps_of(page)
    assert len(steps) <= MAX_PLAYER_FRAMES + 1
    assert steps[frames_of(page)["end"]] == 19_999
    assert "diverged after step 19,999" in page


@pytest.mark.parametrize("name", test_curve.DIVERGED)
def test_a_diverged_path_on_a_curve_is_drawn_too(name: str) -> None:
    path = test_curve.DIVERGED[name]
    taken = len(path) - 1
    losses = np.full(taken, np.inf)
    losses[-1] = np.nan
    page = player(test_curve.descent(path, diverged=True), StepSeries(losses, losses))
    figures = frames_of(page)["figures"]
    assert figures["position x"] == [f"{x:.6g}" for x in path]
    assert figures["loss"] == [NO_VALUE, *["inf"] * (taken - 1), "nan"]
    finite = np.isfinite(path) & np.isfinite(test_curve.descent(path).path[:, 1])
    assert [place is not None for place in frames_of(page)["path"]] == finite.tolist()
    assert "diverged after step" in page


@pytest.mark.parametrize("name", test_field.DIVERGED)
def test_a_diverged_path_in_a_field_is_drawn_too(name: str) -> None:
    descent, last_in_view = test_field.DIVERGED[name]
    page = player(descent, series(len(descent.path) - 1))
    frames = frames_of(page)
    assert steps_of(page)[frames["end"]] == last_in_view
    assert f"diverged after step {last_in_view:,}" in page
    assert all(abs(value) <= 1.1e5 for place in frames["path"] if place for value in place)


@pytest.mark.parametrize("name", test_plane.ENDS)
def test_a_diverged_network_is_drawn_too(name: str) -> None:
    descent = test_plane.ENDS[name]
    steps = int(descent.steps[-1]) + 5  # the path leaves out last positions that are not finite
    frames = frames_of(player(descent, series(steps)))
    assert frames["figures"]["step"][-1] == str(steps)
    assert frames["path"][-1] == frames["path"][-2]


def test_a_run_without_steps_has_a_player_too() -> None:
    page = player(test_field.descent(steps=0), StepSeries(np.empty(0), np.empty(0)))
    assert frames_of(page)["figures"]["loss"] == [NO_VALUE]


@pytest.mark.parametrize("heights", [np.nan, 1.0], ids=["nan", "level"])
def test_a_field_without_heights_has_no_bands(heights: float) -> None:
    field = test_field.bowl()
    level = replace(field, heights=np.full_like(field.heights, heights), downhill=np.zeros_like(field.downhill))
    page = player(replace(test_field.descent(), field=level), series(20))
    assert 'class="band' not in page
    assert 'class="arrows"' not in page


TITLE = '</script><script>alert("1")</script><!-- & \' {{ 1 }}'


@pytest.mark.parametrize("name", SHORT)
def test_a_title_is_escaped(name: str) -> None:
    page = player(replace(SHORT[name], title=TITLE), series(TAKEN[name]))
    assert page.count("</script>") == page.count("<script") == 2
    assert "alert" in page
    assert "<script>alert" not in page
    assert frames_of(page)


@pytest.mark.parametrize("name", SHORT)
def test_the_page_loads_nothing_from_outside(name: str) -> None:
    page = player(SHORT[name], series(TAKEN[name]))
    assert re.findall(r"https?:|//[a-z]|@import|localStorage|sessionStorage|document\.cookie|fetch\(", page) == []
    assert set(re.findall(r'(?:href|src)="([^"#])', page)) == {"d"}  # the icon, which is empty: data:,
    assert all(link.startswith("#") for link in re.findall(r"url\(([^)]*)\)", page))


@pytest.mark.parametrize("name", SHORT)
def test_the_page_has_every_element_and_every_value_that_its_script_reads(name: str) -> None:
    page = player(SHORT[name], series(TAKEN[name]))
    ids = set(re.findall(r' id="([^"]+)"', page))
    assert len(re.findall(r'element\("', page)) > 5
    assert set(re.findall(r'element\("([^"]+)"\)(?!\?)', page)) <= ids
    optional = set(re.findall(r'element\("([^"]+)"\)\?', page))
    assert optional == {"step-curve", "reached"}
    assert ("step-curve" in ids) == (name == "curve with data")
    assert set(re.findall(r"frames\.(\w+)", page)) == set(frames_of(page))


@pytest.mark.parametrize("name", SHORT)
def test_without_scripts_it_shows_the_end(name: str) -> None:
    page = player(SHORT[name], series(TAKEN[name]))
    figures = frames_of(page)["figures"]
    for measure, values in figures.items():
        assert f'<dd data-figure="{measure}">{values[-1]}</dd>' in page
    assert '<div class="controls" id="controls" hidden>' in page
    (track,) = re.findall(r'id="track" points="([^"]*)"', page)
    assert len(track.split()) == len(figures["step"])
    assert "<noscript>" in page


def test_minima_arrows_and_evaluations_are_named() -> None:
    field = player(test_field.descent(), series(20))
    assert {"negative gradient</li>", "minimum</li>", "start</li>", "end</li>"} <= set(
        re.findall(r"[a-z ]+</li>", field)
    )
    plane = player(test_plane.descent(), series(110))
    assert {"each step</li>", "train</li>", "test</li>"} <= set(re.findall(r"[a-z ]+</li>", plane))
    assert "loss over 2,000 training images" in plane
    assert "1st principal direction (90 %)" in plane


def test_a_network_without_accuracies_has_a_chart_of_its_losses_alone() -> None:
    descent = replace(network(50), accuracy={})
    page = player(descent, series(50))
    assert 'aria-label="loss over the steps"' in page
    assert 'aria-label="accuracy over the steps"' not in page
    assert 'class="line train"' in page
    assert 'aria-label="curves"' in page
