from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import SGD, Adam, NAdam

from descent.core.random_streams import generator
from descent.core.training.shared_optimizer import SharedOptimizer

SHAPES = {"weight": (4, 2), "bias": (5,)}
KEPT = torch.tensor([True, False, True])
MAKES: dict[str, tuple[Callable[..., Any], list[float]]] = {
    "adam": (partial(Adam, lr=0.1), [0.1, 0.1, 0.1]),
    "nadam": (partial(NAdam, lr=0.1), [0.1, 0.1, 0.1]),
    "momentum at several rates": (partial(SGD, lr=0.4, momentum=0.9), [0.1, 0.2, 0.4]),
}


def drawn(name: str, count: int = 3) -> dict[str, Tensor]:
    """A stack of parameters for each shape, with a row for each run."""
    draw = generator(0, name)
    return {key: torch.randn(count, *shape, generator=draw, dtype=torch.float64) for key, shape in SHAPES.items()}


def alone(
    make: Callable[..., Any], lr: float, run: int, rows: Mapping[str, Tensor], steps: int
) -> tuple[list[Tensor], Any]:
    """Where one of the runs gets to with an optimizer of its own, and that optimizer's state."""
    named = {name: row[run].clone().requires_grad_() for name, row in rows.items()}
    parameters = list(named.values())
    optimizer = make(named.items(), lr=lr)
    for step in range(steps):
        for parameter, gradient in zip(parameters, drawn(f"gradients {step}").values(), strict=True):
            parameter.grad = gradient[run]
        optimizer.step()
    return [parameter.detach() for parameter in parameters], optimizer.state_dict()


def no_schedule(optimizer: Any) -> None:
    """A constant learning rate."""


@pytest.mark.parametrize("name", MAKES)
def test_runs_that_stay_when_one_leaves_are_stepped_as_by_optimizers_of_their_own(name: str) -> None:
    make, rates = MAKES[name]
    rows = drawn("start")
    shared = SharedOptimizer(make, no_schedule, rows, rates, None)
    for step in range(3):
        shared.step(list(drawn(f"gradients {step}").values()))
    rows = {name: row[KEPT] for name, row in rows.items()}
    kept = KEPT.nonzero().flatten().tolist()
    rates = [rates[run] for run in kept]
    shared = SharedOptimizer(
        partial(make, lr=max(rates)), no_schedule, rows, rates, [shared.state(run) for run in kept]
    )
    for step in range(3, 6):
        shared.step([gradient[KEPT] for gradient in drawn(f"gradients {step}").values()])
    for place, run in enumerate(kept):
        expected, state = alone(make, rates[place], run, drawn("start"), steps=6)
        for row, parameter in zip(rows.values(), expected, strict=True):
            torch.testing.assert_close(row[place], parameter, rtol=1e-12, atol=1e-12)
        own = shared.state(place).optimizer
        assert own["param_groups"] == state["param_groups"]
        assert own["state"].keys() == state["state"].keys() == {0, 1}
        for number, values in state["state"].items():
            torch.testing.assert_close(own["state"][number], values, rtol=1e-12, atol=1e-12)
