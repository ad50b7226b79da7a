"""The wheel alone, in an environment without the checkout: a project from nothing, and the user's own in it."""

import csv
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.services

NETWORK = """
from torch import nn


def regularized(inputs):
    return nn.Sequential(
        nn.Linear(inputs, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1)
    )
"""
PRICES = "size,rooms,town,price\n" + "".join(
    f"{40 + 3 * row},{1 + row % 4},{('Rome', 'Pisa')[row % 2]},{100 + 6 * row + 30 * (row % 2)}\n" for row in range(60)
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a new virtual environment, which has the wheel, and its dependencies from this one's."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("src", "conf"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    new, pip = folder / "new", [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source], check=True)
    subprocess.run([sys.executable, "-m", "venv", new], check=True)
    (wheel,) = folder.glob("descent-*.whl")
    subprocess.run([*pip, "--python", new, "install", "--quiet", "--no-deps", wheel], check=True)
    # Installed anew, the dependencies would take minutes and gigabytes. A .pth file in a folder that a .pth file adds
    # has no effect, so that the checkout, which this environment has by one, is not found.
    (packages,) = new.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    path = [str(new / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {**variables, "PATH": os.pathsep.join(path), "MLFLOW_DISABLE_TELEMETRY": "true"}


@pytest.fixture
def project(tmp_path: Path, environment: dict[str, str], empty_store: Path) -> Path:
    """A project made in an empty folder."""
    shell("descent init .", tmp_path, environment)
    shutil.copy(empty_store, tmp_path)
    return tmp_path


def shell(command: str, folder: Path, environment: dict[str, str]) -> str:
    """What a command that succeeds prints."""
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_project_from_nothing_works_with_the_wheel_alone(project: Path, environment: dict[str, str]) -> None:
    origin = shell("python -c 'import descent; print(descent.__file__)'", project, environment)
    assert not Path(origin).is_relative_to(ROOT)

    assert "valley: converged" in shell("dvc repro", project, environment)
    assert "up to date" in shell("dvc repro", project, environment)
    assert (project / "runs" / "valley" / "views" / "descent.png").is_file()
    with (project / "sweeps" / "optimizers" / "views" / "runs.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 9

    sweep = "descent train -m experiment=himmelblau trainer.max_steps=50 optimizer=sgd,adam,rmsprop"
    printed = shell(f"{sweep} optimizer.lr=0.01 hydra/launcher=fused", project, environment)
    assert "3 jobs: 3 trained, 0 resumed, 0 finished before, 0 failed" in printed

    test = f"{sys.executable} -m pytest --quiet -p no:cacheprovider"
    assert "1 passed" in shell(test, project, environment)

    surfaces = project / "surfaces.py"
    surfaces.write_text(surfaces.read_text().replace("/ 20", "/ 10"))
    assert "Running stage 'train'" in shell("dvc repro train", project, environment)


def test_the_users_own_network_data_and_choices_are_found(project: Path, environment: dict[str, str]) -> None:
    (project / "networks.py").write_text(NETWORK)
    (project / "prices.csv").write_text(PRICES)
    for group in ("network", "data", "optimizer"):
        (project / "conf" / group).mkdir()
    (project / "conf" / "network" / "regularized.yaml").write_text("_target_: networks.regularized\ninputs: 4\n")
    (project / "conf" / "data" / "prices.yaml").write_text(
        "defaults: [csv]\nsource: {path: prices.csv, target: price, categories: [town]}\nbatch_size: 12\n"
    )
    # One of the package's names: the project's comes first.
    (project / "conf" / "optimizer" / "adam.yaml").write_text("_target_: torch.optim.Adam\n_partial_: true\nlr: 0.05\n")
    train = "descent train problem=regression data=prices network=regularized optimizer=adam trainer.max_epochs=40"
    printed = shell(train, project, environment)
    assert "regression: finished" in printed
    (run,) = (project / "runs").glob("regression-*")
    config = (run / "record" / "config.yaml").read_text()
    assert "lr: 0.05" in config
    with (run / "record" / "evaluations.csv").open() as file:
        first, *_, last = csv.DictReader(file)
    assert float(last["loss/test"]) < 0.1 * float(first["loss/test"])
    assert "holds this run already" in shell(train, project, environment)


def test_outside_of_a_project_a_line_says_what_to_do(tmp_path: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["descent", "train", "experiment=himmelblau"], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"descent train: {tmp_path} is in no project: ")
    assert done.stderr.count("\n") == 1
