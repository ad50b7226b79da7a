"""Runs trained as one: those of several courses whose problems differ in their parameters only."""

import json
import math
import sys
import time
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Generic

import torch
from tqdm import tqdm

from descent.core.build import shared_settings
from descent.core.data.examples import Data
from descent.core.optim.gradients import Autograd
from descent.core.training.checkpoint import TrainState, save, taken_up
from descent.core.training.evaluation import evaluate
from descent.core.training.rows import append_evaluation, rows_of, visit
from descent.core.training.together import BatchedRun, RunBatch, StepBlock
from descent.records.run import STEPS, RunRecord
from descent.runs.hydra_errors import one_line
from descent.runs.tracked_run import Run, Value, go_on, take_steps

LARGEST = 4_000_000
"""How many parameters are stacked at most: beyond, a processor's cache does not hold them, and a run's step takes
longer than it does in a smaller batch."""


@dataclass(frozen=True)
class Waiting(Generic[Value]):
    """A course that waits for its run's steps."""

    course: Generator[Run, TrainState, Value]
    run: Run


def begin(course: Generator[Run, TrainState, Value]) -> Waiting[Value] | Value:
    """Go through a course as far as its run's steps; what it returns, where it comes to none."""
    try:
        return Waiting(course, next(course))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def go_together(waiting: Sequence[Waiting[Value]]) -> list[Value]:
    """Take the steps of all that wait, together where they can be taken together, and go through each course.

    Returns:
        What the courses return, in their order.
    """
    values: dict[int, Value] = {}
    for places in groups([one.run for one in waiting]):
        taken = _taken([waiting[place].run for place in places])
        for place, steps in zip(places, taken, strict=True):
            values[place] = go_on(waiting[place].course, steps)
    return [values[place] for place in range(len(waiting))]


def _taken(runs: Sequence[Run]) -> list[Callable[[], TrainState]]:
    """For each run what gives how it stands once its steps are taken, or raises what went wrong with them.

    What goes wrong with one goes wrong with all that are trained together, and each is then tried by itself.
    """
    each: list[Callable[[], TrainState]] = [partial(take_steps, run) for run in runs]
    if len(runs) == 1:
        return each
    starts = [[parameter.detach().clone() for parameter in run.parts.problem.parameters()] for run in runs]
    try:
        return [partial(_given, standing) for standing in take_steps_together(runs)]
    except Exception as error:
        for run, start in zip(runs, starts, strict=True):
            for parameter, own in zip(run.parts.problem.parameters(), start, strict=True):
                parameter.data = own
        print(f"{len(runs)} runs together: {type(error).__name__}: {one_line(error)}; each by itself", file=sys.stderr)
        return each
    except BaseException as stop:  # Ctrl-C, of which the course of a run is told
        return [partial(_raised, stop) for _ in runs]


def _given(standing: TrainState) -> TrainState:
    return standing


def _raised(stop: BaseException) -> TrainState:
    raise stop


