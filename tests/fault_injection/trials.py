"""Trials: a task under a fault, and then the same again without one, which must leave what no fault would have left."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import ROOT
from tracking.runs import contents

from fault_injection import power_cut
from fault_injection.faults import NONE, Fault, PowerCut
from fault_injection.tasks import TRAINING

TESTS = Path(__file__).parents[1]
SOURCE = Path(__file__).with_name("fail_nth.c")


HOW = ("seconds_per_step", "runs_in_batch")
"""Metrics that say how a run was trained: after an error in a batch, alone."""


@dataclass(frozen=True)
class Answer:
    """What became of a task: its exit code, the calls below its folder, and what it printed."""

    code: int | str
    calls: int
    said: str


@dataclass(frozen=True)
class Trial:
    """A fault and what followed.

    Args:
        task: under the fault.
        fault: what happened in the n-th call, or after it.
        n: the number of the call.
        first: what became of the task.
        wrong: what is wrong after the same task without a fault, in words; None if nothing is.
    """

    task: str
    fault: Fault | PowerCut
    n: int
    first: Answer
    wrong: str | None


CUT = Answer(-9, 0, "")
"""What becomes of a task when the power goes."""


class Trials:
    """Tries faults on the tasks of `fault_injection.tasks`.

    Args:
        server: the process that forks one for each task.
        folder: for the projects of the trials.
        store: an empty MLflow store, which each project has a copy of.
    """

    def __init__(self, server: "subprocess.Popen[str]", folder: Path, store: Path) -> None:
        self.server, self.folder = server, folder
        self.bare = folder / "bare"
        shutil.copytree(ROOT / "conf", self.bare / "conf")
        shutil.copy(ROOT / "dvc.yaml", self.bare)
        shutil.copy(store, self.bare / "mlflow.db")
        self.trained = folder / "trained"
        shutil.copytree(self.bare, self.trained)
        for task in TRAINING:
            assert self.do(task, self.trained).code == 0

    def do(self, task: str, project: Path, fault: Fault = NONE, n: int = 0, journal: Path | None = None) -> Answer:
        """Do a task in a project, under a fault in the n-th call that changes a file of the project.

        Args:
            task: its name.
            project: the folder.
            fault: what happens.
            n: in which call, from 1.
            journal: a file for a journal of the calls, in place of a fault.
        """
        request = {"task": task, "folder": str(project), "n": n, "mode": fault.mode, "lasting": fault.lasting}
        request["journal"] = None if journal is None else str(journal)
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        print(json.dumps(request), file=self.server.stdin, flush=True)
        return Answer(**json.loads(self.server.stdout.readline()))

    def of(self, task: str, fault: Fault, step: int = 1) -> Iterator[Trial]:
        """Try a fault in every call of a task, or in one of `step`."""
        before = self.trained if task in ("sync", "worker") else self.bare
        project = self.folder / "project"  # of one path, which is in what a run leaves
        shutil.copytree(before, project)
        calls = self.do(task, project).calls
        expected = left(project)
        shutil.rmtree(project)
        for n in range(1 + step // 2, calls + 1, step):
            shutil.copytree(before, project)
            first = self.do(task, project, fault, n)
            again = self.do(task, project)
            yield Trial(task, fault, n, first, _fault_of(first, again, left(project), expected))
            shutil.rmtree(project)

    def cut(self, task: str, cuts: Sequence[PowerCut], step: int = 1) -> Iterator[Trial]:
        """Cut the power after every call of a task, or after one of `step`, and after the last.

        After the last, what the task has said to be done must be there.
        """
        project, journal = self.folder / "project", self.folder / "project.journal"
        shutil.copytree(self.bare, project)
        self.do(task, project, journal=journal)
        expected, done = left(project), records(project)
        last = len(journal.read_text(encoding="utf-8").splitlines())
        shutil.rmtree(project)
        shutil.copytree(self.bare, project)
        for n, disk in power_cut.disks(project, journal, step):
            for cut in cuts:
                shutil.rmtree(project)
                project.mkdir()
                power_cut.write(disk.after(cut), project)
                lost = _differing(records(project), done) if n == last else []
                again = self.do(task, project)
                wrong = f"lost: {', '.join(lost)}" if lost else _fault_of(CUT, again, left(project), expected)
                yield Trial(task, cut, n, CUT, wrong)
        shutil.rmtree(project)


def _fault_of(first: Answer, again: Answer, left_now: dict[str, Any], expected: dict[str, Any]) -> str | None:
    """What is wrong with a task under a fault, or with the same again."""
    if first.code not in (0, 1, -9):
        return f"it ends with {first.code}: {first.said}"
    if first.code == 1 and (not first.said or "Traceback" in first.said):
        return f"it says no reason in a line: {first.said}"
    if again.code != 0:
        return f"the same again ends with {again.code}: {again.said}"
    differing = _differing(left_now, expected)
    files = {*left_now["files"]} ^ {*expected["files"]}
    return f"it leaves other {', '.join(differing)} {sorted(files) if files else ''}" if differing else None


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def records(project: Path) -> dict[str, Any]:
    """What the runs and sweeps of a project that have ended have recorded, but for times."""
    everything: dict[str, Any] = {}
    for path in sorted(project.glob("*/*/record/result.json")):
        files = path.parent
        metrics = {name: value for name, value in _json(files / "metrics.json").items() if name not in HOW}
        tables = [_timeless(files / name) for name in ("steps.csv", "evaluations.csv")]
        everything[files.parent.name] = metrics, tables, _json(path)["result"]
    for path in sorted(project.glob("sweeps/*/record/state.json")):
        state, folder = _json(path), path.parents[1]
        jobs = [_json(job) for job in sorted((path.parent / "jobs").iterdir())]
        ended = [(job["name"], job["stage"] in ("trained", "resumed", "skipped"), job["reason"]) for job in jobs]
        everything[folder.name] = state["status"], state["best"], state["conclusions"], ended
    return everything


def left(project: Path) -> dict[str, Any]:
    """What the tasks have left in a project, but for times: records, files, pictures and the store's content."""
    files = [path for name in ("runs", "sweeps") for path in sorted((project / name).rglob("*"))]
    return {
        **records(project),
        "store": contents(f"sqlite:///{project}/mlflow.db"),
        # A process that is killed after its run is whole, and before it is synced, leaves the file of its lock.
        "files": [str(path) for path in files if path.suffix != ".lock"],
        "pictures": [hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.suffix == ".png"],
    }


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _timeless(path: Path) -> list[list[str]]:
    """The rows of a table without their timestamps."""
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    return [row[:1] + row[2:] for row in rows]


@contextmanager
def trials(folder: Path, store: Path) -> Iterator[Trials]:
    """Compile the library of faults, start the server under it, and try faults in a folder."""
    library = folder / "fail_nth.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, SOURCE, "-ldl"], check=True)
    environment = {
        **os.environ, "LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
    command = (sys.executable, "-W", "ignore", "-m", "fault_injection.server")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder
    ) as server:
        yield Trials(server, folder, store)
        assert server.stdin is not None
        server.stdin.close()
