import shutil
from pathlib import Path

import pytest
from conftest import ROOT
from end_to_end.commands import run
from tracking.runs import rows

pytestmark = pytest.mark.services

RATE = "conf/experiment/noisy_polynomial.yaml:optimizer.lr"
STAGE = "train@noisy_polynomial"
GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")
TAGGED = (
    "select t.value, p.value, r.status from runs r join tags t using (run_uuid) join params p using (run_uuid) "
    "where t.key = 'dvc.experiment' and p.key = 'optimizer.lr' order by 1"
)


@pytest.fixture
def clone(tmp_path: Path, empty_store: Path) -> Path:
    """A project as cloned and committed, its polynomial's points made."""
    for name in ("conf", "src", "data/source", ".dvc"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("cache", "tmp", "__pycache__"))
    for name in ("dvc.yaml", "data.dvc", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copy(empty_store, tmp_path)
    for command in (("git", "init", "-q"), ("dvc", "repro", "-q", "noisy_polynomial"), ("git", "add", "-A")):
        done = run(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert run(*GIT, "commit", "-qm", "start", cwd=tmp_path).returncode == 0
    return tmp_path


def test_dvc_experiments_land_in_the_projects_store_under_their_names(clone: Path) -> None:
    here = run("dvc", "exp", "run", "-n", "here", "-S", f"{RATE}=0.05", STAGE, cwd=clone)
    assert here.returncode == 0, here.stdout + here.stderr
    queued = run("dvc", "exp", "run", "--queue", "-n", "queued", "-S", f"{RATE}=0.1", STAGE, cwd=clone)
    assert queued.returncode == 0, queued.stdout + queued.stderr
    done = run("dvc", "exp", "run", "--run-all", cwd=clone)
    assert done.returncode == 0, done.stdout + done.stderr

    store = f"sqlite:///{clone}/mlflow.db"
    assert rows(store, TAGGED) == [("here", "0.05", "FINISHED"), ("queued", "0.1", "FINISHED")]
    shown = run("dvc", "exp", "show", "--csv", "--only-changed", cwd=clone)
    assert "here" in shown.stdout
    assert "queued" in shown.stdout
