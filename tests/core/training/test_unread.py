"""Devices whose numbers are read at the end of a chunk only: the same results as where each step is read."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from core.training.test_batched_stepper import (
    convolved_in_own_orders,
    in_own_orders,
    on_surface,
    starts,
    whole,
    with_plan,
)
from descents import fit_into, network_descent, parabola_descent, record_in, timeless
from torch.utils._python_dispatch import TorchDispatchMode

from descent.core.problems import surfaces
from descent.core.training.batched_stepper import BatchedStepper
from descent.core.training.stepper import SingleStepper
from descent.core.training.training_run import TrainingRun
from descent.records.run import CHECKPOINT, EVALUATIONS, STEPS, RunRecord

SGD = partial(torch.optim.SGD, momentum=0.1)


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Has steppers take the CPU for a device that is waited for, or not."""

    def switch(waits: bool) -> None:
        for module in ("stepper", "batched_stepper"):
            monkeypatch.setattr(f"descent.core.training.{module}.reading_waits", lambda device: waits)

    return switch


def batch(kind: str) -> list[TrainingRun]:
    if kind != "surfaces":
        network = {"perceptrons": in_own_orders, "convolutions": convolved_in_own_orders}[kind]
        return [with_plan(network(seed), math.inf, 60) for seed in range(3)]
    optimizer = partial(SGD, lr=1.11)
    runs = [on_surface(surfaces.bowl, start, optimizer) for start in [(1.0, 1.0), (90.0, 0.0), (0.5, -2.0)]]
    return [with_plan(run, 100.0, 40) for run in runs]  # the second diverges


def of(folder: Path) -> tuple[Any, ...]:
    """The rows and the last checkpoint of a record, less its times."""
    record = RunRecord(folder)
    saved = torch.load(record.files / CHECKPOINT, weights_only=True)
    state = {name: value for name, value in saved["state"].items() if name != "seconds"}
    return (
        timeless(record, STEPS), timeless(record, EVALUATIONS), state,
        str({name: weights.tolist() for name, weights in saved["state_dict"].items()}), str(saved["optimizer"]),
    )  # fmt: skip


@pytest.mark.parametrize(
    "descend",
    [
        partial(network_descent, chunk_size=7),
        partial(network_descent, optimizer=partial(torch.optim.SGD, lr=1e38)),
        partial(parabola_descent, lr=0.1),
        partial(parabola_descent, lr=1.5, steps=1000),
        partial(parabola_descent, start=1e150, lr=1.5, steps=1000, divergence_threshold=math.inf),
        partial(network_descent, optimizer=partial(torch.optim.LBFGS, lr=0.1, max_iter=3, history_size=3)),
    ],
    ids=["network", "network that diverges", "surface", "out of bounds", "infinite loss", "closure"],
)
def test_a_run_is_the_same(tmp_path: Path, unread: Callable[[bool], None], descend: Callable[[Path], Any]) -> None:
    for waits in (False, True):
        unread(waits)
        descend(tmp_path / str(waits))
    assert of(tmp_path / "True") == of(tmp_path / "False")


@pytest.mark.parametrize("kind", ["perceptrons", "convolutions", "surfaces"])
def test_a_batch_is_the_same(tmp_path: Path, unread: Callable[[bool], None], kind: str) -> None:
    for waits in (False, True):
        unread(waits)
        runs = batch(kind)
        folders = [tmp_path / f"{waits}{number}" for number in range(len(runs))]
        fit_into({run: record_in(folder, whole(40)) for run, folder in zip(runs, folders, strict=True)})
    for number in range(3):
        assert of(tmp_path / f"True{number}") == of(tmp_path / f"False{number}")


class Reads(TorchDispatchMode):
    """Counts how often a number is read from a tensor."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def steppers() -> Iterator[Callable[[], Any]]:
    yield lambda: SingleStepper(with_plan(in_own_orders(0), math.inf, 60))
    yield lambda: SingleStepper(with_plan(on_surface(surfaces.bowl, (1.0, 2.0), partial(SGD, lr=0.1)), 100.0, 60))
    yield lambda: BatchedStepper([with_plan(in_own_orders(0), math.inf, 60) for _ in range(2)])
    yield lambda: BatchedStepper(
        [with_plan(on_surface(surfaces.bowl, start, partial(SGD, lr=0.1)), 100.0, 60) for start in starts(3, 2)]
    )


@pytest.mark.parametrize("make", list(steppers()), ids=["network", "surface", "networks", "surfaces"])
def test_the_number_of_reads_does_not_grow_with_the_steps_of_a_chunk(
    unread: Callable[[bool], None], make: Callable[[], Any]
) -> None:
    unread(True)
    counts = []
    for steps in (2, 7):
        stepper = make()
        sampler = (stepper.run if isinstance(stepper, SingleStepper) else stepper.runs[0]).components.sampler
        chunk = sampler.chunk(0, steps)
        with Reads() as reads:
            stepper.advance(chunk)
        counts.append(reads.count)
    assert counts[0] == counts[1]
