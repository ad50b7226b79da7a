"""Small descents for tests, in a folder of their own."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from parabola import Parabola
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
from descent.core.training.evaluation import result_of
from descent.core.training.loop import descend
from descent.core.training.module import Descent
from descent.core.training.plan import Plan, plan
from descent.records.listener import RecordListener
from descent.records.run import EVALUATIONS, STEPS, Header, Landscape, RunRecord
from descent.runs.fused import Waiting, begin, go_together
from descent.runs.identity import RunResult
from descent.runs.tracked_run import Run, course, take_steps

ADAM = partial(torch.optim.Adam, lr=0.01)


def record_in(folder: Path, length: Plan) -> RunRecord:
    """The record in a folder, new if there is none."""
    if (folder / "record" / "run.json").exists():
        return RunRecord(folder)
    rows = {STEPS: length.steps, EVALUATIONS: len(length.evaluations)}
    return RunRecord.create(folder, Header("id", "key", "name", "problem", 0, {}, {}, [], rows), "")


def alone(config: TrainConfig, folder: Path) -> tuple[str, list[float]]:
    """What a run by itself comes to, its steps taken into a record in a folder: its result, and where it then is."""
    parts = assemble(config)
    standing = take_steps(Run(config, parts, record_in(folder, parts.plan), nobody))
    result = result_of(parts.problem, parts.data.train, config.tolerance, diverged=standing.diverged)
    return result, parts.problem.position()


def no_landscape(run: object, **settings: object) -> Landscape:
    """The landscape of a problem that no picture shows."""
    return {"kind": np.array("none")}


def train_together(*configs: TrainConfig, listener: RecordListener | None = None) -> list[RunResult]:
    """Train runs whose steps are taken together where they can be; each leaves its own record."""
    waiting = [begin(course(config, listener=listener)) for config in configs]
    assert all(isinstance(run, Waiting) for run in waiting), "a run is finished already"
    return go_together([run for run in waiting if isinstance(run, Waiting)])


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


def nobody() -> None:
    """Is told, and does nothing."""


def network_descent(
    folder: Path,
    chunk_size: int = 100,
    on_progress: Callable[[], None] = nobody,
    steps: int = 60,
    optimizer: Callable[..., Any] = ADAM,
) -> Descent:
    """A small network on random images, in minibatches that don't divide them, under a schedule."""
    images = torch.randint(256, (100, 30), dtype=torch.uint8, generator=generator(0, "images"))
    labels = torch.randint(4, (100,), dtype=torch.uint8, generator=generator(0, "labels"))
    train = Examples((images, labels), (lambda stored: stored / 255, torch.Tensor.long))
    minibatches = BatchSampler(len(train), 7, shuffled, seed=1)
    length = plan(steps, None, minibatches.steps_per_epoch, 1, 13)
    torch.manual_seed(0)
    problem = Classification(perceptron([30, 8, 4], nn.Sigmoid, partial(nn.init.normal_, std=0.1)))
    module = Descent(problem, train, Autograd(), optimizer, partial(one_cycle, steps=steps, rise=0.3))
    data = Data(train=train, test=train)
    descend(module, data, minibatches, length, record_in(folder, length), "cpu", chunk_size, 0, on_progress)
    return module


def parabola_descent(
    folder: Path,
    start: float = 1.0,
    lr: float = 0.1,
    steps: int = 50,
    chunk_size: int = 100,
    divergence_threshold: float = 100,
) -> Descent:
    """Steepest descent on x²."""
    minibatches = BatchSampler(0, None, shuffled, seed=0)
    length = plan(steps, None, minibatches.steps_per_epoch, None, 10)
    schedule = partial(constant, steps=steps)
    module = Descent(
        Parabola(start), Examples(), Autograd(), partial(SteepestDescent, lr=lr), schedule, divergence_threshold
    )
    descend(module, Data(), minibatches, length, record_in(folder, length), "cpu", chunk_size, 0, nobody)
    return module


def timeless(record: RunRecord, table: str) -> list[list[float | None]]:
    """The rows of a table without their timestamps."""
    read = record.read(table)
    skipped = read.columns.index("timestamp")
    return [row[:skipped] + row[skipped + 1 :] for row in read.rows]
