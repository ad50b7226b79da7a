"""Gradients that are accumulated over minibatches, and those that are clipped, alone and in a batch."""

import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from conftest import Composed
from descents import timeless, train_together
from torch import Tensor

from descent.core.build import assemble
from descent.errors import UserError
from descent.records.run import STEPS, RunRecord
from descent.runs.identity import RunResult
from descent.runs.train import train

NETWORK = (
    "experiment=mnist_two_layer", "network.sizes=[784,8,10]", "network.weight.std=0.1", "sampler=shuffled",
    "trainer.max_steps=25", "evaluation.first=null", "evaluation.every=25",
)  # fmt: skip


def rows(result: RunResult) -> list[list[float | None]]:
    return timeless(RunRecord(result.folder), STEPS)


def weights(result: RunResult) -> dict[str, Tensor]:
    return torch.load(result.folder / "record" / "checkpoint.ckpt", weights_only=True)["state_dict"]  # type: ignore[no-any-return]


def test_a_step_that_accumulates_minibatches_is_the_step_of_them_all(composed: Composed) -> None:
    """600 images: the last step of an epoch takes the 40 that are left, in parts of 30 and 10."""
    accumulated = train(composed(*NETWORK, "data.batch_size=30", "trainer.accumulate=8", "run_dir=runs/parts"))
    whole = train(composed(*NETWORK, "data.batch_size=240", "run_dir=runs/whole"))
    assert rows(accumulated) == [pytest.approx(row, rel=1e-5) for row in rows(whole)]
    torch.testing.assert_close(weights(accumulated), weights(whole), rtol=1e-4, atol=1e-6)


def test_each_part_of_a_step_is_in_memory_by_itself(composed: Composed) -> None:
    components = assemble(composed(*NETWORK, "data.batch_size=30", "trainer.accumulate=8"))
    sizes = []
    components.problem.register_forward_pre_hook(lambda module, args: sizes.append(len(args[0])))
    for minibatch in components.data.train.minibatches(components.sampler.chunk(2, 3)):
        components.minibatch_gradient(components.problem, minibatch)
    assert sizes == [30, 30, 30, 30]


@pytest.mark.parametrize("choice", [("trainer.accumulate=3",), ("trainer.clip_norm=0.5",), ("average=ema",)])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_runs_in_a_batch_are_what_each_is_alone(composed: Composed, optimizer: str, choice: tuple[str, ...]) -> None:
    """At two rates, at which the optimizer is shared unless positions are averaged."""
    common = (*NETWORK, "data.batch_size=20", f"optimizer={optimizer}", *choice)
    jobs = [(*common, f"optimizer.lr={rate}") for rate in (0.01, 0.003)]
    results = train_together(*(composed(*job, f"run_dir=both/{number}") for number, job in enumerate(jobs)))
    for number, (job, together) in enumerate(zip(jobs, results, strict=True)):
        alone = train(composed(*job, f"run_dir=alone/{number}"))
        assert rows(together) == [pytest.approx(row, rel=1e-4) for row in rows(alone)]
        assert together.metrics.pop("runs_in_batch") == 2
        assert together.metrics == pytest.approx({**alone.metrics, "seconds_per_step": together.metrics["seconds_per_step"]}, rel=1e-3)  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("choice", [("trainer.accumulate=3",), ("trainer.clip_norm=0.5",)])
def test_runs_on_the_noisy_polynomial_are_in_a_batch_what_each_is_alone_to_the_last_bit(
    composed: Composed, choice: tuple[str, ...]
) -> None:
    jobs = [("experiment=noisy_polynomial", *choice, f"seed={seed}") for seed in (0, 1)]
    results = train_together(*(composed(*job, f"run_dir=both/{number}") for number, job in enumerate(jobs)))
    for number, (job, together) in enumerate(zip(jobs, results, strict=True)):
        assert rows(together) == rows(train(composed(*job, f"run_dir=alone/{number}")))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_clipped_steps_are_those_of_a_loop_with_pytorchs_clip_grad_norm(composed: Composed, momentum: float) -> None:
    config = composed(*NETWORK, "data.batch_size=20", "trainer.clip_norm=0.5", f"+optimizer.momentum={momentum}")
    components = assemble(config)
    network: Any = components.problem.network
    images, labels = components.data.train.head(600)
    optimizer = torch.optim.SGD(network.parameters(), lr=config.optimizer.lr, momentum=momentum)
    expected: list[list[float | None]] = []
    for step in range(25):
        (indices,) = components.sampler.chunk(step, step + 1)
        optimizer.zero_grad()
        loss = F.cross_entropy(network(images[indices]), labels[indices])
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimizer.step()
        expected.append([step + 1, loss.item(), norm.item(), config.optimizer.lr])
    assert max(row[2] or 0 for row in expected) > 0.5 > min(row[2] or 0 for row in expected)
    assert rows(train(config)) == expected


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ("experiment=himmelblau", "trainer.accumulate=2"),
            "trainer.accumulate=2: set data.batch_size, of which a step",
        ),
        (
            ("experiment=mnist_two_layer", "trainer.accumulate=7"),
            "trainer.accumulate=7: with data.batch_size=100 a step ",
        ),
        (("experiment=himmelblau", "trainer.accumulate=0"), "trainer.accumulate=0: choose a whole number from 1"),
        (("experiment=himmelblau", "trainer.clip_norm=0"), "trainer.clip_norm=0: choose a number above 0, for example"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(composed: Composed, overrides: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(said)}"):
        assemble(composed(*overrides))
