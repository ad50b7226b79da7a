from contextlib import chdir
from pathlib import Path

import pytest
from multirun import common

from descent.core.config import TrainConfig
from descent.records import lineage
from descent.records.sweep import SEVERAL, SweepRecord
from descent.runs.composition import CommandLine
from descent.runs.sweep_identity import header_of, identity_overrides, job_name, swept_params

SWEEP = ("problem=bowl", "optimizer=sgd,adam", "optimizer.lr=1e-3,1e-2", "seed=range(3)", "trainer.max_steps=5")


def test_a_sweep_is_called_by_what_it_sweeps_over(project: Path) -> None:
    config = common(project, *SWEEP)
    assert swept_params(config) == {"optimizer": "sgd,adam", "optimizer.lr": "1e-3,1e-2", "seed": "range(3)"}
    header = header_of(config)
    assert (header.name, header.problem) == ("bowl: optimizer × lr × seed", "bowl")
    assert header.params["sweep.optimizer.lr"] == "1e-3,1e-2"
    assert header.params["trainer.max_steps"] == "5"
    assert "optimizer.lr" not in header.params
    assert header.tags["hydra.overrides"] == " ".join(SWEEP)


def test_the_same_sweep_again_is_the_same_and_another_is_another(project: Path) -> None:
    identity = header_of(common(project, *SWEEP)).id
    assert header_of(common(project, *reversed(SWEEP))).id == identity
    same = ("tracking=none", "hydra/launcher=joblib", "run_dir=there", "trainer.chunk_size=7")
    assert header_of(common(project, *SWEEP, *same)).id == identity
    others = (
        "trainer.max_steps=6", "schedule=cosine", "seed=range(4)", "optimizer.lr=1e-2,1e-3", "data.batch_size=1,2",
        "hydra/sweeper=search", "objective.metric=x",
    )  # fmt: skip
    assert len({identity} | {header_of(common(project, *SWEEP, other)).id for other in others}) == 1 + len(others)


@pytest.mark.parametrize(
    ("words", "others"),
    [
        ("optimizer.lr=0.1,1", ["optimizer.lr=1e-1,1.0", "optimizer.lr=.1,1", "++optimizer.lr=choice(0.1,1)"]),
        ("seed=range(3)", ["seed=0,1,2", "seed=range(0,3)"]),
        ("optimizer=sgd,adam", ["optimizer='sgd',\"adam\""]),
        ("optimizer=glob(a*)", ["optimizer=glob(a*)"]),
        ("seed=shuffle(range(9))", ["seed=shuffle(range(9))"]),
    ],
)
def test_a_sweep_is_the_same_however_its_values_are_written(project: Path, words: str, others: list[str]) -> None:
    base = ("problem=bowl", "trainer.max_steps=5")
    identities = {header_of(common(project, *base, word)).id for word in (words, *others)}
    assert len(identities) == 1


def test_other_source_makes_another_sweep(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = common(project, *SWEEP)
    identity = header_of(config).id
    assert header_of(config).id == identity
    (project / "descent" / "tracking").mkdir(parents=True)
    monkeypatch.setattr(lineage, "__file__", str(project / "descent" / "tracking" / "lineage.py"))
    assert header_of(config).id != identity


@pytest.mark.parametrize(
    ("name", "jobs"),
    [
        ("learning_rate", ["optimizer.lr"]),
        ("optimizers", ["optimizer", "optimizer.lr"]),
        ("random_starts", ["seed"]),
        ("optuna", ["optimizer.lr"]),
    ],
)
def test_ready_sweeps_need_no_flag(project: Path, name: str, jobs: list[str]) -> None:
    words = ["problem=bowl", "trainer.max_steps=5", f"sweep={name}"]
    config = CommandLine("train", TrainConfig, words).common
    assert config is not None
    assert list(swept_params(config)) == jobs


def test_a_single_run_is_no_sweep(project: Path) -> None:
    assert CommandLine("train", TrainConfig, ["problem=bowl", "trainer.max_steps=5"]).common is None


def test_a_sweep_over_problems_has_an_experiment_of_its_own(project: Path) -> None:
    header = header_of(common(project, "problem=bowl,beale", "trainer.max_steps=5", "run_dir=runs/${name}"))
    assert (header.name, header.problem) == ("several: problem", SEVERAL)


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["problem=bowl", "optimizer=adam", "optimizer.lr=0.01", "seed=2"], "adam lr=0.01 seed=2"),
        (["problem=bowl", "optimizer=adam", "+optimizer.eps=0.01"], "adam eps=0.01"),
        (["problem.start=[1.0,2.0]", "problem=bowl"], "start=[1.0,2.0]"),
    ],
)
def test_a_job_is_named_by_its_swept_parameters(overrides: list[str], name: str) -> None:
    swept = ["optimizer", "optimizer.lr", "seed", "optimizer.eps", "problem.start"]
    assert job_name(overrides, swept) == name


def test_a_job_knows_its_sweep_its_folder_and_what_is_swept(project: Path) -> None:
    sweep = SweepRecord.create(project / "o'clock", header_of(common(project, *SWEEP)), "")
    assert identity_overrides(sweep) == [
        f"hydra.sweep.dir='{project}/o\\'clock'",
        f"+hydra.job.env_set.DESCENT_SWEEP={sweep.header.id}",
        "+hydra.job.env_set.DESCENT_SWEPT='optimizer optimizer.lr seed'",
    ]


def test_no_folder_is_taken_for_an_interpolation(project: Path) -> None:
    sweep = SweepRecord.create(project / "${of}", header_of(common(project, *SWEEP)), "")
    (project / "${of}" / "below").mkdir()
    with chdir(project / "${of}" / "below"):
        assert identity_overrides(sweep)[0] == "hydra.sweep.dir='..'"
