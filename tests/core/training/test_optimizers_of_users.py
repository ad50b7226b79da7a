"""Optimizers that take a closure, have modes or keep state of another dtype."""

from typing import Any

import pytest
import torch
from conftest import Composed
from descents import Stopper, timeless, train_together

from descent.records.run import EVALUATIONS, STEPS, RunRecord
from descent.runs.train import train

SURFACE = ("problem=himmelblau", "problem.start=[0.5,-1]", "trainer.max_steps=12", "optimizer.lr=0.01")
LBFGS = ("optimizer._target_=torch.optim.LBFGS", "optimizer.lr=1", "+optimizer.max_iter=4")
TARGETS = {
    "LBFGS": LBFGS,
    "Averaged": ("optimizer._target_=optimizers.Averaged",),
    "HalfPrecise": ("optimizer._target_=optimizers.HalfPrecise",),
    "Counting": ("optimizer._target_=optimizers.Counting",),
    "Newton": ("optimizer._target_=optimizers.Newton", "+optimizer.create_graph=true"),
    "Noisy": ("optimizer._target_=optimizers.Noisy",),
}


def checkpoint(record: RunRecord) -> dict[str, Any]:
    return torch.load(record.files / "checkpoint.ckpt", weights_only=True)  # type: ignore[no-any-return]


def test_lbfgs_takes_the_steps_of_a_loop_by_hand_and_its_evaluations_are_counted(composed: Composed) -> None:
    result = train(composed(*SURFACE, *LBFGS))
    point = torch.tensor([0.5, -1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([point], lr=1, max_iter=4)
    evaluations = 0

    def closure() -> torch.Tensor:
        nonlocal evaluations
        evaluations += 1
        optimizer.zero_grad()
        x, y = point
        loss: torch.Tensor = (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2
        loss.backward()
        return loss

    path = []
    for _ in range(12):
        optimizer.step(closure)
        path.append(point.tolist())
    steps = RunRecord(result.folder).read(STEPS)
    assert [row[-2:] for row in steps.rows] == [pytest.approx(position, rel=1e-9) for position in path]
    assert result.metrics["gradient_evaluations"] == evaluations + 12  # one a step for its row
    assert "gradient_evaluations" not in train(composed(*SURFACE)).metrics


def test_an_optimizer_with_modes_is_evaluated_in_eval_and_trained_in_train(composed: Composed) -> None:
    rate, steps = 0.1, 10
    common = ("problem=bowl", "problem.start=[1,2]", f"optimizer.lr={rate}", f"trainer.max_steps={steps}")
    result = train(composed(*common, "optimizer._target_=optimizers.Averaged", "evaluation.every=4"))
    shrunk = [(1 - 2 * rate) ** step for step in range(1, steps + 1)]
    rows = RunRecord(result.folder).read("evaluations.csv")
    for step, x, y in zip(*(rows.column(name) for name in ("step", "x", "y")), strict=True):
        mean = sum(shrunk[: int(step)]) / step if step else 1.0
        assert (x, y) == pytest.approx((mean, 2 * mean), rel=1e-12)
    assert RunRecord(result.folder).read(STEPS).column("x").tolist() == pytest.approx(shrunk, rel=1e-12)
    assert result.metrics["x"] == pytest.approx(sum(shrunk) / steps, rel=1e-12)


def test_an_optimizer_that_differentiates_the_gradient_takes_the_steps_of_newtons_method(composed: Composed) -> None:
    """On x⁴ each step takes a third of the way to the minimum."""
    quartic = "problem.height={_target_: hydra.utils.get_method, path: core.training.test_optimizers_of_users.quartic}"
    result = train(composed("problem=parabola", quartic, "trainer.max_steps=9", *TARGETS["Newton"], "optimizer.lr=1"))
    path = RunRecord(result.folder).read(STEPS).column("x").tolist()
    assert path == pytest.approx([(2 / 3) ** step for step in range(1, 10)], rel=1e-12)


def quartic(x: torch.Tensor) -> torch.Tensor:
    return x**4


@pytest.mark.parametrize("name", TARGETS)
def test_runs_that_are_resumed_end_with_the_same_bits(composed: Composed, name: str) -> None:
    common = (*SURFACE, *TARGETS[name], "trainer.checkpoint_seconds=0")
    whole = train(composed(*common, "run_dir=runs/whole"))
    with pytest.raises(KeyboardInterrupt):
        train(composed(*common, "run_dir=runs/halves"), listener=Stopper(5))
    resumed = train(composed(*common, "run_dir=runs/halves"))
    assert resumed.was_begun
    ours, theirs = (RunRecord(result.folder) for result in (resumed, whole))
    assert timeless(ours, STEPS) == timeless(theirs, STEPS)
    assert {**resumed.metrics, "seconds_per_step": 0} == {**whole.metrics, "seconds_per_step": 0}
    kept, expected = checkpoint(ours), checkpoint(theirs)
    assert str(kept["optimizer"]) == str(expected["optimizer"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("LBFGS", "their optimizer takes a closure"),
        ("Averaged", None),
        ("HalfPrecise", None),
        ("Counting", None),
        ("Newton", "their gradients are not autograd's"),
        ("Noisy", "their steps draw random numbers"),
    ],
)
def test_runs_of_a_sweep_are_what_each_is_alone(
    composed: Composed, capsys: pytest.CaptureFixture[str], name: str, reason: str | None
) -> None:
    jobs = [(*SURFACE, *TARGETS[name], f"problem.start=[{x},1]") for x in (0.5, -2)]
    together = train_together(*(composed(*job, f"run_dir=together/{n}") for n, job in enumerate(jobs)))
    assert capsys.readouterr().err == (f"2 runs are trained alone: {reason}\n" if reason else "")
    for number, (job, ours) in enumerate(zip(jobs, together, strict=True)):
        alone = train(composed(*job, f"run_dir=alone/{number}"))
        assert timeless(RunRecord(ours.folder), STEPS) == timeless(RunRecord(alone.folder), STEPS)


@pytest.mark.parametrize("modes", [("average=ema", "average.decay=0.5"), ("optimizer._target_=optimizers.Averaged",)])
def test_a_run_that_leaves_its_batch_is_evaluated_at_its_average_as_it_is_alone(
    composed: Composed, modes: tuple[str, ...]
) -> None:
    """The second diverges at its sixth step, in the middle of a chunk."""
    jobs = [
        ("problem=bowl", "problem.start=[1,2]", "trainer.max_steps=20", "divergence_threshold=50", *modes, rate)
        for rate in ("optimizer.lr=0.1", "optimizer.lr=1.4", "optimizer.lr=0.2")
    ]
    results = train_together(*(composed(*job, f"run_dir=together/{number}") for number, job in enumerate(jobs)))
    assert [result.result for result in results] == ["finished", "diverged", "finished"]
    for number, (job, ours) in enumerate(zip(jobs, results, strict=True)):
        alone = train(composed(*job, f"run_dir=alone/{number}"))
        for table in (STEPS, EVALUATIONS):
            assert timeless(RunRecord(ours.folder), table) == timeless(RunRecord(alone.folder), table)
        kept, expected = (checkpoint(RunRecord(result.folder)) for result in (ours, alone))
        assert str(dict(kept["state_dict"])) == str(dict(expected["state_dict"]))
        assert str(kept["optimizer"]) == str(expected["optimizer"])
