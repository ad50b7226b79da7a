"""A step with copies of a run's components, to find what is wrong with them and which kind they are."""

from copy import deepcopy

import torch
from torch import Tensor
from torch.optim import Optimizer

from descent.core.config import TrainConfig
from descent.core.optim.gradients import Autograd
from descent.core.optim.stepping import requires_closure, set_mode
from descent.core.problems.problem import Problem
from descent.core.training.training_run import RunComponents
from descent.errors import UserError, user_errors


def trial_step(components: RunComponents, config: TrainConfig) -> bool:
    """Build the optimizer and the schedule, and take a step with a copy of the problem.

    Returns:
        Whether the step drew random numbers.

    Raises:
        UserError: if that fails, in one line.
    """
    problem = deepcopy(components.problem)
    with user_errors(f"optimizer ({config.optimizer.target}) or schedule"):
        optimizer = components.optimizer(problem.named_parameters())
        schedule = components.schedule(optimizer)
    if schedule is not None and config.optimizer.replaces_schedule:
        raise UserError(f"optimizer {config.optimizer.target} stands for a schedule; use schedule=constant")
    before = _random_state()
    _compute_gradient(components, problem, config)
    after_loss = _random_state()
    _refuse_differences(components, problem, config.problem_name, draws_random=not torch.equal(before, after_loss))
    if components.clip_norm is not None and (requires_closure(optimizer) or config.optimizer.create_graph):
        what = "differentiates the gradient" if config.optimizer.create_graph else "takes a closure"
        raise UserError(f"trainer.clip_norm: optimizer {config.optimizer.target} {what}; use trainer.clip_norm=null")
    if not requires_closure(optimizer):
        _step(optimizer, f"{config.optimizer.target} can't take a step on problem {config.problem_name}")
    return not torch.equal(before, _random_state())


def _random_state() -> Tensor:
    return torch.default_generator.get_state()


def _compute_gradient(components: RunComponents, problem: Problem, config: TrainConfig) -> None:
    examples = components.data.train
    nothing = f"problem {config.problem_name} has no parameter that its loss depends on; nothing to train"
    try:
        components.gradient_estimator(problem, examples.head(config.data.batch_size or len(examples)))
    except (RuntimeError, IndexError) as error:
        if "does not require grad" in str(error):
            raise UserError(nothing) from error
        reason = str(error).splitlines()[0]
        raise UserError(f"problem {config.problem_name} does not fit its data: {reason}") from error
    if all(parameter.grad is None for parameter in problem.parameters()):
        raise UserError(nothing)


def _refuse_differences(components: RunComponents, problem: Problem, name: str, *, draws_random: bool) -> None:
    """Refuse a gradient by differences of losses that are not those of one function."""
    before = dict(components.problem.named_buffers())
    changes = not all(torch.equal(buffer, before[key]) for key, buffer in problem.named_buffers())
    if (draws_random or changes) and not isinstance(components.gradient_estimator, Autograd):
        reason = "draws random numbers" if draws_random else "changes its buffers"
        raise UserError(
            f"problem {name} {reason} as it computes a loss, and this gradient compares losses; use gradient=autograd"
        )


def _step(optimizer: Optimizer, failure: str) -> None:
    with user_errors(failure):
        set_mode(optimizer, "train")
        try:
            optimizer.step()
        except RuntimeError as error:
            if "does not require grad" not in str(error):
                raise
            advice = "it differentiates the gradient; allow that with +optimizer.create_graph=true"
            raise UserError(f"{failure}: {advice}") from error


def reason_alone(components: RunComponents) -> str | None:
    """Why a run of these components is trained alone; None if it may be in a batch."""
    estimator = components.gradient_estimator
    if type(estimator) is not Autograd or estimator.create_graph:
        return "their gradients are not autograd's"
    if any(True for _ in components.problem.buffers()):
        return "their problem has buffers"
    if components.draws_random:
        return "their steps draw random numbers"
    optimizer = components.optimizer(components.problem.named_parameters())
    return "their optimizer takes a closure" if requires_closure(optimizer) else None
