"""What each conf/optimizer declares of its optimizer's being shared is held against what its steps do."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from conftest import ROOT, Composed
from torch import Tensor, nn

from descent.core.build import assemble, shared_settings
from descent.core.components import built

DECLARED = [
    path.stem for path in sorted((ROOT / "conf" / "optimizer").glob("*.yaml")) if "\nsharing:" in path.read_text()
]
STEPS, LONG = 30, 50
"""Steps, and how many more in one direction, after which a greatest length of steps would show."""
WITHOUT_DECAY = ("rprop", "steepest_descent")
SETTINGS = ["optimizer.lr=0.1", "++optimizer.weight_decay=0.1", "++optimizer.maximize=true"]


def path_of(optimizer: Callable[..., Any], start: Tensor, gradients: Tensor, **settings: float) -> Tensor:
    """Where an optimizer is after each of some gradients, (steps, ...)."""
    parameter = nn.Parameter(start.clone())
    stepping = optimizer([parameter], **settings)
    positions = []
    for gradient in gradients:
        parameter.grad = gradient.clone()
        stepping.step()
        positions.append(parameter.detach().clone())
    return torch.stack(positions)


def treats_every_number_by_itself(optimizer: Callable[..., Any]) -> bool:
    """Whether two matrices stacked are stepped as each is alone."""
    random = torch.Generator().manual_seed(0)
    start = torch.randn(2, 4, 3, generator=random, dtype=torch.float64)
    gradients = torch.randn(STEPS, 2, 4, 3, generator=random, dtype=torch.float64)
    stacked = path_of(optimizer, start, gradients)
    alone = [path_of(optimizer, start[row], gradients[:, row]) for row in range(2)]
    return torch.allclose(stacked, torch.stack(alone, dim=1), rtol=1e-12, atol=0)


def has_steps_proportional_to_its_rate(optimizer: Callable[..., Any], share: float = 0.125) -> bool:
    """Whether a step at a share of a rate is that share of the step at the rate, of equal states and positions."""
    random = torch.Generator().manual_seed(0)
    start = torch.randn(4, 3, generator=random, dtype=torch.float64)
    gradients = torch.randn(STEPS, 4, 3, generator=random, dtype=torch.float64)
    gradients = torch.cat([gradients, gradients[-1:].expand(LONG, 4, 3)])
    slow = path_of(optimizer, start, gradients, lr=share)
    parameter = nn.Parameter(start.clone())
    fast = optimizer([parameter], lr=1.0)
    for gradient, expected in zip(gradients, slow, strict=True):
        before = parameter.detach().clone()
        parameter.grad = gradient.clone()
        fast.step()
        parameter.data.lerp_(before, 1 - share)
        if not torch.allclose(expected, parameter, rtol=1e-9, atol=1e-12):
            return False
    return True


@pytest.mark.parametrize("name", DECLARED)
@pytest.mark.parametrize("setting", [None, *SETTINGS])
def test_an_optimizer_that_is_declared_to_be_shared_may_be(composed: Composed, name: str, setting: str | None) -> None:
    overrides = [f"optimizer={name}", *([setting] if setting else [])]
    if name in WITHOUT_DECAY and setting == SETTINGS[1]:
        overrides.pop()
    config = composed("problem=bowl", "trainer.max_steps=5", *overrides)
    assert config.optimizer.sharing is not None
    optimizer = built("optimizer", config.optimizer)
    assert treats_every_number_by_itself(optimizer)
    assert has_steps_proportional_to_its_rate(optimizer) or not config.optimizer.sharing.across_lr


def test_the_proof_fails_of_an_optimizer_that_looks_at_a_matrix_as_a_whole() -> None:
    assert not treats_every_number_by_itself(partial(torch.optim.Adafactor, lr=0.1))


def test_the_proof_fails_of_steps_with_a_greatest_length() -> None:
    assert treats_every_number_by_itself(partial(torch.optim.Rprop, lr=0.1))
    assert not has_steps_proportional_to_its_rate(partial(torch.optim.Rprop, lr=0.1))


def leaning(parameters: Any, lr: float) -> torch.optim.Optimizer:
    """Every number's step depends a billionth on all others."""

    class Leaning(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.grad = parameter.grad + 1e-9 * parameter.grad.mean()
            return super().step(closure)

    return Leaning(parameters, lr=lr)


def falling_short(parameters: Any, lr: float) -> torch.optim.Optimizer:
    """A millionth shorter steps than the rate says, where that is 1."""
    return torch.optim.SGD(parameters, lr=lr * (1 - 1e-6 * lr))


def test_the_proof_fails_of_the_slightest_fault() -> None:
    assert not treats_every_number_by_itself(partial(leaning, lr=0.1))
    assert not has_steps_proportional_to_its_rate(partial(falling_short, lr=0.5))


def test_a_declaration_holds_for_no_other_optimizer(composed: Composed) -> None:
    common = ("problem=bowl", "trainer.max_steps=5", "optimizer=adam")
    config = composed(*common)
    settings, rate = shared_settings(config, assemble(config))
    assert settings is not None
    assert rate == config.optimizer.lr
    other = composed(*common, "optimizer._target_=torch.optim.NAdam", "~optimizer.fused")
    assert shared_settings(other, assemble(other)) == (None, 1.0)


@pytest.mark.parametrize(
    ("choices", "key", "values"),
    [
        (("optimizer=adam", "schedule=cosine"), "optimizer.lr", (0.1, 0.2)),
        (("optimizer=sgd", "average=ema"), "average.decay", (0.9, 0.99)),
    ],
    ids=["rates under a schedule", "averages"],
)
def test_runs_share_an_optimizer_at_one_value_only(
    composed: Composed, choices: tuple[str, ...], key: str, values: tuple[float, float]
) -> None:
    common = ("problem=bowl", "trainer.max_steps=5", *choices)
    first, second = values
    settings = [
        shared_settings(config, assemble(config))
        for config in (composed(*common, f"{key}={value}") for value in (first, second, first))
    ]
    assert settings[0] == settings[2] != settings[1]


def test_a_run_at_a_rate_at_which_others_would_overflow_shares_its_optimizer_with_none_of_them(
    composed: Composed,
) -> None:
    common = ("problem=bowl", "trainer.max_steps=5", "optimizer=sgd")
    (slow, _), (slower, rate), (fast, _) = (
        shared_settings(config, assemble(config))
        for config in (composed(*common, f"optimizer.lr={rate}") for rate in (0.1, 0.01, 1e38))
    )
    assert (slower, rate) == (slow, 0.01)
    assert fast != slow
