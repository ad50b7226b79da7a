from pathlib import Path

import pytest

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
