"""A run that is killed at any moment is resumed, and ends as if it had not been killed; readers never see a file that
is half-written, or rows that are removed later."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from conftest import composed_in, make_project
from descents import timeless, train_together
from moments import copied_before_every_change
from quick_landscape import QUICK
from tracking.runs import contents, new_store, start

from descent.core.config import TrainConfig
from descent.core.training.checkpoint import Checkpoint, TrainState
from descent.core.training.resumption import restore
from descent.records.run import CHECKPOINT, COMMITTED, EVALUATIONS, FAULT, HEADER, STEPS, RunRecord, run_folders
from descent.records.sweep import STATE, SWEEP, JobState, SweepHeader, SweepRecord, SweepState
from descent.records.tables import Extent
from descent.tracking.sync import sync

TABLES = (STEPS, EVALUATIONS)
SHORT = ("trainer.max_steps=4", "trainer.chunk_size=2", "trainer.checkpoint_seconds=0", "evaluation.every=2")
NETWORK = (
    "experiment=mnist_two_layer", "network.sizes=[784,3,10]", "data.batch_size=50", "optimizer=adam",
    "schedule=cosine", "evaluation.first=1",
)  # fmt: skip
DIVERGES = (*NETWORK, "schedule=constant", "optimizer=sgd", "optimizer.lr=1e38")


@dataclass(frozen=True)
class Watched:
    """Runs that nothing interrupted.

    Args:
        configs: of the runs.
        folders: of their records.
        moments: copies of the folder that holds these, one of every moment at which the process could be killed.
    """

    configs: list[TrainConfig]
    folders: list[Path]
    moments: list[Path]


@pytest.fixture(
    scope="module",
    params=[[NETWORK], [NETWORK, DIVERGES]],
    ids=["alone", "as a batch, which one leaves"],
)
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Watched:
    project = make_project(tmp_path_factory.mktemp("project"), small_data)
    composed = (composed_in(project, *run, *SHORT, f"run_dir=runs/{at}") for at, run in enumerate(request.param))
    configs = [config.replaced("landscape", QUICK) for config in composed]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        (project / "runs").mkdir()
        with copied_before_every_change(project / "runs", tmp_path_factory.mktemp("copies")) as moments:
            results = train_together(*configs)
    return Watched(configs, [result.folder for result in results], moments)


def rows(record: RunRecord) -> dict[str, list[list[float | None]]]:
    """What a reader sees of the tables of a record."""
    return {table: record.read(table).rows for table in TABLES}


def left(folder: Path) -> dict[str, str]:
    """All that a run leaves, but for the times at which it did it, as text: NaN is not equal to itself."""
    record = RunRecord(folder)
    ending = record.ending()
    assert ending is not None
    saved = torch.load(folder / "record" / CHECKPOINT, weights_only=True)
    saved.pop("place")  # in a batch of another id
    saved.pop("position")  # whose rows have other timestamps, of other lengths
    saved["state"].pop("seconds")
    everything = {
        "header": (record.header.key, record.header.name, record.header.params),
        "config": (folder / "record" / "config.yaml").read_text(),
        "end": (ending.result, ending.step, record.metrics() | {"seconds_per_step": 0}),
        "tables": [timeless(record, table) for table in TABLES],
        "checkpoint": json.dumps(saved, default=torch.Tensor.tolist),
        "files": sorted(path.name for path in record.files.iterdir()),
        "landscape": record.landscape()["bytes"].tobytes(),
    }
    return {name: repr(value) for name, value in everything.items()}


def test_a_run_that_is_killed_at_any_moment_is_resumed_to_the_same_end(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = watched.folders[0].parent
    monkeypatch.chdir(runs.parent)
    expected = [left(folder) for folder in watched.folders]
    assert len(watched.moments) > 20
    for moment in watched.moments:
        seen = {record.header.id: record for record in map(RunRecord, run_folders([moment]))}
        rows_seen = {record: rows(seen[record]) for record in seen}
        shutil.rmtree(runs)
        shutil.copytree(moment, runs)

        results = train_together(*watched.configs)

        for result, leftovers in zip(results, expected, strict=True):
            assert left(result.folder) == leftovers, moment
        assert [path for path in sorted(runs.iterdir()) if path.suffix != ".lock"] == watched.folders
        resumed = {record.header.id: record for record in map(RunRecord, watched.folders)}
        assert seen.keys() <= resumed.keys()  # so that MLflow has the run once
        for record, tables in rows_seen.items():
            for table, some in tables.items():
                assert repr(resumed[record].read(table).rows[: len(some)]) == repr(some)


def test_a_run_that_is_resumed_shows_at_once_what_its_checkpoint_covers(watched: Watched, tmp_path: Path) -> None:
    for moment in watched.moments:
        for folder in run_folders([shutil.copytree(moment, tmp_path / moment.name)]):
            record = RunRecord(folder)
            if record.ending() is None:
                checkpoint = restore([record])[0]
                covered = 0 if checkpoint is None else checkpoint.state.steps_taken
                assert len(record.read(STEPS).rows) == covered


def test_a_run_that_is_synced_at_any_moments_is_in_mlflow_as_if_synced_once(
    watched: Watched, empty_store: Path, tmp_path: Path
) -> None:
    often, once = (new_store(empty_store, tmp_path / name) for name in ("often", "once"))
    for folders in (*map(run_folders, ([moment] for moment in watched.moments)), watched.folders):
        for folder in folders:
            sync(folder, often)
    for folder in watched.folders:
        sync(folder, once)
    assert contents(often) == contents(once)


def test_no_file_that_others_read_is_written_in_its_place(tmp_path: Path) -> None:
    """A reader that opens a file before a write reads the old content; one that opens it later reads the new one."""
    record = start(tmp_path / "run", 1)
    sweep = SweepRecord.create(tmp_path / "sweep", SweepHeader("1", "a", "b", 0, {}, {}), "")
    writers: dict[str, Callable[[int], object]] = {
        f"run/record/{HEADER}": lambda number: start(tmp_path / "run", number),
        f"run/record/{COMMITTED}": lambda number: record.commit({STEPS: Extent(number, "")}),
        f"run/record/{CHECKPOINT}": lambda number: Checkpoint(TrainState(number), {}, {}, None, {}).save(record.files),
        f"run/record/{FAULT}": lambda number: record.fail(f"fault {number}"),
        "run/record/metrics.json": lambda number: record.finish("finished", number, {"loss/train": number}),
        "run/record/result.json": lambda number: record.finish("finished", number, {}),
        f"sweep/record/{SWEEP}": lambda number: SweepRecord.create(
            sweep.folder, replace(sweep.header, created=number), ""
        ),
        f"sweep/record/{STATE}": lambda number: sweep.write_state(SweepState("RUNNING", when=number)),
        "sweep/record/jobs": lambda number: sweep.write_job(JobState(["seed=1"], "a", "running", when=number)),
    }
    for name, write in writers.items():
        write(1)
        (path,) = (tmp_path / name).iterdir() if (tmp_path / name).is_dir() else [tmp_path / name]
        with path.open("rb") as opened_before:
            before = path.read_bytes()
            write(2)
            assert opened_before.read() == before, name
        assert path.read_bytes() != before, name
