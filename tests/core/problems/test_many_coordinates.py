"""Surfaces of three coordinates and more."""

import re

import pytest
import torch
from conftest import Composed
from descents import timeless, train_together

from descent.core.build import assemble
from descent.core.problems.starts import drawn
from descent.core.problems.surface import Surface
from descent.core.problems.surfaces import chained_rosenbrock, ellipsoid, rosenbrock
from descent.errors import UserError
from descent.records.run import EVALUATIONS, STEPS, RunRecord
from descent.render.run_views import STILL, draw
from descent.runs.train import train

ELLIPSOID = ("problem=ellipsoid", "problem.start=[1,2,3]", "trainer.max_steps=40")


def test_their_heights_are_those_of_their_formulas() -> None:
    point = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    assert ellipsoid(*point).item() == pytest.approx(0.25 + 10 * 1 + 100 * 4)
    assert ellipsoid(*point[:2]).item() == pytest.approx(0.25 + 100 * 1)
    assert ellipsoid(*point[:1]).item() == pytest.approx(0.25)
    x, y, z = point
    assert chained_rosenbrock(x, y, z) == rosenbrock(x, y) + rosenbrock(y, z)
    assert chained_rosenbrock(x, y) == rosenbrock(x, y)
    assert chained_rosenbrock(*torch.ones(7)).item() == 0


def test_every_step_has_its_position_which_is_that_of_the_closed_form(composed: Composed) -> None:
    """Of steepest descent on a sum of squares, each coordinate shrinks by its own factor."""
    record = RunRecord(train(composed(*ELLIPSOID, "optimizer.lr=0.004")).folder)
    factors = [1 - 2 * 0.004 * curvature for curvature in (1, 10, 100)]
    for table in (STEPS, EVALUATIONS):
        rows = record.read(table)
        for name, start, factor in zip(("x1", "x2", "x3"), (1, 2, 3), factors, strict=True):
            expected = [start * factor ** int(step) for step in rows.column("step")]
            assert rows.column(name).tolist() == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert record.path().shape == (41, 3)


def test_runs_in_a_batch_are_to_the_last_bit_what_each_is_alone(composed: Composed) -> None:
    starts = ([1, 2, 3], [-1, 0.5, 2], [9, 9, 9])
    jobs = [("problem=chained_rosenbrock", f"problem.start={start}", "trainer.max_steps=30") for start in starts]
    results = train_together(*(composed(*job, f"run_dir=both/{number}") for number, job in enumerate(jobs)))
    assert results[2].result == "diverged"
    for number, (job, together) in enumerate(zip(jobs, results, strict=True)):
        alone = train(composed(*job, f"run_dir=alone/{number}"))
        assert timeless(RunRecord(together.folder), STEPS) == timeless(RunRecord(alone.folder), STEPS)


@pytest.mark.parametrize("count", [3, 20, 21])
def test_the_path_is_drawn_in_the_plane_that_it_spans(composed: Composed, count: int) -> None:
    """Of more than 20 coordinates, from the snapshots."""
    start = f"problem.start={[1.0] * count}"
    folder = train(composed("problem=ellipsoid", start, "trainer.max_steps=40", "optimizer.lr=0.004")).folder
    record = RunRecord(folder)
    assert ("x1" in record.read(STEPS).columns) == (count <= 20)
    landscape = record.landscape()
    assert landscape["examples"] == 0
    first, second = (landscape[name] for name in ("first", "second"))
    heights, path = landscape["heights"], landscape["path"]
    # The loss is known where the path ends, which is the plane's origin.
    at_end = heights[abs(second).argmin(), abs(first).argmin()]
    assert at_end <= heights.min() + 0.1 * (heights.max() - heights.min())
    assert path[-1].tolist() == pytest.approx([0, 0], abs=1e-9)
    assert draw(folder)
    assert (folder / "views" / STILL).exists()


def test_a_run_diverges_when_any_of_its_coordinates_is_beyond_the_threshold(composed: Composed) -> None:
    result = train(composed(*ELLIPSOID, "optimizer.lr=0.011", "divergence_threshold=4"))
    assert result.result == "diverged"
    last = RunRecord(result.folder).read(STEPS).rows[-1]
    assert abs(last[-1] or 0) > 4 >= abs(last[-2] or 0)


def test_a_start_is_drawn_for_as_many_coordinates_as_it_is_given() -> None:
    position = Surface(ellipsoid, drawn(4, seed=1, x=[2, 3], y=[-3, -2])).position()
    assert [2 <= value <= 3 for value in position] == [True, False, True, False]
    assert [-3 <= value <= -2 for value in position] == [False, True, False, True]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("problem=ellipsoid", "problem.start=2"), "problem.start: this surface has as many coordinates as its start"),
        (("problem=ellipsoid", "problem.start=[1,nan,2]"), "problem.start=[1, nan, 2]: not finite; choose 3 finite "),
        (("problem=chained_rosenbrock", "problem.start=[1]"), "problem chained_rosenbrock has no parameter that its"),
    ],
)
def test_a_start_that_makes_no_sense_is_refused_in_a_line(
    composed: Composed, overrides: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(said)}"):
        assemble(composed(*overrides, "trainer.max_steps=1"))
