"""An optimizer's step without what PyTorch wraps around it for its profiler."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch.optim import Optimizer, optimizer


def unhooked_step(stepping: Optimizer) -> Callable[[], Any]:
    """What `step()` does, less the mark it leaves in a profile, which takes a small problem a tenth of its time.

    The step as it is where hooks, or a learning-rate schedule, are to be told of it.
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
