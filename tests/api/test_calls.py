import logging
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from own_surface import MINE, QUICK, end, write_surface

import descent
from descent.commands import train as command
from descent.records.run import RunRecord


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    yield
    logging.getLogger("descent").handlers.clear()
    torch.set_flush_denormal(False)


def test_a_run_is_that_of_the_command(project: Path) -> None:
    run = descent.train("himmelblau", "optimizer=adam", *QUICK)
    key = RunRecord(run.folder).header.key
    assert run.folder == project / "runs" / f"himmelblau-{key[:8]}"
    assert run.picture.exists()
    ended = (run.folder / "record" / "result.json").stat().st_mtime_ns
    command.main(["experiment=himmelblau", "optimizer=adam", *QUICK])
    assert descent.train("experiment=himmelblau", "optimizer=adam", *QUICK).folder == run.folder
    assert (run.folder / "record" / "result.json").stat().st_mtime_ns == ended


def test_nothing_is_printed_about_a_single_run_however_often_the_command_was_called(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    descent.train("problem=bowl", *QUICK)
    descent.train("problem=bowl", "seed=1", *QUICK)
    assert capfd.readouterr() == ("", "")
    for seed in (2, 3):
        command.main(["problem=bowl", f"seed={seed}", *QUICK])
    assert sum(line.startswith("step      20") for line in capfd.readouterr().out.splitlines()) == 2


def test_a_sweep_is_that_of_the_command_and_calls_take_turns(project: Path) -> None:
    words = ("himmelblau", "optimizer=sgd,adam", "optimizer.lr=1e-3,1e-2", "hydra/launcher=fused", *QUICK)
    swept = descent.sweep(*words)
    run = descent.train("himmelblau", "optimizer=adam", "optimizer.lr=1e-2", *QUICK)
    assert run.folder in [one.folder for one in swept.runs]
    assert descent.sweep(*words).folder == swept.folder
    ready = descent.sweep("himmelblau", "sweep=learning_rate", *QUICK)
    assert len(ready.runs) == 5
    assert {path.name for path in (project / "sweeps").iterdir()} >= {swept.folder.name, ready.folder.name}


def test_runs_of_all_kinds_are_compared_and_found_again(project: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, project)
    run = descent.train("problem=bowl", "optimizer.lr=0.3", *QUICK)
    swept = descent.sweep("problem=bowl", "optimizer.lr=0.1,0.2", *QUICK)
    compared = descent.compare(run, swept, run.folder)
    assert {one.folder for one in compared.runs} == {run.folder, *(one.folder for one in swept.runs)}
    assert compared.best is not None
    assert compared.best.params["optimizer.lr"] == "0.3"
    for there in (run, swept, compared):
        key = there.folder.name.rpartition("-")[2]
        assert type(descent.load(there.folder)) is type(there)
        assert descent.load(key).folder == there.folder
    assert descent.compare(compared).folder == compared.folder


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("himmelblau", "trainer.max_step=1"), "trainer.max_step=1: there is no key 'trainer.max_step'; did you mean"),
        (("himelblau",), "experiment=himelblau: there is no such choice; did you mean 'himmelblau'?"),
        ((), "say what to train: experiment=NAME, one of"),
        (("himmelblau", "sweep=optuna"), "himmelblau sweep=optuna: this is a sweep; train it with descent.sweep"),
        (("himmelblau", "-m"), "-m: options are the command's; use overrides, and descent.sweep for -m"),
        (("himmelblau", "optimizer._target_=__main__.Mine"), "__main__.Mine: what a notebook or a script defines"),
        (("himmelblau", "optimizer.lr=-1"), "optimizer.lr=-1: choose a number from 0"),
    ],
)
def test_an_error_is_an_exception_of_one_line(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(descent.UserError) as caught:
        descent.train(*words)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_jobs_that_fail_are_an_exception_and_the_others_are_compared(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(descent.UserError, match=r"^1 of 3 jobs failed; the reasons are above$"):
        descent.sweep("problem=bowl", "optimizer.lr=-1,0.1,0.2", *QUICK)
    assert "failed: lr=-1: optimizer.lr=-1: choose a number from 0" in capsys.readouterr().err
    (folder,) = (project / "sweeps").glob("bowl-*")
    swept = descent.load(folder)
    assert isinstance(swept, descent.ComparedRuns)
    assert len(swept.runs) == 2
    assert swept.failed["lr=-1"].startswith("optimizer.lr=-1: choose a number from 0")
    assert "choose a number from 0" in swept._repr_html_()


@pytest.mark.parametrize("place", ["runs", "0123456789", "no such folder"])
def test_what_is_not_there_is_refused(project: Path, place: str, empty_store: Path) -> None:
    (project / "runs").mkdir()
    shutil.copy(empty_store, project)
    with pytest.raises(descent.UserError, match=f"^{place}"):
        descent.load(place)


@pytest.mark.usefixtures("project")
def test_the_state_of_the_process_is_left_as_it_was() -> None:
    GlobalHydra.instance().clear()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = torch.rand(1)
    descent.train("problem=bowl", *QUICK)
    descent.sweep("problem=bowl", "seed=1,2", *QUICK)
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)
    assert torch.tensor([1e-40]).mul(1) > 0
    assert not GlobalHydra.instance().is_initialized()


def test_a_module_that_was_edited_trains_and_records_the_new_source(project: Path) -> None:
    runs = []
    for steepness in (1, 2, 1):
        write_surface(project, steepness)
        runs.append(descent.train(*MINE))
        assert runs[-1].metrics["x"] == pytest.approx(end(steepness))
    assert runs[0].folder == runs[2].folder != runs[1].folder
    assert {"my_surface", "my_steepness"} <= runs[1].record.header.code.keys()
    write_surface(project, 3)
    for one, rate in zip(descent.sweep(*MINE[:2], *MINE[3:], "optimizer.lr=0.01,0.02").runs, (0.01, 0.02), strict=True):
        assert one.metrics["x"] == pytest.approx(-3 * (1 - 6 * rate) ** 20)


def test_of_two_projects_each_has_its_own_modules(
    project: Path, tmp_path_factory: pytest.TempPathFactory, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from conftest import make_project

    other = make_project(tmp_path_factory.mktemp("other"), small_data)
    write_surface(project, 1)
    write_surface(other, 2)
    for folder, steepness in ((project, 1), (other, 2), (project, 1)):
        monkeypatch.chdir(folder)
        run = descent.train(*MINE)
        assert run.folder.is_relative_to(folder)
        assert run.metrics["x"] == pytest.approx(end(steepness))
    assert sys.path.count(str(project)) == 1


@pytest.mark.usefixtures("project")
def test_ctrl_c_passes_through_and_the_next_call_resumes(monkeypatch: pytest.MonkeyPatch) -> None:
    import signal

    words = ("problem=bowl", "trainer.max_steps=3000", "trainer.chunk_size=10", "tracking=none")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background job ignores
    with monkeypatch.context() as patch:
        from descent.core.training.callbacks import Checkpointer

        save = Checkpointer._save

        def interrupted(self: Checkpointer, module: object) -> None:
            save(self, module)  # type: ignore[arg-type]
            signal.raise_signal(signal.SIGINT)

        patch.setattr(Checkpointer, "_save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            descent.train(*words, "trainer.checkpoint_seconds=0")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)
    run = descent.train(*words)
    assert run.steps["step"].tolist() == list(range(1, 3001))
