"""How an optimizer is stepped and restored: without PyTorch's wrapping for its profiler, and as it was saved."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

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


def load_state(stepping: Optimizer, state: dict[str, Any]) -> None:
    """Load what `state_dict()` gave, each tensor in the dtype it had: PyTorch casts all to their parameter's."""
    stepping.load_state_dict(state)
    parameters = [parameter for group in stepping.param_groups for parameter in group["params"]]
    for number, saved in state["state"].items():
        loaded = stepping.state[parameters[number]]
        for name, value in saved.items():
            if isinstance(value, Tensor) and loaded[name].dtype != value.dtype:
                loaded[name] = value.to(loaded[name].device)
