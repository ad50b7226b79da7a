"""A dry run: a few steps on copies, so that what can't work fails before the first step, not after the last."""

import json
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from descent.core.config import TrainConfig
from descent.core.data.batch_sampler import BatchSampler
from descent.core.training.callbacks import append_snapshot, rows_of
from descent.core.training.checkpoint import Checkpoint, TrainState, save
from descent.core.training.evaluation import evaluate, result_of
from descent.core.training.landscape import TrainedRun
from descent.core.training.plan import Plan
from descent.core.training.stepper import SingleStepper
from descent.core.training.training_run import RunComponents, TrainingRun, place
from descent.errors import UserError, suggestion, user_errors
from descent.records.code import code_of
from descent.records.folder import now
from descent.records.header import Header
from descent.records.run import CHECKPOINT, EVALUATIONS, STEPS, RunRecord
from descent.render.run_views import player_of

PLAN = Plan(1, (0, 1), (0, 1))
STEPS_RESUMED = 4
"""The number of steps after which a run and its resumed copy are compared."""
UNTRIED = (
    "name", "description", "article", "seed", "run_dir", "replace", "objective", "evaluation", "trainer", "tracking",
)  # fmt: skip
"""Keys of a configuration that a dry run does not depend on, besides the start and the learning rate."""

_tried: set[str] = set()


def dry_run(config: TrainConfig, components: RunComponents) -> None:
    """Take a step on copies, evaluate it, resume it from a checkpoint, and draw it.

    Configurations of the same code that differ only in seed, start and learning rate are tried once in a process.

    Raises:
        UserError: if one of these fails; it says which, and why.
    """
    key = _key(config)
    if key in _tried:
        return
    with TemporaryDirectory() as folder:
        _try(config, _smaller(components), Path(folder))
    _tried.add(key)


def _key(config: TrainConfig) -> str:
    values = {name: value for name, value in config.to_dict().items() if name not in UNTRIED}
    values["trainer"] = [config.trainer.accumulate, config.trainer.clip_norm]
    values["problem"].pop("start", None)
    values["optimizer"].pop("lr")
    return json.dumps([values, code_of(values)])


def _smaller(components: RunComponents) -> RunComponents:
    """The same run, with a copy of its problem and as few examples as a minibatch has."""
    sampler, data = components.sampler, components.data
    smaller = data.mapped(lambda examples: examples.first(sampler.size))
    return replace(
        components,
        problem=deepcopy(components.problem),
        data=smaller,
        sampler=BatchSampler(len(smaller.train), None, sampler.order, sampler.seed),
        plan=PLAN,
    )


def _try(config: TrainConfig, components: RunComponents, folder: Path) -> None:
    optimizer, problem = config.optimizer.target, config.problem_name
    record = RunRecord.create(folder, _header(config), config.to_yaml())
    run = TrainingRun(components)
    no_step = f"{optimizer} can't take a step on problem {problem}"
    no_checkpoint = f"problem {problem} or optimizer {optimizer} can't be saved in a checkpoint and resumed"
    with record, user_errors(no_step):
        stepper = _stepper(run)
        append_snapshot(run, record)
        _advance(stepper, record)
    with record, user_errors(f"problem {problem} can't be evaluated"):
        measured = _evaluate(stepper, record)
    _check_target(config, measured)
    with record, user_errors(no_checkpoint):
        save([(stepper.checkpoint(run, record.position()), record)])
        saved = Checkpoint.from_bytes((record.files / CHECKPOINT).read_bytes())
        copy = TrainingRun(replace(components, problem=deepcopy(components.problem)), saved)
        resumed = _stepper(copy)
    with user_errors(no_step):
        _take_more_steps(stepper)
    with user_errors(f"{optimizer} can't be resumed on problem {problem}"):
        _take_more_steps(resumed)
        if not _is_equal(*(vars(side.checkpoint(side.run, {})) for side in (stepper, resumed))):
            raise ValueError("its steps after a checkpoint differ from those without one")
    with user_errors(no_step):
        _refuse_useless_schedule(stepper, resumed, optimizer)
    with record, user_errors(f"no picture can be drawn of problem {problem}"):
        _draw(stepper, record, config)


