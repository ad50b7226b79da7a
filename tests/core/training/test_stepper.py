import math
from functools import partial
from pathlib import Path

import pytest
import torch
from conftest import Composed
from descents import alone, network_descent, parabola_descent, record_in, run_in, timeless
from torch import Tensor

from descent.core.problems.surface import Surface
from descent.core.training.plan import Plan
from descent.records.run import EVALUATIONS, STEPS, RunRecord
from descent.runs.train import train_batch


def test_each_step_is_recorded_with_the_loss_it_descends_from_and_the_position_it_leads_to(tmp_path: Path) -> None:
    run = parabola_descent(tmp_path, start=1.0, lr=0.1, steps=50)
    table = RunRecord(tmp_path).read(STEPS)
    assert table.columns == ["step", "timestamp", "loss/step", "grad_norm", "lr", "x"]
    for k, (step, _, loss, norm, lr, x) in enumerate(table.rows, start=1):
        before = 0.8 ** (k - 1)
        assert step == k
        assert loss == pytest.approx(before**2, rel=1e-12)
        assert norm == pytest.approx(2 * before, rel=1e-12)
        assert lr == 0.1
        assert x == pytest.approx(0.8**k, rel=1e-12)
    assert run.state.steps_taken == len(table.rows) == 50
    assert run.problem.position() == pytest.approx([0.8**50], rel=1e-12)


@pytest.mark.parametrize("chunk_size", [1, 7, 100])
def test_a_position_out_of_bounds_ends_the_run_at_that_step_as_diverged(tmp_path: Path, chunk_size: int) -> None:
    # x -> -2 x, so that 2^7 = 128 is the first beyond 100.
    run = parabola_descent(tmp_path, start=1.0, lr=1.5, steps=1000, chunk_size=chunk_size)
    assert run.state.diverged
    assert run.state.steps_taken == 7
    assert run.problem.position() == [-128.0]
    assert [row[-1] for row in RunRecord(tmp_path).read(STEPS).rows] == [(-2.0) ** k for k in range(1, 8)]
    assert RunRecord(tmp_path).read(EVALUATIONS).rows[-1][0] == 7


@pytest.mark.parametrize("start", ["[0,64]", "[64,0]", "[-64,0]"])
def test_one_component_out_of_bounds_is_enough(composed: Composed, tmp_path: Path, start: str) -> None:
    rate = ("optimizer.lr=1.5", "divergence_threshold=100")  # x -> -2 x
    config = composed("problem=bowl", f"problem.start={start}", *rate, "trainer.max_steps=9")
    result, position = alone(config, tmp_path / "run")
    assert result == "diverged"
    assert sorted(map(abs, position)) == [0, 128]


@pytest.mark.parametrize("chunk_size", [1, 7, 100])
def test_a_loss_that_is_not_finite_ends_the_run_before_its_step(tmp_path: Path, chunk_size: int) -> None:
    # x -> -2 x, so that the square of 2^14 * 1e150 is the first beyond the largest number, 1.8e308.
    run = parabola_descent(
        tmp_path, start=1e150, lr=1.5, steps=1000, chunk_size=chunk_size, divergence_threshold=math.inf
    )
    rows = RunRecord(tmp_path).read(STEPS).rows
    assert run.state.diverged
    assert run.state.steps_taken == len(rows) == 15
    assert [row[2] == math.inf for row in rows] == [False] * 14 + [True]
    assert run.problem.position() == [2**14 * 1e150]
    assert rows[-1][-1] == rows[-2][-1] == 2**14 * 1e150


def test_a_network_that_blows_up_is_diverged(tmp_path: Path) -> None:
    run = network_descent(tmp_path, optimizer=partial(torch.optim.SGD, lr=1e38))
    assert run.state.diverged
    assert 0 < run.state.steps_taken < 60
    last = RunRecord(tmp_path).read(STEPS).rows[-1][2]
    assert last is not None
    assert not math.isfinite(last)


def test_a_diverged_run_that_is_resumed_stays_where_it_is(tmp_path: Path) -> None:
    parabola_descent(tmp_path, lr=1.5, steps=1000)
    before = timeless(record_in(tmp_path, Plan(1, (0, 1), (0, 1))), STEPS)
    again = parabola_descent(tmp_path, lr=1.5, steps=1000)
    assert again.state.diverged
    assert again.problem.position() == [-128.0]
    assert timeless(RunRecord(tmp_path), STEPS) == before


class Shaken(Surface):
    """The height, and a random number that each loss draws, in train mode and in eval mode."""

    def forward(self, *minibatch: Tensor) -> Tensor:
        return super().forward(*minibatch) + torch.rand((), dtype=torch.float64)


def test_random_numbers_are_others_in_each_step_and_evaluation_of_each_seed_and_depend_on_nothing_else(
    composed: Composed, tmp_path: Path
) -> None:
    def drawn(name: str, *overrides: str, before: int = 0) -> tuple[list[float], list[float]]:
        """The losses of 4 steps and of the evaluations, where others have drawn some numbers before the first."""
        shaken = ("problem=parabola", "problem.start=0", f"problem._target_={__name__}.Shaken", "optimizer.lr=0")
        run = run_in(tmp_path / name, composed(*shaken, "trainer.max_steps=4", *overrides))
        torch.rand(before)
        train_batch([run])
        steps, evaluations = run.record.read(STEPS), run.record.read(EVALUATIONS)
        return steps.column("loss/step").tolist(), evaluations.column("loss/train").tolist()

    steps, evaluations = drawn("first", "evaluation.every=1")
    others = drawn("other", "evaluation.every=1", "seed=1")
    assert len({*steps, *evaluations, *others[0], *others[1]}) == 2 * (4 + 5)
    again = drawn("again", "evaluation.every=4", "trainer.chunk_size=3", before=5)
    assert again == (steps, [evaluations[0], evaluations[4]])


class Doubled(Surface):
    """The height, twice in train mode."""

    def forward(self, *minibatch: Tensor) -> Tensor:
        return super().forward(*minibatch) * (2 if self.training else 1)


@pytest.mark.parametrize("starts", [[3], [3, 5]], ids=["alone", "together"])
def test_a_problem_is_in_train_mode_in_its_steps_and_in_eval_mode_in_evaluations_and_thereafter(
    composed: Composed, tmp_path: Path, starts: list[int]
) -> None:
    doubled = ("problem=parabola", f"problem._target_={__name__}.Doubled", "optimizer.lr=0", "trainer.max_steps=4")
    runs = [
        run_in(tmp_path / str(start), composed(*doubled, "evaluation.every=2", f"problem.start={start}"))
        for start in starts
    ]
    train_batch(runs)
    for start, run in zip(starts, runs, strict=True):
        assert run.record.read(STEPS).column("loss/step").tolist() == [2 * start**2] * 4
        assert run.record.read(EVALUATIONS).column("loss/train").tolist() == [start**2] * 3
        assert run.training is not None
        assert not run.training.problem.training
