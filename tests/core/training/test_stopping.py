import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import Composed
from descents import Stopper, run_in, timeless, train_together

from descent.core.training.stopping import rungs
from descent.errors import UserError
from descent.records.run import EVALUATIONS, STEPS, RunRecord
from descent.runs.train import train, train_batch

BOWL = ("problem=bowl", "trainer.max_steps=40")
RATES = ("0.3", "0.001", "0.1", "0.01", "1.5", "0.2", "0.03", "0.003")
HALVED = (*BOWL, "halving={after: 10, keep: 0.5}")
NETWORK = ("experiment=mnist_two_layer", "trainer.max_steps=60", "evaluation.first=null", "evaluation.every=10")


@pytest.mark.parametrize(
    ("after", "keep", "steps", "expected"),
    [
        (10, 0.5, 81, (10, 20, 40, 80)),
        (10, 0.5, 80, (10, 20, 40)),
        (10, 1 / 3, 1000, (10, 30, 90, 270, 810)),
        (1, 0.9, 4, (1, 2, 3)),
        (5, 0.5, 5, ()),
        (9, 0.5, 5, ()),
    ],
)
def test_each_rung_is_later_by_the_inverse_of_the_share_that_stays(
    after: int, keep: float, steps: int, expected: tuple[int, ...]
) -> None:
    assert rungs(after, keep, steps) == expected


def test_the_worse_half_of_a_batch_leaves_at_each_rung_and_the_others_are_as_without(composed: Composed) -> None:
    results = train_together(*(composed(*HALVED, f"optimizer.lr={rate}", "run_dir=halved/" + rate) for rate in RATES))
    ends = {rate: RunRecord(result.folder).ending() for rate, result in zip(RATES, results, strict=True)}
    # Each step multiplies the position by 1 - 2 lr. Of the seven that do not diverge, four stay at 10, two at 20.
    steps = {rate: end.step for rate, end in ends.items() if end is not None and end.result != "diverged"}
    assert steps == {"0.3": 40, "0.2": 20, "0.1": 20, "0.03": 20, "0.01": 10, "0.003": 10, "0.001": 10} | {"0.2": 40}
    stopped = {rate for rate, end in ends.items() if end is not None and end.result == "stopped"}
    assert stopped == {rate for rate, taken in steps.items() if taken < 40}
    whole = train(composed(*BOWL, "optimizer.lr=0.3", "run_dir=whole"))
    ours, its = (RunRecord(result.folder) for result in (results[0], whole))
    assert timeless(ours, STEPS) == timeless(its, STEPS)
    assert [row for row in timeless(ours, EVALUATIONS) if row[0] in {0, 10, 20, 40}] == [
        row for row in timeless(its, EVALUATIONS) if row[0] in {0, 10, 20, 40}
    ]


def test_seeds_of_a_group_leave_together(composed: Composed) -> None:
    words = ("experiment=patterns", "trainer.max_steps=40", "trainer.max_epochs=null", "halving={after: 10, keep: 0.5}")
    runs = [(rate, seed) for rate in ("0.001", "1", "0.3") for seed in range(3)]
    configs = [
        composed(*words, f"optimizer.lr={rate}", f"seed={seed}", f"run_dir={rate}/{seed}") for rate, seed in runs
    ]
    ends = [RunRecord(result.folder).ending() for result in train_together(*configs)]
    steps = {
        rate: {end.step for run, end in zip(runs, ends, strict=True) if end and run[0] == rate} for rate, _ in runs
    }
    assert sorted(map(len, steps.values())) == [1, 1, 1]
    assert sorted(steps.values(), key=min) == [{10}, {20}, {40}]


def test_a_run_of_a_batch_ends_at_its_target_and_the_others_go_on(composed: Composed, tmp_path: Path) -> None:
    configs = [
        composed(*NETWORK, "optimizer.lr=0.5", "target.value=1.5", "target.metric=loss/train", "stop_at_target=true"),
        composed(*NETWORK, "optimizer.lr=0.5", "seed=1"),
    ]
    runs = [run_in(tmp_path / str(number), config) for number, config in enumerate(configs)]
    train_batch(runs)
    stopped, whole = (run.record.read(EVALUATIONS) for run in runs)
    losses = stopped.column("loss/train")
    assert losses[-1] <= 1.5 < losses[:-1].min()
    assert runs[0].record.read(STEPS).rows[-1][0] == stopped.rows[-1][0] != 60
    assert whole.rows[-1][0] == 60
    alone = run_in(tmp_path / "alone", configs[0])
    train_batch([alone])
    np.testing.assert_allclose(alone.record.read(EVALUATIONS).column("loss/train"), losses, rtol=1e-5)


@pytest.mark.parametrize("at", [1, 3, 5])
def test_a_batch_that_is_halved_is_resumed_as_if_it_had_not_been_interrupted(
    composed: Composed, tmp_path: Path, at: int
) -> None:
    often = ("trainer.checkpoint_seconds=0", "trainer.chunk_size=7")
    configs = [composed(*HALVED, *often, f"optimizer.lr={rate}") for rate in RATES]
    train_batch([run_in(tmp_path / "whole" / str(number), config) for number, config in enumerate(configs)])
    press = partial(Stopper(at * len(configs)).on_progress, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train_batch([run_in(tmp_path / "resumed" / str(n), config, press) for n, config in enumerate(configs)])
    train_batch([run_in(tmp_path / "resumed" / str(number), config) for number, config in enumerate(configs)])
    for number in range(len(configs)):
        whole, resumed = (RunRecord(tmp_path / name / str(number)) for name in ("whole", "resumed"))
        for table in (STEPS, EVALUATIONS):
            assert timeless(resumed, table) == timeless(whole, table)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["schedule=cosine"], "halving compares runs on their way, and these differ in schedule; use one for all"),
        (
            ["halving={after: 10, keep: 0.25}"],
            "halving compares runs on their way, and these differ in halving; use one",
        ),
    ],
)
def test_runs_that_cannot_be_compared_on_their_way_are_refused(
    composed: Composed, words: list[str], reason: str
) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(reason)}"):
        train_together(composed(*HALVED, "run_dir=one"), composed(*HALVED, *words, "run_dir=two"))


def test_runs_that_do_not_measure_the_objective_are_not_halved(composed: Composed, tmp_path: Path) -> None:
    configs = [composed(*HALVED, "objective.metric=loss/tain", f"optimizer.lr={rate}") for rate in RATES[:2]]
    runs = [run_in(tmp_path / str(number), config) for number, config in enumerate(configs)]
    with pytest.raises(UserError, match=r"^halving: the runs do not measure objective\.metric=loss/tain$"):
        train_batch(runs)