def _check_target(config: TrainConfig, measured: Collection[str]) -> None:
    """Refuse a target of a metric that the run does not measure."""
    if config.reached is None or config.reached.criterion.metric in measured:
        return
    metric = config.reached.criterion.metric
    is_held_out = metric.endswith("/validation")
    advice = "data.validation=N holds out N examples" if is_held_out else suggestion(metric, measured)
    raise UserError(f"target.metric={metric}: the run does not measure it; {advice}")


def _take_more_steps(stepper: SingleStepper) -> None:
    if stepper.runs:
        stepper.advance(stepper.run.components.sampler.chunk(1, STEPS_RESUMED))


def _refuse_useless_schedule(first: SingleStepper, second: SingleStepper, optimizer: str) -> None:
    """Refuse a schedule of an optimizer that reads its learning rate at its first step only.

    Args:
        first: a stepper after some steps.
        second: another, in the same state.
        optimizer: the name of the optimizer.
    """
    if first.schedule is None or not first.runs or first.requires_closure:
        return
    for stepper, share in ((first, 1.0), (second, 0.5)):
        stepper.schedule = None  # of a short run, it would be at a rate of 0
        for group in stepper.optimizer.param_groups:
            group["lr"] = share * group["initial_lr"]
    before = parameters_to_vector(first.problem.parameters()).detach().clone()
    ends = []
    for stepper in (first, second):
        # Two steps, as some optimizers compute the rate of a step at the end of the one before.
        stepper.advance(stepper.run.components.sampler.chunk(STEPS_RESUMED, STEPS_RESUMED + 2))
        ends.append(parameters_to_vector(stepper.problem.parameters()).detach())
    if torch.equal(*ends) and not torch.equal(ends[0], before):
        what = f"{optimizer} reads its learning rate once, so that a schedule changes nothing"
        raise UserError(f"{what}; use schedule=constant")


def _advance(stepper: SingleStepper, record: RunRecord) -> None:
    (block,) = stepper.advance(stepper.run.components.sampler.chunk(0, 1))
    record.append(STEPS, rows_of(block))
    append_snapshot(stepper.run, record)


def _evaluate(stepper: SingleStepper, record: RunRecord) -> dict[str, float]:
    with stepper.evaluating():
        (metrics,) = evaluate([stepper.problem], stepper.run.components.data)
    for step in (0, 1):
        record.append(EVALUATIONS, [{"step": step, "timestamp": now(), **metrics}])
    return metrics


def _draw(stepper: SingleStepper, record: RunRecord, config: TrainConfig) -> None:
    components, state = stepper.run.components, stepper.run.state
    stepper.finish()
    train = components.data.train
    result = result_of(components.problem, train, config.tolerance, diverged=state.diverged)
    trained = TrainedRun(components.problem, train, components.sampler, PLAN, record)
    record.save_landscape(components.landscape(trained))
    record.finish(result, 1, {})
    player_of(record)


def _stepper(run: TrainingRun) -> SingleStepper:
    place([run], torch.device(run.components.accelerator))
    return SingleStepper(run)


def _is_equal(first: object, second: object) -> bool:
    """Whether two nested states are equal to the last bit, but for the times in them."""
    if isinstance(first, TrainState):
        return True
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return first.dtype == second.dtype and torch.equal(first.nan_to_num(), second.nan_to_num())
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(_is_equal(value, second[name]) for name, value in first.items())
    if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
        return len(first) == len(second) and all(map(_is_equal, first, second))
    return bool(first == second)


def _header(config: TrainConfig) -> Header:
    params = {"name": config.name, "optimizer.lr": str(config.optimizer.lr)}
    return Header("", "", config.name, config.problem_name, now(), params, {}, [], {STEPS: 1, EVALUATIONS: 2})
