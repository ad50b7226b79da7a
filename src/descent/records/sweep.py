"""The sweep record: the files in `record/` of a sweep's folder, which say what its jobs are and what became of them.

    sweep.json    who the sweep is: id, name, problem, params, tags; written once, at the start
    config.yaml   the configuration that its jobs have in common
    jobs/*.json   each job as far as it is: written by the job itself, in whichever process
    basins.npz    where the sweep is a map: what became of every start at every learning rate
    state.json    how the sweep stands: its status, its numbers, its best run

In `views/` stand the table and the pictures that compare the runs. The runs have records of their own.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from descent.project import project_root
from descent.records.folder import (
    FORMAT,
    RECORD,
    VIEWS,
    folders_with,
    now,
    read_arrays,
    read_header,
    write_arrays,
    write_whole,
)
from descent.records.run import CONFIG, HEADER, RunRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

SWEEP = "sweep.json"
STATE = "state.json"
RUNS = "runs.csv"
BASINS = "basins.npz"
SEVERAL = "several problems"
"""The MLflow experiment of a sweep whose runs are not all of one problem."""
SWEPT = "sweep."
"""What the names of the parameters that are swept begin with, where they stand beside the common ones."""
BEST = "best/"
"""What the name begins with of the metric that the best run has."""

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
"""As MLflow has it."""
Stage = Literal["running", "trained", "resumed", "skipped", "failed"]


@dataclass(frozen=True)
class SweepHeader:
    """Who a sweep is.

    Args:
        id: its key, the same whenever it is issued.
        name: what it is called.
        problem: the name of the MLflow experiment.
        created: milliseconds since the epoch.
        params: what its jobs have in common, flat, and what is swept.
        tags: whatever else describes it.
        format: the version of the record.
    """

    id: str
    name: str
    problem: str
    created: int
    params: dict[str, str]
    tags: dict[str, str]
    format: int = FORMAT


@dataclass(frozen=True)
class Job:
    """A job of a sweep as far as it is.

    Args:
        overrides: what it overrides, in Hydra's words.
        name: what tells it from the others.
        stage: how far it is; `skipped` where its run was finished before, `resumed` where it was begun before.
        folder: of its run's record, seen from the project if it is in there; None while there is none.
        record: the record's id.
        reason: why it failed, in a line.
        when: milliseconds since the epoch.
    """

    overrides: list[str]
    name: str
    stage: Stage
    folder: str | None = None
    record: str | None = None
    reason: str | None = None
    when: int = field(default_factory=now)

    def seen_from(self, start: int) -> Self:
        """The same as a sweep sees it that was issued at `start`, and may have found it finished."""
        was_finished = self.when < start and self.stage in ("trained", "resumed")
        return replace(self, stage="skipped") if was_finished else self


@dataclass(frozen=True)
class State:
    """How a sweep stands: its status, its numbers, what its best run is called, that run's record, and since when."""

    status: Status
    metrics: dict[str, float] = field(default_factory=dict)
    best: str | None = None
    best_record: str | None = None
    when: int = field(default_factory=now)


class SweepRecord:
    """A sweep record on disk.

    Attributes:
        folder: the sweep's folder.
        files: the record's part of it.
        views: what is drawn from the record and those of the runs.
    """

    def __init__(self, folder: Path) -> None:
        """Open a record that is there; FileNotFoundError where there is none, UserError for another version's."""
        self.folder, self.files, self.views = folder, folder / RECORD, folder / VIEWS
        self.header = SweepHeader(**read_header(folder, SWEEP))

    @classmethod
    def create(cls, folder: Path, header: SweepHeader, config: str) -> Self:
        """Start a record in a folder of its own; `config` is the common configuration as YAML."""
        files = folder / RECORD
        (files / "jobs").mkdir(parents=True, exist_ok=True)
        (files / CONFIG).write_text(config, encoding="utf-8")
        write_whole(files / SWEEP, json.dumps(asdict(header), indent=2, ensure_ascii=False) + "\n")
        return cls(folder)

    @property
    def swept(self) -> list[str]:
        """The names of the parameters that are swept."""
        return [name.removeprefix(SWEPT) for name in self.header.params if name.startswith(SWEPT)]

    def note(self, job: Job) -> None:
        """Write down how far a job is, over what was written of it before."""
        digest = hashlib.sha256("\0".join(sorted(job.overrides)).encode()).hexdigest()
        write_whole(self.files / "jobs" / f"{digest[:16]}.json", json.dumps(asdict(job), indent=2) + "\n")

    def jobs(self) -> list[Job]:
        """All jobs that were begun, by name."""
        found = [json.loads(path.read_text(encoding="utf-8")) for path in (self.files / "jobs").glob("*.json")]
        return sorted((Job(**job) for job in found), key=lambda job: job.name)

    def runs(self) -> list[RunRecord]:
        """The records of the jobs' runs, as far as they are there."""
        folders = [project_root() / job.folder for job in self.jobs() if job.folder is not None]
        return [RunRecord(folder) for folder in folders if (folder / RECORD / HEADER).exists()]

    def save_basins(self, **arrays: "NDArray[Any]") -> None:
        """Write down a map of basins, by name."""
        write_arrays(self.files / BASINS, arrays)

    def basins(self) -> "dict[str, NDArray[Any]] | None":
        """The map of basins, if the sweep is one."""
        return read_arrays(self.files / BASINS) if (self.files / BASINS).exists() else None

    def stand(self, state: State) -> None:
        """Write down how the sweep stands."""
        write_whole(self.files / STATE, json.dumps(asdict(state), indent=2) + "\n")

    def state(self) -> State:
        """How it stands."""
        return State(**json.loads((self.files / STATE).read_text(encoding="utf-8")))


def sweeps(folders: Iterable[Path]) -> list[Path]:
    """The folders that hold a sweep record, at or below the given ones, in order of their names."""
    return folders_with(SWEEP, folders)
