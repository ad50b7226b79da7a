import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from moments import paths_of
from tracking.runs import start

from descent.errors import UserError
from descent.records.run import RunRecord
from descent.records.sweep import SWEPT, JobState, Stage, SweepHeader, SweepRecord

STARTED = 1000


@pytest.mark.parametrize(
    ("stage", "before", "since"),
    [
        ("trained", "skipped", "trained"),
        ("resumed", "skipped", "resumed"),
        ("skipped", "skipped", "skipped"),
        ("failed", "failed", "failed"),
        ("running", "running", "running"),
    ],
)
def test_a_job_that_ended_before_its_sweep_was_started_is_skipped(stage: Stage, before: Stage, since: Stage) -> None:
    job = JobState(["seed=1"], "a", stage, "runs/a", "id-a", "reason", STARTED)
    assert job.as_reported_since(STARTED + 1) == JobState(["seed=1"], "a", before, "runs/a", "id-a", "reason", STARTED)
    assert job.as_reported_since(STARTED).stage == since


def test_a_state_of_a_job_replaces_the_one_before(tmp_path: Path) -> None:
    sweep = SweepRecord.create(tmp_path, SweepHeader("id", "a sweep", "x squared", 0, {}, {}), "")
    sweep.write_job(JobState(["seed=2", "lr=1"], "b", "running"))
    sweep.write_job(JobState(["seed=1", "lr=1"], "a", "running"))
    sweep.write_job(JobState(["lr=1", "seed=2", "trainer.chunk_size=7"], "b", "trained"))  # the same job
    assert [(job.name, job.stage) for job in SweepRecord(tmp_path).jobs()] == [("a", "running"), ("b", "trained")]


@pytest.mark.parametrize(
    ("overrides", "swept"),
    [
        (("optimizer.lr=0.012340001", "optimizer.lr=0.012340002"), "optimizer.lr"),
        (("trainer.chunk_size=1", "trainer.chunk_size=7"), "trainer.chunk_size"),
    ],
    ids=["values that a name rounds", "a swept key without effect"],
)
def test_jobs_of_one_name_are_jobs_of_their_own(tmp_path: Path, overrides: tuple[str, str], swept: str) -> None:
    header = SweepHeader("id", "a sweep", "x squared", 0, {f"{SWEPT}{swept}": ""}, {})
    sweep = SweepRecord.create(tmp_path, header, "")
    for override in overrides:
        sweep.write_job(JobState([override], "one name", "trained"))
    assert {*map(str, (job.overrides for job in sweep.jobs()))} == {f"['{override}']" for override in overrides}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["lr=0.1", "seed=1"], ["seed=1", "lr=1e-1"]),
        (["lr=0.1", "seed=1"], ["lr=0.1", "++seed=1", "trainer.max_steps=5", "optimizer=sgd"]),
        (["lr=0.1", "trainer.max_steps=5"], ["lr=1e-1"]),
        (["lr='a'", "seed=1"], ["lr=a", "seed=1.0"]),
    ],
    ids=["other words", "what all jobs of the sweep have", "some of them", "quotes"],
)
def test_a_job_is_what_it_sets_of_the_swept_parameters(tmp_path: Path, before: list[str], after: list[str]) -> None:
    header = SweepHeader("id", "a sweep", "x squared", 0, {f"{SWEPT}lr": "", f"{SWEPT}seed": ""}, {})
    sweep = SweepRecord.create(tmp_path, header, "")
    sweep.write_job(JobState(before, "a", "failed"))
    sweep.write_job(JobState(["lr=0.2", "seed=1"], "b", "trained"))
    sweep.write_job(JobState(after, "a", "trained"))
    assert [(job.overrides, job.stage) for job in sweep.jobs()] == [
        (after, "trained"),
        (["lr=0.2", "seed=1"], "trained"),
    ]


