from dataclasses import replace
from pathlib import Path

import pytest
from multirun import common
from waiting import eventually

from descent.errors import UserError
from descent.records.folder import now
from descent.records.sweep import JobState, Stage, Status, SweepRecord
from descent.runs import sweep as module
from descent.runs.sweep import open_sweep, run_sweep

PATIENCE = 300.0
"""Seconds to wait for what takes a moment."""


class Heard:
    """A listener that records its calls."""

    def __init__(self) -> None:
        self.grown: list[Path] = []
        self.whole: list[Path] = []

    def on_progress(self, folder: Path) -> None:
        self.grown.append(folder)

    def on_complete(self, folder: Path) -> None:
        self.whole.append(folder)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def sweep(project: Path, monkeypatch: pytest.MonkeyPatch) -> SweepRecord:
    """A sweep over seeds that has not started, whose jobs are polled often."""
    monkeypatch.setattr(module, "POLL_INTERVAL", 0.01)
    return open_sweep(common(project, "problem=bowl", "trainer.max_steps=5", "seed=1,2"))


def note(sweep: SweepRecord, name: str, stage: Stage, when: int | None = None, reason: str | None = None) -> None:
    folder = None if stage == "failed" else f"runs/{name}"
    sweep.write_job(
        JobState(
            [f"seed={name}"], name, stage, folder, folder and f"id-{name}", reason, now() if when is None else when
        )
    )


def nothing() -> None:
    """A launcher without jobs."""


def test_a_sweep_has_a_folder_of_its_own_in_which_it_is_found_again(project: Path, sweep: SweepRecord) -> None:
    assert sweep.folder == project / "sweeps" / f"bowl-{sweep.header.id[:8]}"
    again = open_sweep(common(project, "seed=1,2", "problem=bowl", "trainer.max_steps=5", "tracking=none"))
    assert (again.folder, again.header) == (sweep.folder, sweep.header)
    assert open_sweep(common(project, "problem=bowl", "trainer.max_steps=6", "seed=1,2")).folder != sweep.folder


def test_a_folder_of_the_first_version_is_refused_and_left_alone(project: Path) -> None:
    (project / "old").mkdir()
    (project / "old" / "sweep.json").touch()
    with pytest.raises(UserError, match="old was written by the first version of Descent; remove it and train again"):
        open_sweep(common(project, "problem=bowl", "trainer.max_steps=5", "seed=1,2", "hydra.sweep.dir=old"))
    assert [path.name for path in (project / "old").iterdir()] == ["sweep.json"]


def test_a_run_is_followed_while_it_grows_and_named_once_when_it_is_whole(
    project: Path, sweep: SweepRecord, heard: Heard
) -> None:
    a, b = (project / "runs" / name for name in "ab")

    def launch() -> None:
        note(sweep, "a", "running")
        assert eventually(lambda: heard.grown.count(a) >= 2, PATIENCE)
        assert a not in heard.whole
        note(sweep, "a", "trained")
        note(sweep, "b", "skipped")
        assert eventually(lambda: {a, b} <= set(heard.whole), PATIENCE)

    run_sweep(sweep, launch, heard)
    assert heard.whole == [sweep.folder, a, b, sweep.folder]
    assert set(heard.grown) == {a}


def test_the_last_states_of_jobs_are_reported_as_well(project: Path, sweep: SweepRecord, heard: Heard) -> None:
    run_sweep(sweep, lambda: note(sweep, "a", "trained"), heard)
    assert heard.whole == [sweep.folder, project / "runs" / "a", sweep.folder]


def test_runs_of_an_earlier_time_are_not_reported_again(sweep: SweepRecord, heard: Heard) -> None:
    note(sweep, "a", "trained", when=now() - 1000)
    note(sweep, "b", "running", when=now() - 1000)
    run_sweep(sweep, nothing, heard)
    assert heard.whole == [sweep.folder] * 2
    assert heard.grown == []


@pytest.mark.parametrize(
    ("stage", "new_name", "reported"),
    [("skipped", None, ["1"]), ("trained", None, ["", "1"]), ("skipped", "2", ["1", "2"])],
)
def test_a_finished_sweep_is_reported_at_its_start_only_if_a_run_is_new(
    project: Path, sweep: SweepRecord, heard: Heard, stage: Stage, new_name: str | None, reported: list[str]
) -> None:
    run_sweep(sweep, lambda: note(sweep, "1", "trained"), heard)
    heard.whole.clear()
    before = sweep.state()

    def launch() -> None:
        assert sweep.state().status == "RUNNING"
        note(sweep, "1", stage)
        if new_name is not None:
            note(sweep, new_name, stage)

    run_sweep(sweep, launch, heard)
    assert heard.whole == [*(project / "runs" / name if name else sweep.folder for name in reported), sweep.folder]
    assert (sweep.state() == before) == (stage == "skipped")


