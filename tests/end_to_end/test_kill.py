import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from end_to_end.commands import here, started
from tracking.runs import rows
from waiting import eventually

from descent.records.run import EVALUATIONS, STEPS, RunRecord

pytestmark = pytest.mark.services

LENGTH = 3000
TRAIN = (
    "descent", "train", "experiment=mnist_two_layer", "optimizer=adam", "schedule=cosine", "data.batch_size=64",
    f"trainer.max_steps={LENGTH}", "trainer.checkpoint_seconds=0.1", "evaluation.every=500",
)  # fmt: skip


def without_times(folder: Path, table: str) -> list[list[float | None]]:
    return [row[:1] + row[2:] for row in RunRecord(folder).read(table).rows]


def steps_left(project: Path) -> int:
    """How many steps the last checkpoint of the only run that has not ended covers."""
    return sum(
        len(RunRecord(path.parent.parent).read(STEPS).rows)
        for path in project.glob("runs/*.unfinished/record/committed.json")
    )


@pytest.fixture
def training(project: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run in the middle of its steps, with some checkpoints behind it."""
    with started(*TRAIN, "run_dir=runs/killed", cwd=project) as process:
        assert eventually(lambda: steps_left(project) >= LENGTH / 10, seconds=120)
        yield process


def test_a_run_that_is_interrupted_says_how_it_is_resumed(project: Path, training: subprocess.Popen[bytes]) -> None:
    training.send_signal(signal.SIGINT)
    assert training.wait(timeout=60) == 130
    said = (project / "said.txt").read_text().splitlines()
    assert said[-2:] == ["the same command resumes from the last checkpoint", "descent train: interrupted"]
    assert all(line.startswith("step ") for line in said[:-2])
    (left,) = (project / "runs").iterdir()
    assert RunRecord(left).ending() is None
    assert not RunRecord(left).failed()


def test_a_killed_run_ends_as_if_it_had_not_been_killed(project: Path, training: subprocess.Popen[bytes]) -> None:
    training.kill()
    assert training.wait() == -9
    (unfinished,) = (project / "runs").glob("*.unfinished")
    store = f"sqlite:///{project}/mlflow.db"
    before = RunRecord(unfinished).read(STEPS).rows
    assert 0 < len(before) < LENGTH
    synced = here("descent", "sync", cwd=project)
    assert synced.returncode == 0, synced.stderr
    ((run_id, status),) = rows(store, "select run_uuid, status from runs")
    assert status == "KILLED"

    resumed = here(*TRAIN, "run_dir=runs/killed", cwd=project)
    assert resumed.returncode == 0, resumed.stderr
    straight = here(*TRAIN, "run_dir=runs/straight", "tracking=none", "trainer.chunk_size=7", cwd=project)
    assert straight.returncode == 0, straight.stderr

    killed, whole = project / "runs" / "killed", project / "runs" / "straight"
    weights, expected = (
        torch.load(folder / "record" / "checkpoint.ckpt", weights_only=True)["state_dict"] for folder in (killed, whole)
    )
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in weights)
    for table in (STEPS, EVALUATIONS):
        assert without_times(killed, table) == without_times(whole, table)
    assert [row[0] for row in RunRecord(killed).read(STEPS).rows] == list(range(1, LENGTH + 1))
    assert RunRecord(killed).read(STEPS).rows[: len(before)] == before  # with their times: they were not taken again

    assert rows(store, "select run_uuid, status from runs") == [(run_id, "FINISHED")]
    points = [step for (step,) in rows(store, "select step from metrics where key = 'loss/step' order by step")]
    assert len(points) == len(set(points)) == 1000
    assert (points[0], points[-1]) == (1, LENGTH)
