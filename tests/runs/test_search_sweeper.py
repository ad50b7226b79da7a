import math
from pathlib import Path
from typing import Any

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

import descent
from descent.errors import UserError
from hydra_plugins.descent_search_sweeper.search_sweeper import batch_sizes, distribution

SHORT = ("problem=bowl", "trainer.max_steps=5", "tracking=none", "sweep=optuna")


def study_of(sweep: descent.ComparedRuns) -> optuna.Study:
    """The study of a sweep, as another process opens it."""
    backend = optuna.storages.journal.JournalFileBackend(str(sweep.record.files / "study.log"))
    return optuna.load_study(study_name="search", storage=optuna.storages.JournalStorage(backend))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("lr=interval(0.1,1)", FloatDistribution(0.1, 1.0)),
        ("lr=tag(log,interval(1e-5,1))", FloatDistribution(1e-5, 1.0, log=True)),
        ("size=int(interval(16,256))", IntDistribution(16, 256)),
        ("size=tag(log,int(interval(16,256)))", IntDistribution(16, 256, log=True)),
        ("seed=range(5)", IntDistribution(0, 4)),
        ("size=range(10,50,20)", IntDistribution(10, 30, step=20)),
        ("share=range(0.0,1.0,0.25)", FloatDistribution(0.0, 0.75, step=0.25)),
        ("optimizer=sgd,adam", CategoricalDistribution(["sgd", "adam"])),
        ("lr=0.1,0.2", CategoricalDistribution([0.1, 0.2])),
    ],
)
def test_values_are_drawn_as_they_are_written(words: str, expected: object) -> None:
    (override,) = OverridesParser.create().parse_overrides([words])
    assert distribution(override) == expected


def test_what_cannot_be_searched_is_refused_in_a_line() -> None:
    (override,) = OverridesParser.create().parse_overrides(["optimizer=glob(*)"])
    with pytest.raises(UserError, match=r"^optimizer=glob\(\*\): a search takes values, range"):
        distribution(override)


@pytest.mark.parametrize(("count", "size", "sizes"), [(5, 2, [2, 2, 1]), (4, 4, [4]), (0, 3, []), (3, 1, [1, 1, 1])])
def test_trials_come_in_batches(count: int, size: int, sizes: list[int]) -> None:
    assert list(batch_sizes(count, size)) == sizes


def test_a_search_is_a_study_of_its_runs_that_is_extended(project: Path) -> None:
    first = descent.sweep(*SHORT, "hydra.sweeper.n_trials=3")
    study = study_of(first)
    losses = {
        f"{rate:.6g}": loss for rate, loss in zip(first.table["optimizer.lr"], first.table["loss/train"], strict=True)
    }
    told = {f"{trial.params['optimizer.lr']:.6g}": trial.value for trial in study.trials}
    assert {rate: pytest.approx(loss) for rate, loss in losses.items()} == told
    more = descent.sweep(*SHORT, "hydra.sweeper.n_trials=5")
    assert more.folder == first.folder
    assert [trial.state for trial in study_of(more).trials] == [TrialState.COMPLETE] * 5
    rates = [trial.params["optimizer.lr"] for trial in study_of(more).trials]
    assert len(set(rates)) == 5  # a sampler of the same seed would draw the first ones again
    assert len(descent.sweep(*SHORT, "hydra.sweeper.n_trials=4").runs) == 5


def test_trials_are_trained_as_batches(project: Path) -> None:
    words = ("hydra.sweeper.n_trials=5", "hydra.sweeper.n_jobs=3", "hydra/launcher=fused")
    table = descent.sweep(*SHORT, *words).table
    assert sorted(table["runs_in_batch"]) == [2, 2, 3, 3, 3]


def test_a_search_finds_the_rate_that_is_the_best(project: Path) -> None:
    # On x² + y² a step multiplies the position by 1 - 2 lr: 0.5 leads to the minimum in one step.
    words = ("optimizer.lr=interval(0.01,0.99)", "hydra.sweeper.n_trials=30", "hydra.sweeper.n_jobs=5")
    best = descent.sweep(*SHORT, *words, "hydra/launcher=fused").best
    assert best is not None
    assert float(best.config["optimizer"]["lr"]) == pytest.approx(0.5, abs=0.1)


