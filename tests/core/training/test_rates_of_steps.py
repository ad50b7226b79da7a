"""The learning rate that is recorded of each step, alone and in a batch."""

import math

import pytest
from conftest import Composed
from descents import train_together

from descent.core.config import TrainConfig
from descent.records.run import STEPS, RunRecord
from descent.runs.identity import RunResult
from descent.runs.train import train

STEPS_TAKEN = 12
RATES = (0.01, 0.03, 0.02)
NETWORK = (
    "experiment=mnist_two_layer", "network.sizes=[784,4,10]", "data.batch_size=20", f"trainer.max_steps={STEPS_TAKEN}",
    "evaluation.first=null", "evaluation.every=6", "sampler=shuffled",
)  # fmt: skip


def rates_of(result: RunResult) -> list[float]:
    return list(RunRecord(result.folder).table(STEPS).values("lr")[:, 0])


@pytest.mark.parametrize("overrides", [(), ("schedule=cosine",), ("schedule=step", "optimizer=adam")])
def test_each_step_in_a_batch_has_the_rate_that_it_has_alone(composed: Composed, overrides: tuple[str, ...]) -> None:
    def config(rate: float, folder: str) -> TrainConfig:
        return composed(*NETWORK, *overrides, f"optimizer.lr={rate}", f"run_dir=runs/{folder}_{rate}")

    batch = train_together(*(config(rate, "batch") for rate in RATES))
    alone = [rates_of(train(config(rate, "alone"))) for rate in RATES]
    assert [rates_of(result) for result in batch] == alone
    assert [rates[0] for rates in alone] == list(RATES)
    assert all(len(rates) == STEPS_TAKEN for rates in alone)


def test_the_rate_of_a_step_is_the_one_it_is_taken_at(composed: Composed) -> None:
    config = composed("experiment=himmelblau", "schedule=cosine", "trainer.max_steps=20")
    expected = [0.005 * (1 + math.cos(math.pi * step / 20)) for step in range(20)]
    assert rates_of(train(config)) == pytest.approx(expected, rel=1e-12)


def test_an_optimizer_may_change_its_rate_by_itself(composed: Composed) -> None:
    config = composed("experiment=himmelblau", "optimizer._target_=optimizers.Slowing", "trainer.max_steps=5")
    assert rates_of(train(config)) == [0.01 / 2**step for step in range(5)]


def test_an_optimizer_without_a_rate_leaves_the_cells_empty(composed: Composed) -> None:
    config = composed("experiment=himmelblau", "optimizer._target_=optimizers.Unrated", "trainer.max_steps=5")
    table = RunRecord(train(config).folder).read(STEPS)
    assert [row[table.columns.index("lr")] for row in table.rows] == [None] * 5
