from pathlib import Path

import numpy as np
import pytest
import torch

from descent.core.data.noisy_points import fresh_noisy_points, read_noisy_points
from descent.core.data.points import write_points


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


def test_the_path_is_relative_to_the_project_in_any_working_directory(
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


def test_fresh_points_lie_along_the_polynomial_through_the_control_points_which_are_the_file_they_come_from(
    folder: Path,
) -> None:
    (folder / "control_points.csv").write_text("x,y\n0,1\n1,3\n2,5\n")
    data = fresh_noisy_points("control_points.csv", count=3, low=-1, high=3, degree=1, noise=0, seed=0)
    x, y = data.train.head(3)
    assert x.tolist() == [-1, 1, 3]
    assert y.tolist() == pytest.approx([-1, 3, 7])
    assert data.files == (folder / "control_points.csv",)
