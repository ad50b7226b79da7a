"""How an optimizer is stepped, switched and restored, whatever class it is of."""

import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

from torch import Tensor
from torch.optim import Optimizer, optimizer


def unhooked_step(stepping: Optimizer) -> Callable[..., Any]:
    """What `step()` does, less the mark it leaves in a profile, which takes a small problem a tenth of its time.

    The step as it is where it has hooks, or a learning-rate schedule that counts its calls.
    """
    step = type(stepping).step
    hooks = (
        stepping._optimizer_step_pre_hooks,
        stepping._optimizer_step_post_hooks,
        optimizer._global_optimizer_pre_hooks,
        optimizer._global_optimizer_post_hooks,
    )
    if any(hooks) or "step" in vars(stepping) or not getattr(step, "hooked", False):
        return stepping.step
    return partial(step.__wrapped__, stepping)  # type: ignore[attr-defined]


def requires_closure(optimizer: Optimizer) -> bool:
    """Whether an optimizer's `step` can't be called without a closure."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is closure.empty


def has_modes(optimizer: Optimizer) -> bool:
    """Whether an optimizer has `train()` and `eval()`, and moves its parameters to where they are to be evaluated."""
    return hasattr(optimizer, "eval")


def set_mode(optimizer: Optimizer, mode: Literal["train", "eval"]) -> None:
    """Call `train()` or `eval()` of an optimizer that has modes; before its first step there is nothing to move."""
    if has_modes(optimizer) and (mode == "train" or optimizer.state):
        getattr(optimizer, mode)()


@contextmanager
def in_eval_mode(optimizer: Optimizer) -> Iterator[None]:
    """Have an optimizer in `eval()` mode; then its parameters are back to the bit, where `train()` would round."""
    if not has_modes(optimizer):
        yield
        return
    parameters = parameters_of(optimizer)
    before = [parameter.detach().clone() for parameter in parameters]
    set_mode(optimizer, "eval")
    yield
    set_mode(optimizer, "train")
    for parameter, value in zip(parameters, before, strict=True):
        parameter.data.copy_(value)


def learning_rate(optimizer: Optimizer) -> float:
    """The learning rate of an optimizer's next step, that of its first group; nan if it has none."""
    return float(optimizer.param_groups[0].get("lr", math.nan))


def parameters_of(optimizer: Optimizer) -> list[Tensor]:
    """The parameters of all groups, in the order by which `state_dict()` numbers them."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def of_parameters(state: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The part of a `state_dict()` that is of parameters, by their numbers; some optimizers keep more beside it."""
    return {number: values for number, values in state["state"].items() if isinstance(number, int)}


def load_state(stepping: Optimizer, state: dict[str, Any]) -> None:
    """Load what `state_dict()` gave, each tensor in the dtype it had: PyTorch casts all to their parameter's."""
    stepping.load_state_dict(state)
    parameters = parameters_of(stepping)
    for number, saved in of_parameters(state).items():
        loaded = stepping.state[parameters[number]]
        for name, value in saved.items():
            if isinstance(value, Tensor) and loaded[name].dtype != value.dtype:
                loaded[name] = value.to(loaded[name].device)
