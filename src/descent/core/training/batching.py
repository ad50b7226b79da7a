"""Which runs are trained as one batch: those whose problems differ in their parameters only."""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence

import torch
from torch import Tensor

from descent.core.training.batched_stepper import BatchedStepper
from descent.core.training.checkpoint import BatchPlace
from descent.core.training.training_run import TrainingRun, place

LARGEST = 4_000_000
"""How many parameters are stacked at most: beyond, a processor's cache does not hold them, and a run's step takes
longer than it does in a smaller batch."""


def batches(runs: Sequence[TrainingRun], report: Callable[[str], None]) -> Iterator[list[TrainingRun]]:
    """Group runs into batches; a run that can't be trained with others is a batch of its own.

    Runs that were interrupted are resumed as the batches they were in, or alone, so that they end with the same bits.

    Args:
        runs: none of which is in training yet.
        report: is called with a line for runs that are trained alone, though several, and why; and for runs that are
            resumed without others of their batch.
    """
    yield from _resumed(runs, report)
    runs = [run for run in runs if run.restored_from is None]
    reasons: dict[str, list[TrainingRun]] = {}
    for run in runs:
        reason = run.components.reason_alone
        if reason:
            reasons.setdefault(reason, []).append(run)
    for reason, alone in reasons.items():
        if len(runs) > 1:
            report(f"{_count(alone)} trained alone: {reason}")
        yield from ([run] for run in alone)
    apart = {run for alone in reasons.values() for run in alone}
    for group in _sharing([run for run in runs if run not in apart]):
        most = max(1, LARGEST // group[0].problem.size())
        while group:  # each split is of what is left, so that a sweep that was interrupted after one is split as before
            length = math.ceil(len(group) / math.ceil(len(group) / most))
            yield from _equal_to_alone(group[:length], report)
            group = group[length:]


def _resumed(runs: Sequence[TrainingRun], report: Callable[[str], None]) -> Iterator[list[TrainingRun]]:
    """The batches of runs that were interrupted, in their orders, and the runs that were alone."""
    groups: dict[tuple[str, int], list[tuple[BatchPlace, TrainingRun]]] = {}
    for run in runs:
        place = None if run.restored_from is None else run.restored_from.place
        if place is not None and not run.is_over():
            groups.setdefault((place.batch, place.steps_taken), []).append((place, run))
        elif run.restored_from is not None:
            yield [run]
    for places in groups.values():
        group = [run for _, run in sorted(places, key=lambda place_and_run: place_and_run[0].order)]
        missing = places[0][0].size - len(group)
        if missing:
            report(
                f"{_count(group)} resumed without {missing} of {'its' if len(group) == 1 else 'their'} batch: the last "
                "digits may not be those of a run that was not interrupted"
            )
        yield group


def _sharing(runs: Sequence[TrainingRun]) -> Iterator[list[TrainingRun]]:
    """Groups of one kind, which share each minibatch if several of the kind do."""
    kinds: dict[Hashable, list[TrainingRun]] = {}
    for run in runs:
        kinds.setdefault(run if run.is_over() else _kind(run), []).append(run)
    for kind in kinds.values():
        sharing: dict[Hashable, list[TrainingRun]] = {}
        for run in kind:
            sharing.setdefault(run.components.sampler, []).append(run)
        yield from (group for group in sharing.values() if len(group) > 1)
        others = [group[0] for group in sharing.values() if len(group) == 1]
        if others:
            yield others


def _kind(run: TrainingRun) -> Hashable:
    """Equal for runs that may be one batch."""
    components, examples = run.components, run.components.data.train
    return (
        components.kind,
        tuple(
            (name, parameter.shape, parameter.dtype, parameter.requires_grad)
            for name, parameter in run.problem.named_parameters()
        ),
        tuple((column.shape[1:], column.dtype) for column in examples.columns),
        examples.prepare,
        len(examples),
        components.sampler.size,
        components.micro_batch_size,
        components.clip_norm,
        components.plan,
        components.accelerator,
        components.divergence_threshold,
    )


def _equal_to_alone(runs: list[TrainingRun], report: Callable[[str], None]) -> Iterator[list[TrainingRun]]:
    """The runs as one batch, without those whose first losses and gradients would be others in it, which are alone."""
    if len(runs) == 1:
        yield runs
        return
    try:
        equal = equal_to_alone(runs)
    except Exception as error:  # whatever a problem's own code raises on stacked parameters
        reason = " ".join(str(error).split()) or "no reason given"
        report(f"{_count(runs)} trained alone: in a batch, {type(error).__name__}: {reason}")
        yield from ([run] for run in runs)
        return
    if all(equal):
        yield runs
        return
    differing = [run for run, is_equal in zip(runs, equal, strict=True) if not is_equal]
    report(f"{_count(differing)} trained alone: in a batch, their first losses or gradients differ")
    yield from ([run] for run in differing)
    others = [run for run, is_equal in zip(runs, equal, strict=True) if is_equal]
    if others:
        yield from _equal_to_alone(others, report)  # whose batch is another without them


def _count(runs: Sequence[TrainingRun]) -> str:
    return "1 run is" if len(runs) == 1 else f"{len(runs)} runs are"


def equal_to_alone(runs: Sequence[TrainingRun]) -> list[bool]:
    """Whether each run has, in a batch, the loss and the gradient of its next step that it has alone."""
    first = runs[0].state.steps_taken
    place(runs, torch.device(runs[0].components.accelerator))
    indices = [run.components.sampler.chunk(first, first + 1) for run in runs]
    alone = [_gradient_alone(run, chunk) for run, chunk in zip(runs, indices, strict=True)]
    stepper = BatchedStepper(runs)
    try:
        losses, gradients = stepper.first_gradients(torch.stack(indices))
    finally:
        for run in runs:
            for parameter in run.problem.parameters():
                parameter.data = parameter.data.clone()
    rows = {run: row for row, run in enumerate(stepper.runs)}
    # Of parameters of several dtypes, each gradient is as precise as the least precise of them.
    precision = max(torch.finfo(parameter.dtype).eps for parameter in runs[0].problem.parameters())
    return [
        _is_close(losses[rows[run]], loss, precision)
        and gradients.keys() == gradients_alone.keys()
        and all(
            _is_close(gradients[name][rows[run]], gradient, precision) for name, gradient in gradients_alone.items()
        )
        for run, (loss, gradients_alone) in zip(runs, alone, strict=True)
    ]


def _gradient_alone(run: TrainingRun, chunk: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss and the gradients that a run has alone; its parameters are left without."""
    run.problem.zero_grad()
    (minibatch,) = run.components.data.train.minibatches(chunk.to(next(run.problem.parameters()).device))
    loss = run.components.minibatch_gradient(run.problem, minibatch)
    parameters = run.problem.named_parameters()
    gradients = {name: parameter.grad for name, parameter in parameters if parameter.grad is not None}
    run.problem.zero_grad()
    return loss, gradients


def _is_close(ours: Tensor, alone: Tensor, precision: float) -> bool:
    """Whether tensors are equal up to the order of sums: half of the digits of their size, or next to nothing."""
    if not alone.isfinite().all():
        return not ours.isfinite().all()
    return bool((ours - alone).norm() <= precision**0.5 * alone.norm() + 100 * precision)