def test_other_keys_are_fixed_or_searched_as_well(project: Path) -> None:
    words = ("hydra.sweeper.n_trials=4", "optimizer=sgd,adam", "seed=range(2)", "optimizer.lr=0.1")
    sweep = descent.sweep(*SHORT, *words)
    assert {frozenset(trial.params) for trial in study_of(sweep).trials} == {frozenset({"optimizer", "seed"})}
    assert {run.config["optimizer"]["lr"] for run in sweep.runs} == {0.1}


def test_a_run_that_diverges_is_infinitely_bad_and_a_failed_trial_stops_nothing(project: Path) -> None:
    with pytest.raises(UserError, match="1 of 2 jobs failed"):
        descent.sweep(*SHORT, "optimizer.lr=2,-1", "hydra.sweeper.n_trials=8", "trainer.max_steps=60")
    (folder,) = (project / "sweeps").iterdir()
    study = study_of(descent.ComparedRuns(folder))
    assert {(trial.params["optimizer.lr"], trial.state.name, trial.value) for trial in study.trials} == {
        (2, "COMPLETE", math.inf), (-1, "FAIL", None),
    }  # fmt: skip


def test_trials_that_did_not_complete_are_repeated_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = descent.sweep(*SHORT, "hydra.sweeper.n_trials=2")
    study = study_of(sweep)
    space: dict[str, BaseDistribution] = {"optimizer.lr": FloatDistribution(1e-5, 1.0, log=True)}
    running, failed = study.ask(space), study.ask(space)
    study.tell(failed, state=TrialState.FAIL)

    def states() -> list[tuple[str, float]]:
        trials: list[Any] = study_of(sweep).trials
        return [(trial.state.name, trial.params["optimizer.lr"]) for trial in trials[2:]]

    descent.sweep(*SHORT, "hydra.sweeper.n_trials=4")
    rates = [trial.params["optimizer.lr"] for trial in (running, failed)]
    assert states() == [("FAIL", rates[0]), ("FAIL", rates[1]), ("COMPLETE", rates[0]), ("COMPLETE", rates[1])]
    descent.sweep(*SHORT, "hydra.sweeper.n_trials=5")
    assert [state for state, _ in states()] == ["FAIL", "FAIL", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert states()[-1][1] not in rates


PRUNED = ("hydra.sweeper.pruner={_target_: optuna.pruners.MedianPruner, n_startup_trials: 2}", "trainer.max_steps=100")


def test_trials_that_are_worse_on_their_way_are_pruned(project: Path) -> None:
    words = ("optimizer.lr=tag(log,interval(1e-5,0.3))", "hydra.sweeper.n_trials=8")
    sweep = descent.sweep(*SHORT[:1], *SHORT[2:], *PRUNED, *words)
    trials = study_of(sweep).trials
    states = {trial.state.name for trial in trials}
    assert states == {"COMPLETE", "PRUNED"}
    table = sweep.table
    stopped = table[table["result"] == "stopped"]
    assert (stopped["steps"] < 100).all()
    assert {trial.params["optimizer.lr"] for trial in trials if trial.state.name == "PRUNED"} == set(
        stopped["optimizer.lr"]
    )
    assert not set(sweep.groups["optimizer.lr"]) & set(stopped["optimizer.lr"])
    # A run that was pruned is no run of its configuration, which is trained to its end when it is asked for.
    rate = stopped["optimizer.lr"].iloc[0]
    whole = descent.train(*SHORT[:1], "tracking=none", "trainer.max_steps=100", f"optimizer.lr={rate}")
    assert (len(whole.steps), whole.result) == (100, "finished")


def test_trials_of_a_batch_are_not_pruned(project: Path) -> None:
    with pytest.raises(UserError, match=r"hydra\.sweeper\.pruner takes trials that run alone; use halving, or another"):
        descent.sweep(*SHORT, *PRUNED, "hydra/launcher=fused")