@pytest.mark.parametrize("status", ["KILLED", "RUNNING", "FAILED"])
def test_a_sweep_that_was_not_finished_gets_a_new_state(sweep: SweepRecord, heard: Heard, status: Status) -> None:
    run_sweep(sweep, lambda: note(sweep, "1", "trained"), heard)
    heard.whole.clear()
    sweep.write_state(replace(sweep.state(), status=status, when=1))
    run_sweep(sweep, lambda: note(sweep, "1", "skipped"), heard)
    assert heard.whole == [sweep.folder, sweep.folder.parents[1] / "runs" / "1", sweep.folder]
    assert sweep.state().status == "FINISHED"
    assert sweep.state().when > 1


def test_a_sweep_prints_how_its_jobs_ended(
    sweep: SweepRecord, heard: Heard, capsys: pytest.CaptureFixture[str]
) -> None:
    note(sweep, "1", "trained", when=now() - 1000)
    note(sweep, "2", "resumed", when=now() - 1000)
    note(sweep, "3", "running", when=now() - 1000)

    def launch() -> None:
        stages: tuple[Stage, ...] = ("trained", "trained", "resumed", "skipped")
        for name, stage in enumerate(stages, start=4):
            note(sweep, str(name), stage)

    run_sweep(sweep, launch, heard)
    said = "bowl: seed: 7 jobs: 2 trained, 1 resumed, 3 finished before, 0 failed, 1 unfinished"
    assert capsys.readouterr().out.splitlines()[0] == said
    assert sweep.state().status == "FINISHED"


def test_a_job_that_failed_is_reported_and_fails_the_sweep(
    sweep: SweepRecord, heard: Heard, capsys: pytest.CaptureFixture[str]
) -> None:
    def launch() -> None:
        assert sweep.state().status == "RUNNING"
        note(sweep, "1", "trained")
        note(sweep, "2", "failed", reason="no such thing")

    with pytest.raises(UserError, match=r"^1 of 2 jobs failed; the reasons are above$"):
        run_sweep(sweep, launch, heard)
    said = capsys.readouterr()
    assert said.err == "failed: 2: no such thing\n"
    assert "2 jobs: 1 trained, 0 resumed, 0 finished before, 1 failed\n" in said.out
    state = sweep.state()
    assert (state.status, state.metrics["runs/failed"]) == ("FAILED", 1)
    assert heard.whole[-1] == sweep.folder


@pytest.mark.parametrize(
    ("error", "message"),
    [(UserError("out of nodes"), "out of nodes"), (ValueError("out\nof nodes"), "ValueError: out of nodes")],
)
def test_a_launcher_that_fails_fails_the_sweep_in_a_line(
    sweep: SweepRecord, heard: Heard, error: Exception, message: str
) -> None:
    def launch() -> None:
        raise error

    with pytest.raises(UserError, match=f"^{message}$"):
        run_sweep(sweep, launch, heard)
    assert sweep.state().status == "FAILED"


def test_a_sweep_that_has_launched_all_its_jobs_forgets_what_it_has_no_more(sweep: SweepRecord, heard: Heard) -> None:
    for name in "123":
        note(sweep, name, "failed", when=now() - 1000)

    def launch() -> list[list[str]]:
        note(sweep, "1", "trained")
        return [["seed=1"], ["seed=2"]]

    def fail() -> list[list[str]]:
        raise UserError("out of nodes")

    with pytest.raises(UserError, match="out of nodes"):
        run_sweep(sweep, fail, heard)
    assert len(sweep.jobs()) == 3
    with pytest.raises(UserError, match="1 of 2 jobs failed"):
        run_sweep(sweep, launch, heard)
    assert [job.name for job in sweep.jobs()] == ["1", "2"]


def test_a_sweep_that_is_interrupted_is_killed(project: Path, sweep: SweepRecord, heard: Heard) -> None:
    def launch() -> None:
        note(sweep, "1", "trained")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(sweep, launch, heard)
    assert sweep.state().status == "KILLED"
    assert heard.whole == [sweep.folder, project / "runs" / "1", sweep.folder]


def test_a_sweep_is_run_by_one_process_at_a_time(sweep: SweepRecord, heard: Heard) -> None:
    refused = pytest.raises(UserError, match=rf"^another process is running this sweep \({sweep.folder}\); wait for it")

    def launch() -> None:
        with refused:
            run_sweep(sweep, nothing, heard)
        assert sweep.state().status == "RUNNING"

    run_sweep(sweep, launch, heard)
    assert sweep.state().status == "FINISHED"
