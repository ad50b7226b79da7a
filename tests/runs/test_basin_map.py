from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Composed
from matplotlib.figure import Figure
from multirun import common

from descent.records.sweep import SweepRecord
from descent.runs.basin_map import train_map
from descent.runs.sweep_identity import header_of

MAP = ("sweep=basin", "basin.cells=3")


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """What is saved, in its order."""
    saved: list[Figure] = []
    save = Figure.savefig

    def noted(figure: Figure, *to: Any, **how: Any) -> None:
        saved.append(figure)
        save(figure, *to, **how)

    monkeypatch.setattr(Figure, "savefig", noted)
    return saved


def test_a_map_of_several_runs_a_cell_shows_their_shares(
    composed: Composed, project: Path, figures: list[Figure]
) -> None:
    words = ("experiment=noisy_polynomial", "trainer.max_steps=3", "basin.seeds=4", *MAP)
    sweep = SweepRecord.create(project / "map", header_of(common(project, *words)), "")
    train_map(composed(*words), sweep)
    (figure,) = figures
    *panels, _ = figure.axes
    assert {panel.get_xlabel() for panel in panels} <= {"start", ""}
    shares = [np.asarray(mesh.get_array()) for panel in panels for mesh in panel.collections]
    np.testing.assert_allclose(sum(shares), np.full((3, 3), 100))
    assert (sweep.files / "basin.csv").exists()


def test_a_map_over_one_of_two_components_says_where_the_other_starts(
    composed: Composed, project: Path, figures: list[Figure], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("problem=bowl", "problem.start=[1,2.5]", "trainer.max_steps=3", *MAP)
    train_map(composed(*words), SweepRecord.create(project / "map", header_of(common(project, *words)), ""))
    (figure,) = figures
    assert figure.axes[0].get_xlabel() == "x of the start (y = 2.5)"
    *shares, _ = capsys.readouterr().out.splitlines()
    assert sum(float(share.partition("%")[0]) for share in shares) == pytest.approx(100, abs=0.2)
