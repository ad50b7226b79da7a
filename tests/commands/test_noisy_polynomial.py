import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from descent import cli
from descent.commands.noisy_polynomial import NoisyPolynomial, noisy_polynomial
from descent.core.data.noisy_polynomial import read_points
from descent.errors import UserError

PUBLISHED = NoisyPolynomial(
    count=100,
    low=-10,
    high=10,
    degree=6,
    noise=0.2,
    seed=0,
    control_points="data/source/control_points.csv",
    folder="data/noisy_polynomial",
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, without any data made yet; the current folder."""
    (tmp_path / "conf").mkdir()
    shutil.copy(ROOT / "conf" / "noisy_polynomial.yaml", tmp_path / "conf")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    shutil.copytree(ROOT / "data" / "source", tmp_path / "data" / "source")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def descent(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["descent", "noisy_polynomial", *arguments])
    cli.main()


def test_the_command_makes_the_published_points_and_their_picture_and_litters_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path for path in project.rglob("*") if path.is_file()}
    descent(monkeypatch)
    made = project / "data" / "noisy_polynomial"
    after = {path for path in project.rglob("*") if path.is_file()}
    assert after - before == {made / "points.csv", made / "points.png"}
    x, _ = read_points(made / "points.csv")
    np.testing.assert_array_equal(x, np.linspace(-10, 10, 100))
    noisy_polynomial(PUBLISHED.model_copy(update={"folder": "again"}))
    assert (project / "again" / "points.csv").read_bytes() == (made / "points.csv").read_bytes()
    with Image.open(made / "points.png") as picture:
        assert picture.size == (640, 480)


def test_the_noise_is_what_lies_between_the_points_and_those_without_noise(project: Path) -> None:
    noisy_polynomial(PUBLISHED)
    noisy_polynomial(PUBLISHED.model_copy(update={"noise": 0, "folder": "smooth"}))
    off = read_points(project / "data/noisy_polynomial/points.csv")[1] - read_points(project / "smooth/points.csv")[1]
    np.testing.assert_allclose(off, np.random.default_rng(0).normal(0, 0.2, 100), atol=1e-8)


def test_the_command_line_sets_parameters(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    descent(monkeypatch, "count=20", "low=-1", "high=1", "degree=2", "seed=5", "folder=elsewhere")
    x, _ = read_points(project / "elsewhere" / "points.csv")
    np.testing.assert_array_equal(x, np.linspace(-1, 1, 20))


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("count=6", "count=6: choose a number above degree=6"),
        ("degree=0", "degree=0: choose a whole number from 1"),
        ("degree=11", "has 11 points, and degree 11 needs 12"),
        ("low=10", "low=10: choose a number below high=10"),
        ("low=nan", "low=nan: choose a number"),
        ("high=inf", "high=inf: choose a number"),
        ("noise=-0.1", "noise=-0.1: choose a number from 0"),
        ("noise=nan", "noise=nan: choose a number from 0"),
        ("seed=-1", "seed=-1: choose a whole number from 0"),
        ("count=many", "count=many: choose a whole number"),
        ("count=10.5", "count=10.5: choose a whole number"),
        ("colour=red", "colour=red: there is no key or group 'colour'; choose one of count, low, "),
        ("control_points=none.csv", "none.csv"),
    ],
)
def test_a_parameter_that_makes_no_data_is_refused_in_one_line_and_nothing_written(
    project: Path, monkeypatch: pytest.MonkeyPatch, override: str, part: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        descent(monkeypatch, override)
    message = str(caught.value.code)
    assert message.startswith("descent noisy_polynomial: ")
    assert part in message
    assert "\n" not in message
    assert not (project / "data" / "noisy_polynomial").exists()


def test_a_spoilt_control_point_leaves_the_points_of_before(project: Path) -> None:
    noisy_polynomial(PUBLISHED)
    points = project / "data" / "noisy_polynomial" / "points.csv"
    before = points.read_bytes()
    source = project / "data" / "source" / "control_points.csv"
    source.write_text(source.read_text().replace("-3,2\n", "-3,two\n"))
    with pytest.raises(UserError, match="line 4: y is 'two'"):
        noisy_polynomial(PUBLISHED)
    assert points.read_bytes() == before
