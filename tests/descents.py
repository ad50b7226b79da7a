"""Small descents for tests, in a folder of their own."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from parabola import Parabola
from quick_landscape import flat_plane
from torch import nn

from descent.core.build import assemble
from descent.core.config import TrainConfig
from descent.core.data.batch_sampler import BatchSampler
from descent.core.data.examples import Data, Examples
from descent.core.data.sampling import shuffled
from descent.core.optim.gradients import Autograd
from descent.core.optim.schedules import constant, one_cycle
from descent.core.optim.steepest_descent import SteepestDescent
from descent.core.problems.classification import Classification
from descent.core.problems.networks import perceptron
from descent.core.random_streams import generator
from descent.core.training.callbacks import Checkpointer, Evaluator, StepLogger
from descent.core.training.evaluation import result_of
from descent.core.training.loop import fit
from descent.core.training.plan import Plan, plan
from descent.core.training.resumption import restore
from descent.core.training.training_run import RunComponents, TrainingRun
from descent.records.header import Header
from descent.records.listener import NullListener, RecordListener
from descent.records.run import EVALUATIONS, STEPS, Landscape, RunRecord
from descent.runs.identity import RunResult
from descent.runs.tracked_run import TrackedRun, tracked_run
from descent.runs.train import train_batch, train_runs

ADAM = partial(torch.optim.Adam, lr=0.01)


def record_in(folder: Path, length: Plan) -> RunRecord:
    """The record in a folder, new if there is none."""
    if (folder / "record" / "run.json").exists():
        return RunRecord(folder)
    rows = {STEPS: length.steps, EVALUATIONS: len(length.evaluations)}
    return RunRecord.create(folder, Header("id", "key", "name", "problem", 0, {}, {}, [], rows), "")


class Progress(NullListener):
    """Calls a function whenever a record has grown."""

    def __init__(self, on_progress: Callable[[], None]) -> None:
        self.call = on_progress

    def on_progress(self, folder: Path) -> None:
        self.call()


def run_in(folder: Path, config: TrainConfig, on_progress: Callable[[], None] = lambda: None) -> TrackedRun:
    """A run to train into a record in a folder, from the checkpoint that is there."""
    components = assemble(config)
    record = record_in(folder, components.plan)
    training = TrainingRun(components, restore([record])[0])
    return TrackedRun(config, record, Progress(on_progress), training=training)


def alone(config: TrainConfig, folder: Path) -> tuple[str, list[float]]:
    """How a run ends that is trained alone, into a record in a folder: its result, and its last position."""
    run = run_in(folder, config)
    train_batch([run])
    assert run.training is not None
    components, state = run.training.components, run.training.state
    result = result_of(components.problem, components.data.train, config.tolerance, diverged=state.diverged)
    return result, components.problem.position()


def no_landscape(run: object, **settings: object) -> Landscape:
    """A landscape that costs nothing."""
    return flat_plane()


def train_together(*configs: TrainConfig, listener: RecordListener | None = None) -> list[RunResult]:
    """Train runs, as batches if possible; each has its own record, and raises its own error."""
    errors: list[Exception] = []
    contexts = [tracked_run(config, listener=listener) for config in configs]
    runs = [context.__enter__() for context in contexts]
    with ExitStack() as until_trained:
        for context in reversed(contexts):  # so that the first is closed first
            until_trained.push(partial(_keep, errors))  # so that a run that fails fails alone
            until_trained.push(context)
        train_runs(runs)
    if errors:
        raise errors[0]
    return [run.result for run in runs if run.result is not None]


def _keep(errors: list[Exception], kind: object, error: BaseException | None, trace: object) -> bool:
    if isinstance(error, Exception):
        errors.append(error)
    return isinstance(error, Exception)


class Stopper:
    """Presses Ctrl-C when a record has grown a number of times."""

    def __init__(self, times: int) -> None:
        self.times = times

    def on_progress(self, folder: Path) -> None:
        self.times -= 1
        if not self.times:
            raise KeyboardInterrupt

    def on_complete(self, folder: Path) -> None:
        pass


def fit_into(
    records: Mapping[TrainingRun, RunRecord],
    chunk_size: int = 100,
    checkpoint_seconds: float = 0,
    on_progress: Callable[[], None] = lambda: None,
    on_evaluation: Callable[[], None] = lambda: None,
) -> None:
    """Train a run, or a batch of them, into records."""
    length = next(iter(records)).components.plan

    def report(run: TrainingRun, metrics: dict[str, float]) -> None:
        records[run].append(EVALUATIONS, [{"step": run.state.steps_taken, "timestamp": 0, **metrics}])
        on_evaluation()

    callbacks = [
        StepLogger(length, records),
        Evaluator(length, report),
        Checkpointer(records, checkpoint_seconds, lambda run: on_progress()),
    ]
    fit(list(records), callbacks, chunk_size)


def network_descent(
    folder: Path,
    chunk_size: int = 100,
    on_progress: Callable[[], None] = lambda: None,
    steps: int = 60,
    optimizer: Callable[..., Any] = ADAM,
    checkpoint_seconds: float = 0,
    on_evaluation: Callable[[], None] = lambda: None,
) -> TrainingRun:
    """A small network on random images, in minibatches that don't divide them, under a schedule."""
    images = torch.randint(256, (100, 30), dtype=torch.uint8, generator=generator(0, "images"))
    labels = torch.randint(4, (100,), dtype=torch.uint8, generator=generator(0, "labels"))
    train = Examples((images, labels), (lambda stored: stored / 255, torch.Tensor.long))
    sampler = BatchSampler(len(train), 7, shuffled, seed=1)
    length = plan(steps, None, sampler.steps_per_epoch, 1, 13)
    torch.manual_seed(0)
    problem = Classification(perceptron([30, 8, 4], nn.Sigmoid, partial(nn.init.normal_, std=0.1)))
    schedule = partial(one_cycle, steps=steps, rise=0.3)
    data = Data(train=train, test=train)
    components = RunComponents(problem, data, sampler, length, Autograd(), optimizer, schedule, no_landscape)
    record = record_in(folder, length)
    run = TrainingRun(components, restore([record])[0])
    fit_into({run: record}, chunk_size, checkpoint_seconds, on_progress, on_evaluation)
    return run


def parabola_descent(
    folder: Path,
    start: float = 1.0,
    lr: float = 0.1,
    steps: int = 50,
    chunk_size: int = 100,
    divergence_threshold: float = 100,
) -> TrainingRun:
    """Steepest descent on x²."""
    sampler = BatchSampler(0, None, shuffled, seed=0)
    length = plan(steps, None, sampler.steps_per_epoch, None, 10)
    components = RunComponents(
        Parabola(start), Data(), sampler, length, Autograd(), partial(SteepestDescent, lr=lr),
        partial(constant, steps=steps), no_landscape, divergence_threshold=divergence_threshold,
    )  # fmt: skip
    record = record_in(folder, length)
    run = TrainingRun(components, restore([record])[0])
    fit_into({run: record}, chunk_size)
    return run


def timeless(record: RunRecord, table: str) -> list[list[float | None]]:
    """The rows of a table without their timestamps."""
    read = record.read(table)
    skipped = read.columns.index("timestamp")
    return [row[:skipped] + row[skipped + 1 :] for row in read.rows]
