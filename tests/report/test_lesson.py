import json
import re
import zlib
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report.parsed import Parsed

from descent.records.lesson import SurfaceDescents, read_lesson, write_lesson
from descent.report.lesson import NOWHERE, lesson_of
from descent.report.page import write_page

STEPS = 10
RATES = [[0.01, 0.1, 1.5], [0.02, 0.2, 3.0]]
STARTS = [[3.0, 2.0], [-4.0, 1.0]]
LIMIT = 100.0
"""Beyond it a descent has diverged."""


def bowl_descents() -> SurfaceDescents:
    """Descents on x² + y², whose every step multiplies the position by 1 - 2 lr."""
    rates, starts = np.array(RATES), np.array(STARTS)
    factors = (1 - 2 * rates[..., None, None]) ** np.arange(STEPS + 1)
    positions = factors[..., None] * starts[:, None, :]
    is_far = np.abs(positions).max(axis=-1) > LIMIT
    taken = np.where(is_far.any(axis=-1), is_far.argmax(axis=-1), STEPS)
    positions[np.arange(STEPS + 1) > taken[..., None]] = np.nan
    side = np.linspace(-5, 5, 40)
    return SurfaceDescents(
        about=np.array("A bowl that is <round>."),
        optimizers=np.array(["sgd", "twice"]),
        rates=rates,
        starts=starts,
        positions=positions.astype(np.float32),
        losses=(positions**2).sum(axis=-1).astype(np.float32),
        reached=(np.linalg.norm(np.nan_to_num(positions, nan=9), axis=-1) <= 0.05).astype(np.int8),
        steps=taken,
        diverged=is_far.any(axis=-1),
        first=side,
        second=side,
        heights=side**2 + side[:, None] ** 2,
        minima=np.array([[0.0, 0.0]]),
    )


def race_of(page: str) -> dict[str, Any]:
    """What the script of a page reads."""
    (text,) = re.findall(r'id="race-data">([^<]+)</script>', page)
    return json.loads(zlib.decompress(b64decode(text)))  # type: ignore[no-any-return]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page with a lesson on two surfaces."""
    bowl = bowl_descents()
    lesson = lesson_of({"bowl": bowl, "deep_bowl": replace(bowl, heights=bowl.heights - 60, losses=bowl.losses - 60)})
    write_page(tmp_path / "index.html", [], [], [], [], lesson)
    return tmp_path / "index.html"


def test_the_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = bowl_descents()
    write_lesson(tmp_path, {"bowl": written}, "steps: 10\n")
    (read,) = read_lesson(tmp_path).values()
    assert vars(read).keys() == vars(written).keys()
    for name, array in vars(written).items():
        np.testing.assert_array_equal(vars(read)[name], array)


def test_paths_losses_and_outcomes_are_those_of_the_record(page: Path) -> None:
    bowl = bowl_descents()
    surface = race_of(page.read_text(encoding="utf-8"))["surfaces"][0]
    assert surface["rates"] == [["0.01", "0.1", "1.5"], ["0.02", "0.2", "3"]]
    assert (surface["starts"], surface["minima"]) == (["(3, 2)", "(−4, 1)"], ["(0, 0)"])
    assert (surface["steps"], surface["diverged"]) == (bowl.steps.ravel().tolist(), bowl.diverged.ravel().tolist())
    assert 0 < sum(surface["diverged"]) < len(surface["diverged"])
    path = np.frombuffer(b64decode(surface["path"]), "<i2").reshape(bowl.positions.shape)
    shown = path[..., 0] != NOWHERE
    np.testing.assert_array_equal(shown, np.isfinite(bowl.losses))
    # Ten units of x and of y are as wide and as high as the view, whose middle is 0.
    first, second = np.array(surface["points"])
    unit = 10 * (first - second) / (bowl.starts[0] - bowl.starts[1])
    near = shown & (np.abs(np.nan_to_num(bowl.positions)).max(axis=-1) < 50)
    expected = 10 * first + unit * (bowl.positions[near] - bowl.starts[0])
    np.testing.assert_allclose(path[near], expected, atol=2, rtol=0.01)
    losses = np.frombuffer(b64decode(surface["losses"]), "<f4").reshape(bowl.losses.shape)
    np.testing.assert_allclose(losses, bowl.losses, rtol=1e-3)
    reached = np.frombuffer(b64decode(surface["reached"]), "i1").reshape(bowl.losses.shape)
    np.testing.assert_array_equal(reached, bowl.reached)


def test_losses_below_zero_have_a_chart_too(page: Path) -> None:
    surface = race_of(page.read_text(encoding="utf-8"))["surfaces"][1]
    heights = np.frombuffer(b64decode(surface["heights"]), "<i2").reshape(bowl_descents().losses.shape)
    assert (heights[heights != NOWHERE] > 0).all()
    assert (np.diff(heights[0, 1, 0][:5]) > 0).all()  # a falling loss is lower on the page


def test_every_control_has_a_name_and_the_texts_are_escaped(page: Path) -> None:
    parsed = Parsed(page)
    ids = [attributes["id"] for _, attributes in parsed.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    assert {label.get("for") for label in parsed.all("label")} == {"surface", "from", "rate", None}
    for text in ("Surface", "Start", "Learning rate", "too small", "too large", "deep bowl", "Step", "sgd", "twice"):
        assert text in parsed.text
    assert [attributes.get("role") for attributes in parsed.all("p")].count("status") == 1
    assert race_of(page.read_text(encoding="utf-8"))["surfaces"][0]["about"] == "A bowl that is <round>."
    assert "<round>" not in page.read_text(encoding="utf-8")
