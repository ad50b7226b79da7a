"""The sweep record: the files in `record/` of a sweep's folder.

    sweep.json    what the sweep is: id, name, problem, params, tags; written once, at the start
    config.yaml   the configuration that its jobs have in common
    jobs/*.json   the state of each job; written by the process of the job
    compared.json the folders of the runs, if they are not jobs' but were selected for a comparison
    basins.npz    the outcomes for every start at every learning rate, if the sweep is a map
    study.log     the study of a search, as Optuna reads it
    outcomes.csv  a row for each run, if the sweep is of a benchmark; only the best runs are jobs, with records
    state.json    the state of the sweep: its status, its metrics, its best group of runs

The table and the pictures that compare the runs are in `views/`. Each run has a record of its own.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import yaml

from descent.project import project_root
from descent.records.criterion import TRAIN_LOSS, Criterion, Target
from descent.records.damage import damaged, reading
from descent.records.files import flush, make_folder, read_arrays, write_arrays, write_atomically
from descent.records.folder import FORMAT, RECORD, VIEWS, folders_with, now, read_header
from descent.records.lineage import NO_EFFECT, canonical, without
from descent.records.outcomes import Outcome, outcomes_csv, read_outcomes
from descent.records.run import CONFIG, HEADER, RunRecord
from descent.records.secrets import redacted

if TYPE_CHECKING:
    from numpy.typing import NDArray

SWEEP = "sweep.json"
STATE = "state.json"
RUNS, GROUPS, SENSITIVITY, RANKS = "runs.csv", "groups.csv", "sensitivity.csv", "ranks.csv"
BASINS = "basins.npz"
COMPARED = "compared.json"
OUTCOMES = "outcomes.csv"
STUDY = "study.log"
SEVERAL = "several problems"
"""The MLflow experiment of a sweep whose runs are not all of one problem."""
SWEPT = "sweep."
"""The prefix of swept parameters among the parameters of a sweep."""
Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
"""The status of a sweep, in MLflow's terms."""
Stage = Literal["running", "trained", "resumed", "skipped", "failed"]