def test_jobs_that_a_sweep_has_no_more_are_forgotten_unless_they_are_new(tmp_path: Path) -> None:
    sweep = SweepRecord.create(tmp_path, SweepHeader("id", "a sweep", "x squared", 0, {f"{SWEPT}seed": ""}, {}), "")
    for seed, when in ((1, STARTED - 1), (2, STARTED - 1), (3, STARTED)):
        sweep.write_job(JobState([f"seed={seed}"], str(seed), "trained", when=when))
    sweep.forget_jobs(STARTED, [["seed=1.0", "lr=1"]])
    assert [job.name for job in sweep.jobs()] == ["1", "3"]


@pytest.mark.parametrize(
    ("name", "read", "contents"),
    [
        ("config.yaml", SweepRecord.objective, [b"{", b"[]", b"\xff", b"objective: {goal: 1}", b"objective: loss"]),
        ("config.yaml", SweepRecord.target, [b"{", b"[]", b"\xff"]),
        ("jobs/a.json", SweepRecord.jobs, [b"", b"{", b"[]", b"{}", b"\xff"]),
        ("compared.json", SweepRecord.runs, [b"", b"{", b"1", b"\xff"]),
        ("outcomes.csv", SweepRecord.outcomes, [b"", b"lr,steps\n", b"result,steps\nconverged,many\n", b"\xff"]),
        ("basins.npz", SweepRecord.basins, [b"", b"PK\x03\x04", b"\xff"]),
        ("state.json", SweepRecord.state, [b"", b"{", b"[]", b"{}", b"\xff"]),
    ],
)
def test_a_damaged_file_of_a_sweep_is_named(
    tmp_path: Path, name: str, read: Callable[[SweepRecord], object], contents: list[bytes]
) -> None:
    sweep = SweepRecord.create(tmp_path, SweepHeader("id", "a sweep", "x squared", 0, {}, {}), "")
    for content in contents:
        (sweep.files / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name} is damaged: .* remove {tmp_path} and train again$"):
            read(sweep)


def test_a_run_that_two_jobs_have_is_one_run(project: Path) -> None:
    header = SweepHeader("id", "a sweep", "x squared", 0, {f"{SWEPT}run_dir": ""}, {})
    sweep = SweepRecord.create(project / "sweep", header, "")
    run = start(project / "runs" / "a", 1)
    copy = RunRecord(shutil.copytree(run.folder, project / "runs" / "b"))
    other = start(project / "runs" / "c", 2, key="4567")
    for name, record in {"1": run, "2": copy, "3": other, "4": other}.items():
        sweep.write_job(JobState([f"run_dir={name}"], name, "trained", str(record.folder), record.header.id))
    assert [record.folder.name for record in sweep.runs()] == ["a", "c"]


def test_of_many_jobs_the_states_are_read_again_that_are_new(tmp_path: Path) -> None:
    sweep = SweepRecord.create(tmp_path, SweepHeader("id", "a sweep", "x squared", 0, {}, {}), "")
    for seed in range(3):
        sweep.write_job(JobState([f"seed={seed}"], str(seed), "running"))
    assert [job.stage for job in sweep.jobs()] == ["running"] * 3
    sweep.write_job(JobState(["seed=1"], "1", "trained"))
    with paths_of("open") as opened:
        assert [job.stage for job in sweep.jobs()] == ["running", "trained", "running"]
    assert len(opened) == 1


def test_the_store_of_a_sweep_is_that_of_its_configuration_without_a_password(tmp_path: Path) -> None:
    def store_of(config: str) -> str | None:
        header = SweepHeader("id", "a sweep", "x squared", 0, {}, {})
        sweep = SweepRecord.create(tmp_path, header, "")
        (sweep.files / "config.yaml").write_text(config)
        return sweep.store

    assert store_of("tracking: {uri: 'postgresql://ada:secret@host/runs'}") == "postgresql://ada@host/runs"
    assert store_of("tracking: {uri: null}") is None
    assert store_of("") is None
