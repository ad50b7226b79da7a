import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Composed
from descents import network_descent, parabola_descent
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline

from descent.core.problems.positions import losses_at
from descent.core.training.landscape import ARROWS, GRID, TrainedRun, plane
from descent.core.training.training_run import TrainingRun
from descent.records.run import TRAJECTORY, Landscape, RunRecord
from descent.runs.train import train


def test_the_path_of_a_run_goes_from_its_start_through_every_step(composed: Composed, tmp_path: Path) -> None:
    parabola_descent(tmp_path, start=1, lr=0.1, steps=50)
    np.testing.assert_allclose(RunRecord(tmp_path).path(), 0.8 ** np.arange(51)[:, None])
    bowl = train(composed("problem=bowl", "optimizer.lr=0.1", "trainer.max_steps=30"))
    closed_form = np.array([-3, 4]) * 0.8 ** np.arange(31)[:, None]
    np.testing.assert_allclose(RunRecord(bowl.folder).path(), closed_form)


def test_a_field_has_heights_and_slopes_where_it_says(composed: Composed) -> None:
    settings = ("problem=rosenbrock", "landscape.x=[-2,2]", "landscape.y=[-1,3]", "optimizer.lr=1e-4")
    landscape = RunRecord(train(composed(*settings, "trainer.max_steps=2")).folder).landscape()
    assert landscape["kind"] == "field"
    x, y = np.meshgrid(landscape["first"], landscape["second"])
    np.testing.assert_allclose(landscape["heights"], 100 * (y - x**2) ** 2 + (1 - x) ** 2, atol=1e-9)
    x, y = landscape["arrows"].T
    downhill = np.stack([400 * x * (y - x**2) + 2 * (1 - x), -200 * (y - x**2)], axis=1)
    np.testing.assert_allclose(landscape["downhill"], downhill, atol=1e-9)
    assert landscape["minima"].tolist() == [[1, 1]]
    for component, (low, high) in zip(landscape["arrows"].T, ((-2, 2), (-1, 3)), strict=True):
        at = np.unique(component)
        np.testing.assert_allclose(np.diff(at), (high - low) / ARROWS)
        assert (at[0] - low) == pytest.approx(high - at[-1])


def test_a_curve_without_data_is_the_one_that_every_step_sees(composed: Composed) -> None:
    record = RunRecord(train(composed("problem=parabola", "trainer.max_steps=4")).folder)
    landscape = record.landscape()
    np.testing.assert_allclose(landscape["heights"], landscape["grid"] ** 2)
    np.testing.assert_allclose(landscape["losses"], record.path()[:, 0] ** 2)
    assert {*landscape} == {"kind", "x", "y", "grid", "heights", "losses"}


def test_with_data_each_step_sees_the_curve_of_its_minibatch(composed: Composed) -> None:
    record = RunRecord(train(composed("experiment=noisy_polynomial", "trainer.max_steps=5")).folder)
    landscape = record.landscape()
    assert landscape["steps"].tolist() == [0, 1, 2, 3, 4]
    losses = record.read("steps.csv").column("loss/step")

    def at(curve: NDArray[np.float64], x: float) -> float:
        return float(np.interp(x, landscape["grid"], curve))

    seen = [at(curve, x) for curve, (x,) in zip(landscape["seen"], record.path()[:-1], strict=True)]
    np.testing.assert_allclose(seen, losses, rtol=1e-3)
    assert landscape["examples"].shape == (2, 100)
    x, y = landscape["examples"]
    through_all = np.polyfit(x, y, 6)
    np.testing.assert_allclose(landscape["heights"], np.polyval(through_all, landscape["grid"]), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(landscape["losses"], np.polyval(through_all, record.path()[:, 0]), rtol=1e-6)


@pytest.mark.parametrize("rate", ["0.1", "0"])
def test_the_plane_of_a_network_is_known_a_quarter_of_its_paths_extent_around_it(composed: Composed, rate: str) -> None:
    result = train(composed("experiment=mnist_two_layer", f"optimizer.lr={rate}", "trainer.max_steps=5"))
    landscape = RunRecord(result.folder).landscape()
    for side, coordinates in zip((landscape["first"], landscape["second"]), landscape["path"].T, strict=True):
        low, high = coordinates.min(), coordinates.max()
        margin = (high - low) / 4 or 1e-3  # where the path stands still
        assert (side[0], side[-1]) == pytest.approx((low - margin, high + margin), rel=1e-4)
        assert len(side) == GRID
    assert landscape["heights"].shape == (GRID, GRID)


def plane_of(run: TrainingRun, record: RunRecord) -> Landscape:
    """The losses on 50 examples."""
    components = run.components
    train_examples = components.data.train
    return plane(TrainedRun(run.problem, train_examples, components.sampler, components.plan, record), examples=50)


def positions_of(run: TrainingRun, record: RunRecord) -> NDArray[np.float32]:
    return np.fromfile(record.files / TRAJECTORY, np.float32).reshape(-1, run.problem.size())


def test_the_heights_of_a_plane_are_the_losses_on_its_examples_where_the_path_is(tmp_path: Path) -> None:
    """A path of three positions lies in its plane; a spline through the heights of the grid gives those of the path."""
    run, record = network_descent(tmp_path, steps=2), RunRecord(tmp_path)
    landscape = plane_of(run, record)
    positions = torch.from_numpy(positions_of(run, record))
    expected = losses_at(run.problem, run.components.data.train.head(50), positions)
    spline = RectBivariateSpline(landscape["second"], landscape["first"], landscape["heights"])
    first, second = landscape["path"].T
    np.testing.assert_allclose(spline.ev(second, first), expected, rtol=1e-5)
    assert landscape["steps"].tolist() == [0, 1, 2]
    assert landscape["examples"] == 50
    assert landscape["explained"].sum() == pytest.approx(1)


def test_a_plane_has_the_positions_that_are_finite_and_the_last_of_a_network_that_ran_away(tmp_path: Path) -> None:
    run = network_descent(tmp_path, steps=300, optimizer=partial(torch.optim.SGD, lr=1e38))
    record = RunRecord(tmp_path)
    positions = positions_of(run, record)
    positions[2, 5] = math.inf
    positions.tofile(record.files / TRAJECTORY)
    landscape = plane_of(run, record)
    taken = run.state.steps_taken
    assert run.state.diverged
    assert landscape["steps"].tolist() == [0, 3, *range(9, taken, 3), taken]  # of 300 steps every third is kept
    assert landscape["path"].shape == (len(landscape["steps"]), 2)