@dataclass(frozen=True)
class SweepHeader:
    """The identity of a sweep.

    Args:
        id: its key, the same each time that the sweep is started.
        name: of the sweep.
        problem: the name of the MLflow experiment.
        created: milliseconds since the epoch.
        params: the parameters that its jobs have in common, flat, and the swept ones.
        tags: other descriptions.
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
class JobState:
    """The state of a job of a sweep, as its process wrote it last.

    Args:
        overrides: its Hydra overrides.
        name: its values of the swept parameters, long numbers rounded.
        stage: its progress; `skipped` if its run was finished before, `resumed` if its run was started before.
        folder: of its run, relative to the project if it is inside; None if there is none yet.
        record: the id of the run's record.
        reason: why it failed, in one line.
        when: the time of this state, in milliseconds since the epoch.
    """

    overrides: list[str]
    name: str
    stage: Stage
    folder: str | None = None
    record: str | None = None
    reason: str | None = None
    when: int = field(default_factory=now)

    def as_reported_since(self, start: int) -> Self:
        """The job as a sweep that was started at `start` reports it: `skipped` if it was finished before."""
        was_finished = self.when < start and self.stage in ("trained", "resumed")
        return replace(self, stage="skipped") if was_finished else self


@dataclass(frozen=True)
class SweepState:
    """The state of a sweep at a time.

    Args:
        status: as MLflow's of a run.
        metrics: how many runs ended how, and the best group's value.
        best: the name of the best group of runs.
        best_record: the id of the record of its most typical run.
        when: the time, in milliseconds.
        conclusions: what may be concluded, in lines.
    """

    status: Status
    metrics: dict[str, float] = field(default_factory=dict)
    best: str | None = None
    best_record: str | None = None
    when: int = field(default_factory=now)
    conclusions: list[str] = field(default_factory=list)


class SweepRecord:
    """A sweep record on disk.

    Attributes:
        folder: of the sweep.
        files: the folder of the record.
        views: the folder of the views.
    """

    def __init__(self, folder: Path) -> None:
        """Open an existing record; raise FileNotFoundError if there is none, UserError if its format is another."""
        self.folder, self.files, self.views = folder, folder / RECORD, folder / VIEWS
        header = read_header(folder, SWEEP)
        with reading(self.files / SWEEP):
            self.header = SweepHeader(**header)
        self._jobs: dict[str, tuple[tuple[int, int], JobState]] = {}

    @classmethod
    def create(cls, folder: Path, header: SweepHeader, config: str) -> Self:
        """Create a record in a folder; `config` is the common configuration as YAML."""
        files = folder / RECORD
        make_folder(files / "jobs")
        write_atomically(files / CONFIG, config)
        write_atomically(files / SWEEP, json.dumps(asdict(header), indent=2, ensure_ascii=False) + "\n")
        flush(files)
        return cls(folder)

    @property
    def swept(self) -> list[str]:
        """The names of the swept parameters."""
        return [name.removeprefix(SWEPT) for name in self.header.params if name.startswith(SWEPT)]

    def objective(self) -> Criterion:
        """The objective of its configuration; the loss in training where it has none."""
        with reading(self.files / CONFIG):
            return Criterion(**(self._config().get("objective") or {"metric": TRAIN_LOSS, "direction": "minimize"}))

    def target(self) -> Target | None:
        """The target of its configuration, if it has one."""
        target = self._config().get("target") or {}
        if target.get("value") is None:
            return None
        objective = self.objective()
        return Target(objective.of(target.get("metric") or objective.metric), target["value"])

    @property
    def store(self) -> str | None:
        """The MLflow store that the sweep was to be synced to, without a password; None for none."""
        uri = (self._config().get("tracking") or {}).get("uri")
        return None if uri is None else redacted(uri)  # which may refer to a variable with the password

    def stops_at_target(self) -> bool:
        """Whether its runs end at their target."""
        return bool(self._config().get("stop_at_target"))

    def _config(self) -> dict[str, Any]:
        """What its jobs have in common."""
        path = self.files / CONFIG
        try:
            config = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise damaged(path) from error
        if not isinstance(config, dict | None):
            raise damaged(path)
        return config or {}

    def write_job(self, job: JobState) -> None:
        """Write the state of a job, in place of its earlier one."""
        write_atomically(self._job_file(job.overrides), json.dumps(asdict(job), indent=2) + "\n")

    def forget_jobs(self, before: int, jobs: Iterable[Sequence[str]]) -> None:
        """Forget what was started before a time and is none of these jobs: the sweep does not have it any more.

        Args:
            before: milliseconds since the epoch.
            jobs: the overrides of each.
        """
        kept = {self._job_file(overrides).name for overrides in jobs}
        self.jobs()
        for name, (_, job) in self._jobs.items():
            if job.when < before and name not in kept:
                (self.files / "jobs" / name).unlink()

    def _job_file(self, overrides: Sequence[str]) -> Path:
        """The file of a job. A job is what it sets of the swept parameters, however written; the rest is the sweep's.

        One that sets none of them, as of a benchmark, is all overrides that can change a result.
        """
        values = {key.lstrip("+~"): canonical(value) for key, _, value in (word.partition("=") for word in overrides)}
        swept = {key: values[key] for key in self.swept if key in values}
        identity = json.dumps(swept or without(values, NO_EFFECT), sort_keys=True)
        return self.files / "jobs" / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.json"

    def jobs(self) -> list[JobState]:
        """All jobs that were started, sorted by name; reads those whose files are new since the last call."""
        before, self._jobs = self._jobs, {}
        for path in (self.files / "jobs").glob("*.json"):
            status = path.stat()
            stamp = status.st_ino, status.st_mtime_ns  # a new version is another file
            known = before.get(path.name)
            if known is None or known[0] != stamp:
                with reading(path):
                    known = stamp, JobState(**json.loads(path.read_text(encoding="utf-8")))
            self._jobs[path.name] = known
        return sorted((job for _, job in self._jobs.values()), key=lambda job: job.name)

    def write_compared(self, runs: Iterable[RunRecord]) -> None:
        """Write which runs are compared, where they are not those of jobs."""
        root, folders = project_root(), [run.folder.absolute() for run in runs]
        places = [str(folder.relative_to(root) if folder.is_relative_to(root) else folder) for folder in folders]
        write_atomically(self.files / COMPARED, json.dumps(places, indent=2) + "\n")

    def runs(self) -> list[RunRecord]:
        """The existing records of the runs, the jobs' or those that were selected; one run of several jobs once."""
        if (self.files / COMPARED).exists():
            with reading(self.files / COMPARED):
                places = [str(place) for place in json.loads((self.files / COMPARED).read_text(encoding="utf-8"))]
            return _records(places)
        records = _records(job.folder for job in self.jobs() if job.folder is not None)
        return list({record.header.key: record for record in reversed(records)}.values())[::-1]

    def write_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Write how the runs ended that have no records; all of them, at once."""
        write_atomically(self.files / OUTCOMES, outcomes_csv(outcomes))

    def outcomes(self) -> list[Outcome] | None:
        """How the runs ended that have no records; None if runs have records."""
        path = self.files / OUTCOMES
        with reading(path):
            return read_outcomes(path.read_text(encoding="utf-8")) if path.exists() else None

    def is_search(self) -> bool:
        """Whether its jobs are trials that a search has chosen, one after the other."""
        return (self.files / STUDY).exists()

    def save_basins(self, **arrays: "NDArray[Any]") -> None:
        """Write the arrays of a map of basins, by name."""
        write_arrays(self.files / BASINS, arrays)

    def basins(self) -> "dict[str, NDArray[Any]] | None":
        """The arrays of the map of basins; None if the sweep is no map."""
        path = self.files / BASINS
        with reading(path):
            return read_arrays(path.read_bytes()) if path.exists() else None

    def write_state(self, state: SweepState) -> None:
        """Write the state of the sweep."""
        flush(self.files / "jobs")
        write_atomically(self.files / STATE, json.dumps(asdict(state), indent=2) + "\n")
        flush(self.files)

    def state(self) -> SweepState:
        """The state of the sweep."""
        with reading(self.files / STATE):
            return SweepState(**json.loads((self.files / STATE).read_text(encoding="utf-8")))


def _records(places: Iterable[str]) -> list[RunRecord]:
    folders = [project_root() / place for place in places]
    return [RunRecord(folder) for folder in folders if (folder / RECORD / HEADER).exists()]


def sweep_folders(folders: Iterable[Path]) -> list[Path]:
    """The folders of all sweep records at or below some folders, sorted."""
    return folders_with(SWEEP, folders)
