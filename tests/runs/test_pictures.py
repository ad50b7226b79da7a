from pathlib import Path

import numpy as np
import pytest
from conftest import Composed
from descents import parabola_descent
from PIL import Image

from descent.core.problems.surface import Surface
from descent.core.problems.surfaces import rosenbrock
from descent.records.run import RunRecord
from descent.render.animation import FRAMES
from descent.render.plane import PlaneDescent, plane_pictures
from descent.runs import pictures
from descent.runs.tracked_run import train


def frames(path: Path) -> int:
    with Image.open(path) as image:
        return getattr(image, "n_frames", 1)


def test_the_path_of_a_run_goes_from_its_start_through_every_step(composed: Composed, tmp_path: Path) -> None:
    parabola_descent(tmp_path, start=1, lr=0.1, steps=50)
    np.testing.assert_allclose(pictures.path_of(RunRecord(tmp_path)), 0.8 ** np.arange(51)[:, None])
    bowl = train(composed("problem=bowl", "optimizer.lr=0.1", "trainer.max_steps=30"))
    closed = np.array([-3, 4]) * 0.8 ** np.arange(31)[:, None]
    np.testing.assert_allclose(pictures.path_of(RunRecord(bowl.folder)), closed)


def test_a_field_has_heights_and_slopes_where_it_says() -> None:
    seen = pictures.field_of(Surface(rosenbrock, [0, 0], [[1, 1]]), (), (-2, 2), (-1, 3))
    x, y = np.meshgrid(*seen.grid)
    np.testing.assert_allclose(seen.heights, 100 * (y - x**2) ** 2 + (1 - x) ** 2, atol=1e-9)
    x, y = seen.arrows.T
    downhill = np.stack([400 * x * (y - x**2) + 2 * (1 - x), -200 * (y - x**2)], axis=1)
    np.testing.assert_allclose(seen.downhill, downhill, atol=1e-9)
    assert seen.minima == [(1, 1)]


def test_arrows_lie_evenly_over_a_field() -> None:
    seen = pictures.field_of(Surface(rosenbrock, [0, 0]), (), (-2, 2), (-1, 3))
    for component, (low, high) in zip(seen.arrows.T, (seen.x, seen.y), strict=True):
        at = np.unique(component)
        np.testing.assert_allclose(np.diff(at), (high - low) / pictures.ARROWS)
        assert (at[0] - low) == pytest.approx(high - at[-1])


@pytest.mark.parametrize("rate", ["0.1", "1", "10", "1e-10"])
def test_a_run_of_two_parameters_has_its_picture_still_and_animated(composed: Composed, rate: str) -> None:
    outcome = train(composed("problem=bowl", f"optimizer.lr={rate}", "trainer.max_steps=40"))
    assert outcome.result == {"0.1": "finished", "10": "diverged"}.get(rate, "finished")
    with Image.open(outcome.folder / "descent.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 0
    assert frames(outcome.folder / "descent.gif") == (2 if rate == "10" else 41)


def test_a_run_of_one_parameter_is_animated_from_its_start_to_its_end(composed: Composed) -> None:
    outcome = train(composed("problem=parabola", "optimizer.lr=0.1", "trainer.max_steps=20"))
    assert frames(outcome.folder / "descent.gif") == 21


def test_a_run_on_minibatches_is_animated_up_to_the_last_curve_that_a_step_sees(composed: Composed) -> None:
    outcome = train(composed("experiment=noisy_polynomial", "trainer.max_steps=20"))
    assert frames(outcome.folder / "descent.gif") == 20
    many = train(composed("experiment=noisy_polynomial", "trainer.max_steps=200", "optimizer.lr=0.01"))
    assert FRAMES / 2 < frames(many.folder / "descent.gif") <= FRAMES


@pytest.mark.parametrize("rate", ["0.1", "0"])
def test_the_plane_of_a_network_is_known_a_quarter_of_its_paths_extent_around_it(
    composed: Composed, monkeypatch: pytest.MonkeyPatch, rate: str
) -> None:
    drawn: list[PlaneDescent] = []

    def noted(descent: PlaneDescent, still: Path, animation: Path) -> None:
        drawn.append(descent)
        plane_pictures(descent, still, animation)

    monkeypatch.setattr(pictures, "plane_pictures", noted)
    train(composed("experiment=mnist_two_layer", f"optimizer.lr={rate}", "trainer.max_steps=5"))
    (descent,) = drawn
    for side, coordinates in zip(descent.grid, descent.path.T, strict=True):
        low, high = coordinates.min(), coordinates.max()
        margin = (high - low) / 4 or 1e-3  # where the path stands still
        assert (side[0], side[-1]) == pytest.approx((low - margin, high + margin), rel=1e-4)
        assert len(side) == pictures.GRID
    assert descent.losses.shape == (pictures.GRID, pictures.GRID)
