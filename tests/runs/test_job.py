import math
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from conftest import ROOT, Composed, composition_in
from multirun import common
from omegaconf import DictConfig
from quick_landscape import QUICK
from tracking.runs import start

from descent.records.run import RunRecord
from descent.records.sweep import JobState, SweepRecord, SweepState
from descent.runs.identity import RunRequest, RunResult
from descent.runs.job import JobStateWriter, objective_value, open_job, sweep_job_request
from descent.runs.sweep import open_sweep

REQUEST = RunRequest(["problem=bowl", "optimizer.lr=0.1"])


def test_a_run_is_ranked_by_the_objective(composed: Composed) -> None:
    result = RunResult(ROOT, "finished", {"loss/train": 0.5, "accuracy/validation": 0.9, "accuracy/test": 0.8})
    assert objective_value(composed("problem=bowl").objective, result) == 0.5
    assert objective_value(composed("experiment=mnist_two_layer").objective, result) == 0.9
    assert objective_value(composed("problem=bowl", "objective.metric=x").objective, result) is None


def test_a_run_that_was_stopped_has_no_value(composed: Composed) -> None:
    result = RunResult(ROOT, "stopped", {"loss/train": 0.5})
    value = objective_value(composed("problem=bowl").objective, result)
    assert value is not None
    assert math.isnan(value)


def test_a_run_that_diverged_is_the_worst(composed: Composed) -> None:
    result = RunResult(ROOT, "diverged", {"loss/train": 0.5, "accuracy/test": 0.9})
    assert objective_value(composed("problem=bowl").objective, result) == math.inf
    assert objective_value(composed("experiment=mnist_two_layer").objective, result) == -math.inf


@pytest.fixture
def sweep(project: Path) -> SweepRecord:
    """A sweep over learning rates that is running."""
    sweep = open_sweep(common(project, "problem=bowl", "trainer.max_steps=5", "optimizer.lr=0.1,-1"))
    sweep.write_state(SweepState("RUNNING"))
    return sweep


@pytest.fixture
def config(project: Path) -> DictConfig:
    """The configuration of the sweep's job at the larger rate."""
    config = composition_in(project, "problem=bowl", "trainer.max_steps=5", "optimizer.lr=0.1")
    config.landscape = QUICK
    return config


def run_job(config: DictConfig, sweep: SweepRecord, request: RunRequest = REQUEST) -> float | None:
    """Train a job's run alone; return the value of its objective."""
    with open_job(config, sweep, request) as job:
        job.train()
    return job.value


class StoppedError(BaseException):
    """Ends a job in the middle."""


def noted(sweep: SweepRecord) -> JobState:
    (job,) = sweep.jobs()
    return job


def test_a_job_writes_the_folder_of_its_run_and_how_it_ended(
    project: Path, sweep: SweepRecord, config: DictConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    with suppress(StoppedError), open_job(config, sweep, REQUEST) as job:
        assert job.run is not None
        assert (noted(sweep).stage, noted(sweep).folder) == ("running", None)
        job.run.listener.on_progress(job.run.record.folder)
        growing = noted(sweep)
        assert growing.stage == "running"
        assert RunRecord(project / str(growing.folder)).header.id == growing.record == job.run.record.header.id
        raise StoppedError
    rank = run_job(config, sweep)
    ended = noted(sweep)
    record = RunRecord(project / str(ended.folder))
    assert (ended.overrides, ended.name, ended.stage) == (REQUEST.overrides, "lr=0.1", "resumed")
    assert ended.record == record.header.id == growing.record
    assert (record.header.name, record.header.tags["descent.sweep"]) == ("lr=0.1", sweep.header.id)
    assert rank == record.metrics()["loss/train"]
    assert capsys.readouterr().out.startswith("lr=0.1: finished  loss/train ")
    assert sweep.runs()[0].header == record.header


def test_a_job_is_trained_once(sweep: SweepRecord, config: DictConfig) -> None:
    rank = run_job(config, sweep)
    assert noted(sweep).stage == "trained"
    assert run_job(config, sweep) == rank
    assert noted(sweep).stage == "skipped"


def test_a_job_computes_as_a_single_run_does(sweep: SweepRecord, config: DictConfig) -> None:
    """In any process: numbers too small to be normal floats are 0."""
    flushed = torch.tensor([1e-310], dtype=torch.float64).mul(1).item() == 0
    torch.set_flush_denormal(False)
    try:
        run_job(config, sweep)
        assert torch.tensor([1e-310], dtype=torch.float64).mul(1).item() == 0
    finally:
        torch.set_flush_denormal(flushed)


def test_a_job_that_cannot_be_trained_is_written_with_the_reason(sweep: SweepRecord, project: Path) -> None:
    wrong = composition_in(project, "problem=bowl", "trainer.max_steps=5", "optimizer.lr=-1")
    assert run_job(wrong, sweep, RunRequest(["problem=bowl", "optimizer.lr=-1"])) is None
    failed = noted(sweep)
    assert (failed.name, failed.stage, failed.folder, failed.record) == ("lr=-1", "failed", None, None)
    assert str(failed.reason).startswith("optimizer.lr=-1: choose a number from 0")
    assert sweep.runs() == []


def test_a_job_that_a_bug_stops_is_written_with_its_record_and_resumes_when_the_bug_is_fixed(
    project: Path, sweep: SweepRecord, config: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_paint(run: object) -> None:
        raise RuntimeError("out\nof paint")

    with monkeypatch.context() as patch:
        patch.setattr("quick_landscape.trajectory", out_of_paint)
        assert run_job(config, sweep) is None
    failed = noted(sweep)
    assert (failed.stage, failed.reason) == ("failed", "RuntimeError: out of paint")
    assert RunRecord(project / str(failed.folder)).failed()
    assert run_job(config, sweep) is not None
    assert (noted(sweep).stage, noted(sweep).record) == ("resumed", failed.record)


def test_a_job_whose_sweep_was_ended_meanwhile_ends_as_well(sweep: SweepRecord, config: DictConfig) -> None:
    with suppress(StoppedError), open_job(config, sweep, REQUEST) as job:
        assert job.run is not None
        sweep.write_state(SweepState("KILLED"))
        with pytest.raises(KeyboardInterrupt):
            job.run.listener.on_progress(job.run.record.folder)
        raise StoppedError
    before = JobState(list(REQUEST.overrides), "lr=0.1", "running")
    sweep.write_job(before)
    with pytest.raises(KeyboardInterrupt):
        run_job(config, sweep)
    assert noted(sweep) == before


def test_a_job_that_does_not_see_its_sweep_identifies_it_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_SWEEP", "0123")
    monkeypatch.setenv("DESCENT_SWEPT", "optimizer.lr seed")
    assert sweep_job_request(REQUEST) == RunRequest(REQUEST.overrides, {}, "lr=0.1", "0123")


def test_the_folder_of_a_job_is_written_once(sweep: SweepRecord, project: Path) -> None:
    record = start(project / "runs" / "mine", 5)
    writer = JobStateWriter(sweep, ["optimizer.lr=0.1"])
    writer.on_progress(record.folder)
    (noted,) = (sweep.files / "jobs").iterdir()
    assert [(job.stage, job.folder) for job in sweep.jobs()] == [("running", "runs/mine")]
    noted.unlink()
    writer.on_progress(record.folder)
    assert sweep.jobs() == []
