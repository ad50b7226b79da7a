from pathlib import Path

import numpy as np
import pytest
import torch

from descent.data.noisy_points import read_noisy_points
from descent.data.points import write_points
from descent.errors import UserError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of an empty project, which is the current folder."""
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_points_are_read_to_the_last_bit_in_float64(folder: Path) -> None:
    drawn = np.random.default_rng(0)
    x, y = drawn.normal(size=20), drawn.normal(size=20) * 1e6
    write_points(folder / "points.csv", (x, y))
    train = read_noisy_points("points.csv").train
    assert len(train) == 20
    for column, expected in zip(train.head(20), (x, y), strict=True):
        assert column.dtype == torch.float64
        assert column.tolist() == expected.tolist()


def test_the_path_is_seen_from_the_project_wherever_in_it_one_stands(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "deep" / "within").mkdir(parents=True)
    (folder / "points.csv").write_text("x,y\n1,2\n")
    monkeypatch.chdir(folder / "deep" / "within")
    data = read_noisy_points("points.csv")
    assert data.files == (folder / "points.csv",)
    assert data.test is None
    ((x, y),) = data.train.minibatches(torch.tensor([[0]]))
    assert (x.tolist(), y.tolist()) == ([1], [2])


def test_missing_points_are_told_with_the_stage_that_makes_them(folder: Path) -> None:
    with pytest.raises(UserError, match="`dvc repro noisy_polynomial` makes it"):
        read_noisy_points("points.csv")
