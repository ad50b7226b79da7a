"""Runs whose code the many-at-once forms of problems don't know: equal to what each is alone, or trained alone."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from conftest import Composed
from core.training.test_batched_stepper import in_one_order
from descents import Stopper, timeless, train_together
from torch import Tensor, nn

from descent.core.optim.gradients import Autograd
from descent.core.problems.classification import Classification
from descent.core.problems.problem import Problem
from descent.core.problems.surface import Surface
from descent.core.training.batching import batches
from descent.records.run import EVALUATIONS, STEPS, RunRecord
from descent.runs.train import train


class Smoothed(Classification):
    """Cross entropy with labels that are smoothed; evaluated as all classification is."""

    def forward(self, *minibatch: Tensor) -> Tensor:
        inputs, labels = minibatch
        return F.cross_entropy(self.network(inputs), labels, label_smoothing=0.2)


class Unequal(Classification):
    """In a batch, the gradient of one parameter is twice what it is alone."""

    def losses(self, parameters: Mapping[str, Tensor], minibatch: tuple[Tensor, ...], *, is_shared: bool) -> Tensor:
        name, weights = next(iter(parameters.items()))
        doubled = {**parameters, name: weights + (weights - weights.detach())}
        return super().losses(doubled, minibatch, is_shared=is_shared)


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
        ((*NETWORK, f"problem._target_={HERE}.Unequal"), "in a batch, their first losses or gradients differ"),
        ((*SURFACE, f"problem._target_={HERE}.Halved"), ""),
        ((*SURFACE, f"gradient._target_={HERE}.Clipping"), "their gradients are not autograd's"),
        ((*SURFACE, f"problem.height.path={HERE}.entangled"), "in a batch, their first losses or gradients differ"),
        ((*SURFACE, f"problem.height.path={HERE}.single"), "in a batch, RuntimeError: one point at a time"),
    ],
    ids=[
        "forward of a network", "losses of many networks", "forward of a surface", "gradient", "height of all at once",
        "height of one point",
    ],
)  # fmt: skip
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
        assert ours.metrics.get("runs_in_batch", 1) == (1 if reason else 2)


def test_runs_whose_first_losses_are_infinite_are_a_batch(
    composed: Composed, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*SURFACE, "divergence_threshold=inf")
    results = train_together(*(composed(*words, f"problem.start=[{x},1]") for x in ("1e100", "-1e100")))
    assert [(result.result, result.metrics["runs_in_batch"]) for result in results] == [("diverged", 2)] * 2
    assert capsys.readouterr().err == ""


class InFloat64(nn.Module):
    """Converts its inputs."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.double()


@pytest.mark.parametrize(
    "change",
    [
        lambda network: nn.Sequential(InFloat64(), network.double()),
        lambda network: nn.Sequential(nn.Identity(), nn.Sequential(network)),
    ],
    ids=["types", "names"],
)
def test_runs_whose_parameters_have_other_types_or_names_are_of_other_batches(
    change: Callable[[nn.Module], nn.Module],
) -> None:
    runs = [in_one_order(seed) for seed in range(4)]
    for number, run in enumerate(runs):
        network: Any = run.problem.network
        run.problem.network = change(network) if number > 1 else nn.Sequential(nn.Identity(), network)
    said: list[str] = []
    assert [*map(set, batches(runs, said.append))] == [set(runs[:2]), set(runs[2:])]
    assert said == []


def test_a_run_that_was_alone_when_it_was_interrupted_is_alone_when_it_is_resumed_beside_others(
    composed: Composed,
) -> None:
    words = (*SURFACE, "trainer.chunk_size=5", "trainer.checkpoint_seconds=0")
    configs = [composed(*words, f"problem.start=[{x},1]") for x in (1.5, -2.0, 3.0)]
    with pytest.raises(KeyboardInterrupt):
        train(configs[0], listener=Stopper(2))
    results = train_together(*configs)
    assert [result.metrics.get("runs_in_batch") for result in results] == [None, 2, 2]
    assert [RunRecord(result.folder).read(STEPS).rows[-1][0] for result in results] == [30, 30, 30]


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
