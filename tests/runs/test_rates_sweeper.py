from pathlib import Path

import pytest
from multirun import common

import descent
from descent.core.config import TrainConfig
from descent.errors import UserError
from descent.runs.composition import CommandLine

SHORT = ("problem=bowl", "trainer.max_steps=5", "tracking=none", "hydra/launcher=fused")


def test_each_optimizer_is_tried_at_as_many_rates_of_its_own_range(project: Path) -> None:
    swept = descent.sweep(*SHORT, "sweep=optimizers", "optimizer=sgd,adam")
    rates = {name: group["optimizer.lr"].tolist() for name, group in swept.table.groupby("optimizer")}
    assert rates == {"sgd": [1e-3, 1e-2, 0.1, 1, 10], "adam": [1e-5, 1e-4, 1e-3, 1e-2, 0.1]}
    assert [run.name for run in swept.runs][:2] == ["adam lr=0.0001", "adam lr=0.001"]


def test_the_number_of_rates_is_a_choice_and_rates_that_are_given_are_taken(project: Path) -> None:
    words = ("sweep=optimizers", "optimizer=sgd,adam")
    table = descent.sweep(*SHORT, *words, "hydra.sweeper.rates=3", "seed=1,2").table
    assert table[table["optimizer"] == "adam"]["optimizer.lr"].tolist() == [1e-5] * 2 + [1e-3] * 2 + [0.1] * 2
    assert descent.sweep(*SHORT, *words, "optimizer.lr=0.1,0.2").table["optimizer.lr"].tolist() == [0.1, 0.2] * 2


def test_an_optimizer_without_a_range_is_refused_in_a_line(project: Path) -> None:
    mine = project / "conf" / "optimizer" / "mine.yaml"
    mine.write_text("_target_: torch.optim.SGD\n_partial_: true\nlr: 1\n")
    words = [*SHORT, "-m", "sweep=optimizers", "optimizer=mine"]
    line = CommandLine("train", TrainConfig, words)
    with pytest.raises(UserError, match=r"^optimizer=mine has no rates: add the lowest and the highest, as in rates"):
        line.sweep(lambda _: None)


def test_every_optimizer_has_a_range_and_its_own_rate_is_in_it(project: Path) -> None:
    for path in sorted((project / "conf" / "optimizer").glob("*.yaml")):
        optimizer = common(project, f"optimizer={path.stem}").optimizer
        low, high = optimizer.rates
        assert low <= optimizer.lr <= high, path
