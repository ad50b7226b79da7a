import json
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from end_to_end.commands import TESTS, here, run
from idx_files import write_digests
from tracking.runs import rows

from descent.records.run import RunRecord, run_folders

STAGES = ("train@noisy_polynomial", "train@mnist_two_layer")
SHORT = {"mnist_two_layer": {"trainer": {"max_steps": 30}, "evaluation": {"first": 1, "every": 10}}}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Path:
    """A project as cloned, but with the small MNIST's digests and a short experiment."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("conf", "src", "data/source", ".dvc"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("cache", "tmp", "__pycache__"))
    for name in ("dvc.yaml", "data.dvc", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    write_digests(folder / "src/descent/datasets/mnist.sha256", small_data / "mnist")
    for name, settings in SHORT.items():
        path = folder / f"conf/experiment/{name}.yaml"
        path.write_text("# @package _global_\n" + yaml.safe_dump(yaml.safe_load(path.read_text()) | settings))
    assert run("git", "init", "-q", cwd=folder).returncode == 0
    return folder


def stages_run(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def repro(clone: Path, *stages: str, **environment: str) -> list[str]:
    """Reproduce stages; the names of those that ran."""
    environment = {"PYTHONPATH": f"{clone / 'src'}:{TESTS}", **environment}
    done = run("dvc", "repro", *stages, cwd=clone, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return stages_run(done.stdout)


@pytest.mark.services
def test_the_main_job_goes_through_and_a_changed_point_reruns_what_depends_on_it(
    clone: Path, small_data: Path, empty_store: Path
) -> None:
    mnist = str(small_data / "mnist")
    assert sorted(repro(clone, *STAGES, MNIST_DIR=mnist)) == [
        "compose", "fetch", "noisy_polynomial", "train@mnist_two_layer", "train@noisy_polynomial",
    ]  # fmt: skip
    assert repro(clone, *STAGES, MNIST_DIR=mnist) == []

    points = clone / "data/source/control_points.csv"
    points.write_text(points.read_text().replace("-5,5\n", "-5,6\n"))
    assert repro(clone, *STAGES, MNIST_DIR=mnist) == ["noisy_polynomial", "train@noisy_polynomial"]

    store = f"sqlite:///{clone}/mlflow.db"
    finished = rows(store, "select name, status, count(*) from runs group by name, status order by name")
    assert finished == [("sgd lr=0.1 two_layer", "FINISHED", 1), ("steepest_descent lr=0.3 seed=2", "FINISHED", 2)]
    experiments = rows(store, "select e.name from runs r join experiments e using (experiment_id) order by 1")
    assert experiments == [("mnist",), ("noisy_polynomial",), ("noisy_polynomial",)]

    # A stage that DVC takes from its cache runs no command; its run gets to a new store all the same.
    shutil.copy(empty_store, clone)
    shutil.rmtree(clone / "runs")
    assert run("dvc", "checkout", *STAGES, cwd=clone).returncode == 0
    synced = here("descent", "sync", cwd=clone)
    assert synced.returncode == 0, synced.stderr
    assert len(rows(store, "select * from runs where status = 'FINISHED'")) == 2

    metrics = run("dvc", "metrics", "show", "--json", cwd=clone)
    shown = json.loads(metrics.stdout)[""]["data"]["runs/mnist_two_layer/record/metrics.json"]["data"]
    assert 0 <= shown["accuracy/test"] <= 1
    plots = run("dvc", "plots", "show", "--out", "plots", cwd=clone)
    assert plots.returncode == 0, plots.stderr
    assert "accuracy/test" in (clone / "plots" / "index.html").read_text()


@pytest.mark.services
def test_a_sweep_that_was_finished_and_killed_before_dvc_knew_is_brought_to_mlflow_as_it_is(
    clone: Path, empty_store: Path
) -> None:
    repro(clone, "optimizers")
    before = {folder: RunRecord(folder).header.id for folder in run_folders([clone / "sweeps"])}
    (clone / "dvc.lock").unlink()
    shutil.rmtree(clone / "mlartifacts")
    shutil.copy(empty_store, clone)
    assert "optimizers" in repro(clone, "optimizers")
    assert {folder: RunRecord(folder).header.id for folder in run_folders([clone / "sweeps"])} == before
    assert rows(f"sqlite:///{clone}/mlflow.db", "select status, count(*) from runs group by status") == [
        ("FINISHED", len(before) + 1)
    ]