def groups(runs: Sequence[Run]) -> Iterator[list[int]]:
    """The places of runs whose steps are taken together, which share each minibatch if several do."""
    for places in _alike(runs):
        most = max(1, LARGEST // runs[places[0]].parts.problem.size())
        length = math.ceil(len(places) / math.ceil(len(places) / most))
        yield from (places[first : first + length] for first in range(0, len(places), length))


def _alike(runs: Sequence[Run]) -> Iterator[list[int]]:
    """The places of runs whose steps can be taken together."""
    kinds: dict[Hashable, list[int]] = {}
    for place, run in enumerate(runs):
        kinds.setdefault(_kind(run) or place, []).append(place)
    for places in kinds.values():
        sharing: dict[Hashable, list[int]] = {}
        for place in places:
            sharing.setdefault(runs[place].parts.minibatches, []).append(place)
        yield from (group for group in sharing.values() if len(group) > 1)
        others = [group[0] for group in sharing.values() if len(group) == 1]
        if others:
            yield others


def _kind(run: Run) -> Hashable:
    """Equal for runs whose steps can be taken together; None for one whose steps can't."""
    parts, config = run.parts, run.config
    standing = _standing(run.record)
    is_over = standing.diverged or standing.steps_taken == parts.plan.steps
    if is_over or not isinstance(parts.gradient, Autograd) or any(True for _ in parts.problem.buffers()):
        return None
    problem = config.problem.to_dict()
    columns = parts.data.train.columns
    return (
        json.dumps({name: value for name, value in problem.items() if name != "start"}),
        tuple((name, own.shape, own.dtype) for name, own in parts.problem.named_parameters()),
        tuple((column.shape[1:], column.dtype) for column in columns),
        len(columns) and len(columns[0]),
        parts.minibatches.size,
        parts.plan,
        parts.accelerator,
        config.divergence_threshold,
        standing.steps_taken,
    )


def _standing(record: RunRecord) -> TrainState:
    checkpoint = taken_up(record)
    return TrainState() if checkpoint is None else checkpoint.standing


def _member(run: Run) -> BatchedRun:
    parts, config = run.parts, run.config
    # An optimizer for several runs rounds as it would for one of them, up to the last bits, which are all that a
    # small problem has to show.
    settings, rate = (None, 1.0) if parts.problem.is_small() else shared_settings(config, parts)
    return BatchedRun(
        parts.problem,
        parts.data.train,
        parts.minibatches,
        parts.optimizer,
        parts.schedule,
        settings,
        rate,
        taken_up(run.record),
    )


def take_steps_together(runs: Sequence[Run]) -> list[TrainState]:
    """Take the steps of runs of one kind, each into its own record, as `take_steps` does for one."""
    first = runs[0]
    plan = first.parts.plan
    members = {_member(run): run for run in runs}
    together = RunBatch(list(members), first.config.divergence_threshold, torch.device(first.parts.accelerator))
    with ExitStack() as until_closed:
        for run in runs:
            until_closed.enter_context(run.record)
        if together.steps_taken == 0:
            for member, run in members.items():
                visit(member.problem, run.record)
            _evaluate(list(members), members)
        bar = until_closed.enter_context(
            tqdm(total=plan.steps, initial=together.steps_taken, unit="step", disable=None, leave=False)
        )
        bar.set_description(f"{len(runs)} runs together")
        saved = time.monotonic()
        for chunk in together.descend(plan):
            for taken in chunk:
                _write(taken, members[taken.member].record, plan.snapshots)
            _evaluate([taken.member for taken in chunk if _is_due(taken.member, plan.evaluations)], members)
            is_time = time.monotonic() - saved >= first.config.trainer.checkpoint_seconds
            is_over = together.steps_taken == plan.steps
            for taken in chunk:
                if is_time or is_over or taken.member.standing.diverged:
                    run = members[taken.member]
                    save(together.checkpoint(taken.member, run.record.position()), run.record)
                    run.on_progress()
                members[taken.member].record.close()  # many runs' files would be more than a process may open
            saved = time.monotonic() if is_time else saved
            bar.update(together.steps_taken - bar.n)
    return [member.standing for member in members]


def _is_due(member: BatchedRun, steps: Sequence[int]) -> bool:
    return member.standing.steps_taken in steps or member.standing.diverged


def _write(taken: StepBlock, record: RunRecord, snapshots: Sequence[int]) -> None:
    first = taken.member.standing.steps_taken - len(taken.losses) + 1
    record.append(STEPS, rows_of(first, taken.losses.tolist(), taken.norms.tolist(), taken.positions.tolist()))
    if _is_due(taken.member, snapshots):
        visit(taken.member.problem, record)


def _evaluate(members: Sequence[BatchedRun], runs: dict[BatchedRun, Run]) -> None:
    """Evaluate members, those that share their data at once."""
    sharing: dict[int, tuple[Data, list[BatchedRun]]] = {}
    for member in members:
        data = runs[member].parts.data
        sharing.setdefault(id(data), (data, []))[1].append(member)
    for data, some in sharing.values():
        for member, metrics in zip(some, evaluate([one.problem for one in some], data), strict=True):
            append_evaluation(runs[member].record, member.standing.steps_taken, metrics)
