"""Runs whose code the many-at-once forms of problems don't know: equal to what each is alone, or trained alone."""

from pathlib import Path
from textwrap import dedent

import pytest
import torch
import torch.nn.functional as F
from conftest import Composed
from descents import timeless, train_together
from torch import Tensor

from descent.core.optim.gradients import Autograd
from descent.core.problems.classification import Classification
from descent.core.problems.problem import Problem
from descent.core.problems.surface import Surface
from descent.records.run import EVALUATIONS, STEPS, RunRecord
from descent.runs.train import train


class Smoothed(Classification):
    """Cross entropy with labels that are smoothed; evaluated as all classification is."""

    def forward(self, *minibatch: Tensor) -> Tensor:
        inputs, labels = minibatch
        return F.cross_entropy(self.network(inputs), labels, label_smoothing=0.2)


class Halved(Surface):
    """Half the height."""

    def forward(self, *minibatch: Tensor) -> Tensor:
        return super().forward(*minibatch) / 2


class Clipping(Autograd):
    """Clips gradients to a norm of 1."""

    def __call__(self, problem: Problem, minibatch: tuple[Tensor, ...]) -> Tensor:
        loss = super().__call__(problem, minibatch)
        torch.nn.utils.clip_grad_norm_(problem.parameters(), 1.0)
        return loss


def entangled(x: Tensor, y: Tensor) -> Tensor:
    """A bowl that is computed of all points at once, where several are stacked."""
    return x**2 + y**2 + 0 * x.sum() + (x - x.mean()) ** 2


def single(x: Tensor, y: Tensor) -> Tensor:
    """A bowl that takes one point at a time."""
    if x.ndim:
        raise RuntimeError("one point\nat a time")
    return x**2 + y**2


SURFACE = (
    "problem=himmelblau", "trainer.max_steps=30", "divergence_threshold=100", "optimizer.lr=0.01",
    "evaluation.every=10",
)  # fmt: skip
NETWORK = (
    "experiment=mnist_two_layer", "network.sizes=[784,8,10]", "trainer.max_steps=30", "evaluation.first=null",
    "evaluation.every=10", "landscape.examples=50",
)  # fmt: skip
HERE = "core.training.test_batching"


@pytest.mark.parametrize(
    ("common", "reason"),
    [
        ((*NETWORK, f"problem._target_={HERE}.Smoothed"), ""),
        ((*SURFACE, f"problem._target_={HERE}.Halved"), ""),
        ((*SURFACE, f"gradient._target_={HERE}.Clipping"), "their gradients are not autograd's"),
        ((*SURFACE, f"problem.height.path={HERE}.entangled"), "in a batch, their first losses or gradients differ"),
        ((*SURFACE, f"problem.height.path={HERE}.single"), "in a batch, RuntimeError: one point at a time"),
    ],
    ids=["forward of a network", "forward of a surface", "gradient", "height of all at once", "height of one point"],
)
def test_runs_of_a_sweep_are_what_each_is_alone(
    composed: Composed, capsys: pytest.CaptureFixture[str], common: tuple[str, ...], reason: str
) -> None:
    starts = ([f"problem.start=[{x},1]"] for x in (1.5, -2.0)) if common[0] == SURFACE[0] else (["seed=1"], ["seed=2"])
    jobs = [(*common, *start) for start in starts]
    together = train_together(*(composed(*job, f"run_dir=together/{n}") for n, job in enumerate(jobs)))
    said = capsys.readouterr().err
    assert said.startswith(f"2 runs are trained alone: {reason}") if reason else said == ""
    for number, (job, ours) in enumerate(zip(jobs, together, strict=True)):
        alone = train(composed(*job, f"run_dir=alone/{number}"))
        for table in (STEPS, EVALUATIONS):
            rows = [timeless(RunRecord(result.folder), table) for result in (ours, alone)]
            assert rows[0] == [pytest.approx(row, rel=1e-5) for row in rows[1]]


def test_a_batch_without_runs_that_would_differ_in_it_is_compared_again(
    composed: Composed, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The loss of the first point of a stack is another: its run is trained alone, and then another is the first."""
    text = f"""
        # @package _global_
        problem_name: partial
        problem:
          _target_: descent.core.problems.surface.Surface
          height: {{_target_: hydra.utils.get_method, path: {HERE}.first_is_higher}}
          start: [1.0, 2.0]
        landscape: {{_target_: descent.core.training.landscape.field, _partial_: true, x: [-5, 5], y: [-5, 5]}}
        """
    (project / "conf" / "problem" / "partial.yaml").write_text(dedent(text).lstrip())
    common = ("problem=partial", "trainer.max_steps=5", "optimizer.lr=0.1")
    results = train_together(*(composed(*common, f"problem.start=[{x},2]") for x in (1, 2, 3)))
    line = "1 run is trained alone: in a batch, their first losses or gradients differ\n"
    assert capsys.readouterr().err == 2 * line
    for x, result in zip((1, 2, 3), results, strict=True):
        assert (result.metrics["x"], result.metrics["y"]) == pytest.approx((x * 0.8**5, 2 * 0.8**5))


def first_is_higher(x: Tensor, y: Tensor) -> Tensor:
    """A bowl, and twice as steep a one for the first of several points."""
    height = x**2 + y**2
    return height if x.ndim == 0 else torch.cat([2 * height[:1], height[1:]])
