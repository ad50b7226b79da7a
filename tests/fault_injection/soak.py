"""`python -m fault_injection.soak`: many runs through many processes, which are killed at random and started again.

Each process is a sweep of its own share of the runs, `descent train -m`, with one store for all. It is killed after a
random time, or the process is that syncs for it, until all is done. Then each run must be whole, and in the store once.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from conftest import make_project
from mlflow.entities import Run

from descent.records.run import RunRecord, run_folders
from descent.tracking.store import connect

STEPS = 40
SECONDS = (20.0, 60.0)
"""The shortest and the longest time before a process is killed."""


class Killed:
    """A sweep that is started until it ends by itself, and how often it or its sync was killed."""

    def __init__(self, project: Path, rates: list[str], store: str, dice: random.Random) -> None:
        words = ("problem=parabola", f"trainer.max_steps={STEPS}", "tolerance=0", f"optimizer.lr={','.join(rates)}")
        self.command = [sys.executable, "-m", "descent", "train", "-m", *words, f"tracking.uri={store}"]
        self.project, self.dice = project, dice
        self.kills: Counter[str] = Counter()
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and throw dice when it is killed."""
        with (self.project / "said.txt").open("ab") as said:
            self.process = subprocess.Popen(self.command, cwd=self.project, stdout=said, stderr=said)
        self.killed_at = time.monotonic() + self.dice.uniform(*SECONDS)

    def has_ended(self) -> bool:
        """Kill it if it is time, start it again if it was killed, and tell whether it has ended by itself."""
        assert self.process is not None
        code = self.process.poll()
        if code == 0:
            return True
        if code is not None:
            if code != -signal.SIGKILL:
                raise RuntimeError(f"a sweep ended with {code}; see {self.project / 'said.txt'}")
            self.start()
        elif time.monotonic() > self.killed_at:
            victim, pid = self.dice.choice([("sweep", self.process.pid), *self._syncs()])
            os.kill(pid, signal.SIGKILL)
            self.kills[victim] += 1
            self.killed_at = time.monotonic() + self.dice.uniform(*SECONDS)
        return False

    def _syncs(self) -> list[tuple[str, int]]:
        """The processes that sync for it."""
        assert self.process is not None
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid), "-f", "sync_worker"], capture_output=True, text=True, check=False
        )
        return [("sync", int(pid)) for pid in found.stdout.split()]


def soak(project: Path, runs: int, processes: int, store: str, seed: int) -> Counter[str]:
    """Train runs through processes that are killed; what became of runs and processes, in numbers."""
    rates = [f"{0.001 + 0.4 * number / runs:.6f}" for number in range(runs)]
    dice = random.Random(seed)
    sweeps = [Killed(project, rates[number::processes], store, dice) for number in range(processes)]
    running = sweeps
    while running := [sweep for sweep in running if not sweep.has_ended()]:
        time.sleep(0.05)
    subprocess.run(
        [sys.executable, "-m", "descent", "sync", "--uri", store], cwd=project, check=True, stdout=subprocess.DEVNULL
    )
    numbers: Counter[str] = Counter(runs=runs, processes=processes)
    for sweep in sweeps:
        numbers.update({f"kills of a {victim}": count for victim, count in sweep.kills.items()})
    numbers.update(_compared(project, rates, store))
    return numbers


def _compared(project: Path, rates: list[str], store: str) -> Counter[str]:
    """How many runs are lost, wrong or more than once, in the folders and in the store."""
    records = [RunRecord(folder) for folder in run_folders([project / "runs"])]
    by_rate = {record.header.params["optimizer.lr"]: record for record in records}
    client = connect(store)
    (experiment,) = client.search_experiments(filter_string="name = 'parabola'")
    found: list[Run] = []
    token = None
    while token or not found:
        page = client.search_runs([experiment.experiment_id], max_results=1000, page_token=token)
        found += [run for run in page if "sweep.optimizer.lr" not in run.data.params]
        token = page.token
    in_store = Counter(run.data.params["optimizer.lr"] for run in found)
    of_store = {run.data.params["optimizer.lr"]: run for run in found}
    numbers: Counter[str] = Counter()
    for rate in rates:
        name = str(float(rate))
        record, run = by_rate.get(name), of_store.get(name)
        path = (1 - 2 * float(rate)) ** np.arange(STEPS + 1.0)  # of the parabola y = x², from x = 1
        numbers["lost"] += record is None or run is None or run.info.status != "FINISHED"
        numbers["twice"] += in_store[name] > 1
        if record is not None:
            numbers["wrong"] += not np.allclose(record.path()[:, 0], path, rtol=1e-5)
        if run is not None:
            history = client.get_metric_history(run.info.run_id, "loss/step")
            points = sorted((point.step, point.value) for point in history)
            expected = [(step, path[step - 1] ** 2) for step in range(1, STEPS + 1)]
            numbers["wrong"] += not (len(points) == STEPS and np.allclose(points, expected, rtol=1e-5))
    numbers["twice"] += len(records) - len(by_rate)
    return numbers


def main() -> None:
    """Soak, and print the numbers as a row of docs/reliability.md."""
    parser = argparse.ArgumentParser("python -m fault_injection.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--store", help="the URI of an empty store (default: a new SQLite one)")
    parser.add_argument("--seed", type=int, default=0, help="of the random times")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        data = folder / "data"
        data.mkdir()
        project = folder / "project"
        project.mkdir()
        make_project(project, data)
        store = arguments.store or f"sqlite:///{project}/mlflow.db"
        start = time.monotonic()
        numbers = soak(project, arguments.runs, arguments.processes, store, arguments.seed)
        numbers["seconds"] = round(time.monotonic() - start)
    columns = ("runs", "processes", "kills of a sweep", "kills of a sync", "lost", "twice", "wrong", "seconds")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    print(f"| {' | '.join(str(numbers[column]) for column in columns)} |")
    sys.exit(any(numbers[column] for column in ("lost", "twice", "wrong")))


if __name__ == "__main__":
    main()
