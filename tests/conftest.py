import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from idx_files import write_mnist
from omegaconf import DictConfig

from descent.core.config import TrainConfig
from descent.core.data.points import write_points
from descent.project import project_root
from descent.runs.composition import typed
from descent.tracking.store import connect

ROOT = project_root()
Composed = Callable[..., TrainConfig]


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as the data stages leave it, but small: 600 training images."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "mnist").mkdir()
    write_mnist(folder / "mnist", train=600, test=200)
    (folder / "noisy_polynomial").mkdir()
    x = np.linspace(-10, 10, 100)
    y = np.polynomial.Polynomial([-2, 0.1, 0.5, 0, 0.001])(x) + np.random.default_rng(0).normal(0, 0.2, 100)
    write_points(folder / "noisy_polynomial" / "points.csv", (x, y))
    return folder


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow store, made once: its schema takes seconds."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    connect(f"sqlite:///{path}")
    return path


def make_project(folder: Path, small_data: Path) -> Path:
    """Make a folder a project with this one's configuration and small data."""
    shutil.copytree(ROOT / "conf", folder / "conf")
    shutil.copy(ROOT / "dvc.yaml", folder)
    shutil.copytree(small_data, folder / "data")
    return folder


def composed_in(project: Path, *overrides: str) -> TrainConfig:
    """A project's training configuration with overrides, by default without MLflow."""
    return typed(TrainConfig, composition_in(project, *overrides))


def composition_in(project: Path, *overrides: str) -> DictConfig:
    """The same as Hydra composes it.

    Equal files and overrides are composed once, since that takes Hydra a tenth of a second and more.
    """
    files = sorted((project / "conf").rglob("*.yaml"))
    stats = ((path.relative_to(project), path.stat()) for path in files)
    key = (*overrides, *((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats))
    if key not in COMPOSED:
        with initialize_config_dir(str(project / "conf"), version_base="1.3"):
            COMPOSED[key] = compose("train", ["tracking=none", *overrides])
    return COMPOSED[key].copy()


COMPOSED: dict[tuple[object, ...], DictConfig] = {}


@pytest.fixture
def project(tmp_path: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own; the current folder."""
    monkeypatch.chdir(make_project(tmp_path, small_data))
    return tmp_path


@pytest.fixture
def composed(project: Path) -> Composed:
    """Composes the project's training configuration."""
    return partial(composed_in, project)
