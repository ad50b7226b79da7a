import re
import secrets
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from end_to_end.commands import ENVIRONMENT, here, run, started
from tracking.runs import rows
from waiting import eventually

from descent.core.config import TrainConfig
from descent.records.run import STEPS, RunRecord
from descent.records.sweep import SweepRecord
from descent.runs.composition import CommandLine
from descent.runs.sweep_identity import identity_overrides
from descent.runs.sweep_task import SweepTask

pytestmark = pytest.mark.services

SWEEP = ("descent", "train", "-m", "problem=himmelblau", "trainer.max_steps=20", "problem.start=[0.5,-1]")
RATES = "optimizer.lr=1e-3,1e-2"
CHILDREN = (
    "select c.name, c.status, p.name from runs c join tags t on t.run_uuid = c.run_uuid "
    "and t.key = 'mlflow.parentRunId' join runs p on p.run_uuid = t.value order by c.name"
)


def check_trained(done: subprocess.CompletedProcess[str], project: Path) -> None:
    """The sweep of two jobs went well, and its runs are in MLflow."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 jobs: 2 trained, 0 resumed, 0 finished before, 0 failed" in done.stdout
    children = rows(f"sqlite:///{project}/mlflow.db", CHILDREN)
    assert children == [(f"steepest_descent lr={lr}", "FINISHED", "himmelblau: lr") for lr in (0.001, 0.01)]


def is_open(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as to:
        return to.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def cluster() -> Iterator[dict[str, str]]:
    """What a process needs to know of a Ray cluster of two nodes on this machine, each with room for one job."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    known = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_ADDRESS": address}
    node = ("ray", "start", "--block", "--num-cpus=1", "--disable-usage-stats")
    head = ("--head", f"--port={port}", "--include-dashboard=false")
    with ExitStack() as until_over:
        # Away from the project, and where the paths of its sockets are short enough.
        home = until_over.enter_context(tempfile.TemporaryDirectory(prefix="ray", dir="/tmp"))

        for arguments in ((*head, f"--temp-dir={home}"), (f"--address={address}",)):
            process = subprocess.Popen(
                (*node, *arguments), cwd=home, env=ENVIRONMENT | known,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            until_over.callback(process.wait)
            until_over.callback(process.terminate)
            assert eventually(lambda: is_open(port), seconds=90)
        assert eventually(lambda: run("ray", "status", cwd=Path(home), **known).stdout.count(" 1 node_") == 2, 90)
        yield known


def test_ray_runs_the_jobs_on_the_nodes_of_its_cluster(project: Path, cluster: dict[str, str]) -> None:
    done = run(*SWEEP, RATES, "hydra/launcher=ray_cluster", cwd=project, **cluster)
    check_trained(done, project)
    # Each node has room for one, in a process of its own.
    assert len(set(re.findall(r"_run_job pid=(\d+)", done.stdout + done.stderr))) == 2


def test_an_error_of_a_launcher_is_reported_in_a_line(project: Path) -> None:
    done = here(*SWEEP, RATES, "hydra/launcher=joblib", "hydra.launcher.n_jobs=0", "tracking=none", cwd=project)
    assert done.returncode == 1
    assert done.stderr == "descent train: ValueError: n_jobs == 0 in Parallel has no meaning\n"


def test_submitit_runs_the_jobs_in_processes_of_their_own(project: Path) -> None:
    check_trained(here(*SWEEP, RATES, "hydra/launcher=submitit_local", cwd=project), project)


def test_jobs_that_run_elsewhere_end_with_their_sweep(project: Path) -> None:
    long = ("trainer.max_steps=200000", "trainer.checkpoint_seconds=0.5", "tracking=none")
    with started(*SWEEP, RATES, *long, "hydra/launcher=submitit_local", cwd=project) as sweep:
        assert eventually(lambda: len(list(project.glob("runs/*.unfinished/record/checkpoint.ckpt"))) == 2, seconds=120)
        sweep.send_signal(signal.SIGINT)
        assert sweep.wait(timeout=30) == 130
    (folder,) = (project / "sweeps").iterdir()
    assert SweepRecord(folder).state().status == "KILLED"
    jobs = [int(left.name) for left in (folder / ".submitit").iterdir() if left.name.isdigit()]
    assert jobs
    assert eventually(lambda: not any(Path(f"/proc/{job}").exists() for job in jobs), seconds=30)
    for left in (project / "runs").iterdir():
        record = RunRecord(left)
        assert record.ending() is None
        assert not record.failed()
        assert [row[0] for row in record.read(STEPS).rows] == list(range(1, len(record.read(STEPS).rows) + 1))


def test_workers_of_joblib_end_when_their_sweep_is_killed(project: Path) -> None:
    long = ("trainer.max_steps=1000000", "trainer.checkpoint_seconds=0.5", "tracking=none")
    with started(*SWEEP[:4], RATES, *long, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", cwd=project) as sweep:
        assert eventually(lambda: len(list(project.glob("runs/*.unfinished/record/checkpoint.ckpt"))) == 2, seconds=120)
        children = Path(f"/proc/{sweep.pid}/task/{sweep.pid}/children").read_text().split()
        assert len(children) >= 2
        sweep.kill()
    assert eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children), seconds=15)
    for left in (project / "runs").iterdir():
        assert RunRecord(left).ending() is None
        assert not RunRecord(left).failed()


def test_a_job_that_does_not_see_its_sweep_syncs_its_run_as_a_child_of_it(
    project: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = f"sqlite:///{project}/mlflow.db"
    check_trained(here(*SWEEP, RATES, cwd=project), project)
    (folder,) = (project / "sweeps").iterdir()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    known = [word.replace(str(project), str(elsewhere)) for word in identity_overrides(SweepRecord(folder))]
    words = (*SWEEP[3:], "optimizer.lr=1e-1", f"tracking.uri={store}", *known)
    line = CommandLine("train", TrainConfig, words)
    with line.hydra() as hydra:
        hydra.run("train", SweepTask(), list(words))
    assert "lr=0.1: " in capsys.readouterr().out
    assert ("steepest_descent lr=0.1", "FINISHED", "himmelblau: lr") in rows(store, CHILDREN)
