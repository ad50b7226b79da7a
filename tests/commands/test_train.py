import logging
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from conftest import composed_in
from descents import Stopper
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import load_study
from optuna.trial import FrozenTrial

from descent.commands import train
from descent.errors import UserError
from descent.records.run import RunRecord, run_folders
from descent.runs.train import train as train_run

Said = Callable[..., list[str]]


@pytest.fixture
def said(project: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Said]:
    """Runs the command without MLflow, and gives what it said."""

    def call(*words: str) -> list[str]:
        train.main([*words, "tracking=none"])
        return capsys.readouterr().out.splitlines()

    yield call
    logging.getLogger("descent").handlers.clear()
    torch.set_flush_denormal(False)


def trials_in(path: Path) -> list[FrozenTrial]:
    """The trials of a study in a journal."""
    return load_study(study_name="search", storage=JournalStorage(JournalFileBackend(str(path)))).trials


SEARCH = ("experiment=bowl_001", "sweep=optuna", "trainer.max_steps=20")


def test_a_search_resumes_up_to_its_number_of_trials(said: Said, project: Path) -> None:
    one, two = "hydra.sweeper.n_trials=1", "hydra.sweeper.n_trials=2"
    assert "1 jobs: 1 trained, 0 resumed, 0 finished before, 0 failed" in said(*SEARCH, one)[-3]
    assert "1 jobs: 0 trained, 0 resumed, 1 finished before, 0 failed" in said(*SEARCH, one)[-3]
    assert "2 jobs: 1 trained, 0 resumed, 1 finished before, 0 failed" in said(*SEARCH, two)[-3]
    (folder,) = (project / "sweeps").iterdir()
    rates = [trial.params["optimizer.lr"] for trial in trials_in(folder / "record" / "study.log")]
    trained = [RunRecord(run).header.params["optimizer.lr"] for run in (project / "runs").iterdir()]
    assert len(set(rates)) == 2
    assert sorted(rates) == sorted(map(float, trained))


def test_a_search_looks_in_log_space_and_for_several_things_at_once(said: Said, project: Path) -> None:
    space = ("optimizer=sgd,adam", "+optimizer.weight_decay=tag(log,interval(1e-6,1e-2))", "hydra.sweeper.n_trials=2")
    assert "2 jobs: 2 trained" in said(*SEARCH, *space)[-3]
    (study,) = project.glob("sweeps/*/record/study.log")
    for trial in trials_in(study):
        assert trial.distributions == {
            "optimizer": CategoricalDistribution(["sgd", "adam"]),
            "optimizer.lr": FloatDistribution(1e-5, 1, log=True),
            "+optimizer.weight_decay": FloatDistribution(1e-6, 1e-2, log=True),
        }


def test_a_search_whose_trials_all_fail_is_reported_in_a_line(said: Said, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=r"^2 of 2 jobs failed; the reasons are above$"):
        said(*SEARCH, "optimizer.lr=-2,-1", "hydra.sweeper.n_trials=2")
    assert "choose a number from 0" in capsys.readouterr().err


def test_random_starts_differ_and_nothing_else(said: Said, project: Path) -> None:
    words = ("experiment=himmelblau", "sweep=random_starts", "seed=range(3)", "trainer.max_steps=5")
    assert "3 jobs: 3 trained" in said(*words)[-3]
    records = [RunRecord(run) for run in (project / "runs").iterdir()]
    assert len({record.path()[0].tobytes() for record in records}) == 3
    params = [set(record.header.params.items()) for record in records]
    assert {name for name, _ in params[0].union(*params) - params[0].intersection(*params)} == {
        "seed", "start.seed", "problem.start.seed",
    }  # fmt: skip


def test_a_run_reports_its_evaluations(said: Said) -> None:
    assert len([line for line in said("problem=bowl", "trainer.max_steps=5") if line.startswith("step ")]) == 6


@pytest.mark.parametrize("steps", [100, 300, 5001])
def test_of_a_long_run_twenty_evaluations_are_printed_and_the_last(said: Said, steps: int) -> None:
    lines = [line for line in said("problem=bowl", f"trainer.max_steps={steps}") if line.startswith("step ")]
    printed = [int(line.split()[1].replace(",", "")) for line in lines]
    assert 15 < len(printed) <= 21
    assert (printed[0], printed[-1]) == (0, steps)
    assert len({after - before for before, after in pairwise(printed[:-1])}) == 1


def test_a_run_that_is_resumed_says_from_where(said: Said, project: Path) -> None:
    words = ("problem=bowl", "trainer.max_steps=30", "run_dir=runs/mine")
    with pytest.raises(KeyboardInterrupt):
        train_run(composed_in(project, *words, "trainer.checkpoint_seconds=0"), listener=Stopper(2))
    assert said(*words)[0] == "resumed from step 2"


def test_a_run_says_where_its_record_is_and_of_one_that_is_there_how_it_is_trained_again(said: Said) -> None:
    words = ("problem=bowl", "trainer.max_steps=5", "run_dir=runs/mine")
    assert (
        said(*words)[-1] == "record runs/mine  picture runs/mine/views/descent.png  player runs/mine/views/descent.html"
    )
    assert said(*words) == ["bowl: runs/mine holds this run already, finished; remove it to train again"]


def test_a_sweep_reports_only_its_runs(said: Said) -> None:
    lines = said("-m", "problem=bowl", "trainer.max_steps=4", "seed=0,1")
    assert [line.partition(":")[0] for line in lines] == ["seed=0", "seed=1", "bowl", "best", lines[-1]]


def test_a_sweep_is_in_the_chosen_folder_and_replaces_no_other(said: Said, project: Path) -> None:
    words = ("-m", "problem=bowl", "hydra.sweep.dir=mine", "run_dir=mine/${hydra:job.num}")
    said(*words, "trainer.max_steps=4", "seed=0,1")
    assert (project / "mine" / "views" / "runs.csv").exists()
    assert {folder.name for folder in (project / "mine").iterdir() if (folder / "record" / "run.json").exists()} == {
        "0",
        "1",
    }
    with pytest.raises(UserError, match="mine holds another sweep, bowl: seed; remove it or choose another"):
        said(*words, "trainer.max_steps=5", "seed=0")


def test_a_sweep_that_replaces_another_leaves_nothing_of_it_and_is_there_the_next_time(
    said: Said, project: Path
) -> None:
    words = ("-m", "problem=bowl", "hydra.sweep.dir=mine", "run_dir=mine/${hydra:job.num}", "replace=true")
    said(*words, "trainer.max_steps=4", "seed=0,1")
    said(*words, "trainer.max_steps=5", "seed=0")
    assert [run.header.params["trainer.max_steps"] for run in map(RunRecord, run_folders([project / "mine"]))] == ["5"]
    before = {path: path.stat().st_mtime_ns for path in run_folders([project / "mine"])}
    assert "0 trained, 0 resumed, 1 finished before" in "".join(said(*words, "trainer.max_steps=5", "seed=0"))
    assert {path: path.stat().st_mtime_ns for path in run_folders([project / "mine"])} == before
