"""What a user waits for besides training."""

import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.descents import composed
from benchmarks.measured import CLOSE, Measured, in_turns
from benchmarks.sweeps import project
from descent.project import project_root
from descent.records.run import STEPS, RunRecord
from descent.runs.train import train
from descent.tracking.store import connect
from descent.tracking.sync import NOT_ARTIFACTS, sync

LIBRARIES = (sys.executable, "-c", "import pytorch_lightning, mlflow")
METRICS = 1_000
MEGABYTE = 1024  # kilobytes, in which Linux gives a process's peak


def waiting(turns: int) -> list[Measured]:
    """All comparisons of what a user waits for, and how much memory it takes."""
    first, imports = in_turns(turns, _first_step, partial(_seconds, *LIBRARIES))
    help_, again, status = in_turns(
        CLOSE * turns,
        partial(_seconds, "descent", "--help"),
        partial(_seconds, "dvc", "repro"),
        partial(_seconds, "dvc", "status"),
    )
    return [
        Measured(
            "descent train, from command to first step", "importing Lightning and MLflow", "s", first, imports, 1.5
        ),
        Measured("descent --help", "half a second", "s", help_, [0.5] * len(help_), 1.0),
        Measured("dvc repro with nothing to do", "dvc status", "s", again, status, 1.5),
        *_sync(turns),
        _memory(turns),
    ]


def _seconds(*command: str) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=project_root(), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def _first_step() -> float:
    """From the command to when the first step is taken, MLflow's schema to be made and all."""
    with project() as folder:
        started = time.time()
        command = ("descent", "train", "experiment=mnist_two_layer", "trainer.max_steps=1", "trainer.chunk_size=1")
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (steps,) = folder.glob(f"runs/*/record/{STEPS}")
        table = RunRecord(steps.parents[1]).read(STEPS)
        taken = table.rows[0][table.columns.index("timestamp")]
        assert taken is not None
        return taken / 1000 - started


def _sync(turns: int) -> list[Measured]:
    """A run of 10,000 steps to MLflow: its points against a bare loop, and all but its artifacts against a second."""
    from mlflow.entities import Metric

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = composed("problem=bowl", "tracking=none", "trainer.max_steps=10000", f"run_dir={folder}/run")
        run = train(config).folder
        uri = f"sqlite:///{folder}/mlflow.db"
        client = connect(uri)
        bare = client.create_experiment("bare", artifact_location=(folder / "bare").as_uri())
        files = [path for path in (run / "record").iterdir() if path.suffix not in NOT_ARTIFACTS]
        number = 0

        def another() -> Path:
            """The same run with another id, so that it is new to the store."""
            nonlocal number
            number += 1
            header = json.loads((run / "record" / "run.json").read_text())
            (run / "record" / "run.json").write_text(json.dumps({**header, "id": f"benchmark{number}"}))
            return run

        def points_a_second(points: int) -> tuple[float, int]:
            started = time.perf_counter()
            synced = sync(another(), uri, points)
            return time.perf_counter() - started, sum(
                len(client.get_metric_history(synced.run_id, key)) for key in ("loss/step", "grad_norm", "x", "y")
            )

        def per_point() -> float:
            (many, count), (few, small) = points_a_second(10_000), points_a_second(2)
            return 1e6 * (many - few) / (count - small)

        def bare_per_point() -> float:
            run_id = client.create_run(bare).info.run_id
            started = time.perf_counter()
            for key in ("a", "b", "c", "d"):
                for first in range(0, 10_000, METRICS):
                    batch = [Metric(key, 1.0 / (step + 1), step, step) for step in range(first, first + METRICS)]
                    client.log_batch(run_id, metrics=batch)
            return 1e6 * (time.perf_counter() - started) / 40_000

        def beyond_artifacts() -> float:
            run_id = client.create_run(bare).info.run_id
            started = time.perf_counter()
            for path in files:
                client.log_artifact(run_id, str(path))
            artifacts = time.perf_counter() - started
            return points_a_second(1_000)[0] - artifacts

        ours, theirs, beyond = in_turns(turns, per_point, bare_per_point, beyond_artifacts)
    return [
        Measured("a point of a metric to MLflow", "a bare log_batch loop of 1,000", "µs", ours, theirs, 2.0),
        Measured("a run of 10,000 steps to MLflow, but for artifacts", "a second", "s", beyond, [1.0] * turns, 1.0),
    ]


def _memory(turns: int) -> Measured:
    """The most memory that training the two layers takes above the libraries, in MB."""
    libraries = "import pytorch_lightning, torchvision, matplotlib.figure, hydra, PIL.Image, descent.runs.tracked_run"

    def ours() -> float:
        with project() as folder:
            command = ("descent", "train", "experiment=mnist_two_layer", "trainer.max_steps=1000", "tracking=none")
            above = _peak(command, folder) - _peak((sys.executable, "-c", libraries), folder)
            return above / MEGABYTE

    (above,) = in_turns(turns, ours)
    return Measured("memory of mnist_two_layer above the libraries'", "400 MB", "MB", above, [400.0] * turns, 1.0)


def _peak(command: tuple[str, ...], folder: Path) -> int:
    """The most memory that a command had, in kilobytes.

    A small process starts it: Linux counts what its parent had when it was forked off as its own.
    """
    start = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        (sys.executable, "-c", start, *command), cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    )
    return int(done.stdout)
