"""Where the time of Descent's own steps goes: its stack, sampled every few milliseconds."""

import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType

from benchmarks.descents import composed, seconds_together
from benchmarks.sweeps import RATES

SAMPLING_INTERVAL = 0.003
"""Seconds between two samples of the stack."""
EVALUATIONS = "evaluations"
PARTS = {
    "forward": ("descent/core/problems/", "torch/nn/"),
    "backward": ("torch/autograd/", "descent/core/optim/gradients.py"),
    "optimizer": ("torch/optim/", "descent/core/optim/", "training/shared_optimizer.py"),
    "minibatches": ("descent/core/data/", "training/chunks.py"),
    "losses, norms": ("training/stepper.py", "training/batched_stepper.py"),
    "record": ("descent/records/", "training/callbacks.py", "training/checkpoint"),
    EVALUATIONS: ("training/evaluation.py",),
    "Lightning": ("pytorch_lightning/", "lightning_fabric/"),
}
"""The parts of a run, by the files of what is called from nowhere else."""
OTHER = "other"
TRAINING = ("fit",)
"""The functions that all of it is called from."""

Row = dict[str, str | float]


def profiles() -> list[Row]:
    """For each kind of run the percentage of the time that each part of it takes."""
    whole = "experiment=mnist_two_layer"
    runs = {
        "mnist_two_layer": [composed(whole, "trainer.max_steps=3000")],
        "mnist_three_layer": [composed("experiment=mnist_three_layer", "trainer.max_steps=3000")],
        "himmelblau": [composed("problem=himmelblau", "optimizer.lr=1e-4", "trainer.max_steps=25000")],
        "32 of mnist_two_layer": [composed(whole, "trainer.max_steps=1200", f"optimizer.lr={rate}") for rate in RATES],
    }
    rows: list[Row] = []
    for name, configs in runs.items():
        with _sampled() as samples:
            seconds_together(configs)
        count = samples.total()
        rows.append({"% of the time of": name, **{part: 100 * samples[part] / count for part in (*PARTS, OTHER)}})
    return rows


@contextmanager
def _sampled() -> Iterator[Counter[str]]:
    """Count the samples of this thread's stack in each part of a training."""
    samples: Counter[str] = Counter()
    stop = threading.Event()
    thread = threading.get_ident()

    def sample() -> None:
        while not stop.wait(SAMPLING_INTERVAL):
            stack = list(_stack(sys._current_frames()[thread]))
            if any(code.co_name in TRAINING for code in stack):
                samples[part_of([code.co_filename for code in stack])] += 1

    watcher = threading.Thread(target=sample)
    watcher.start()
    try:
        yield samples
    finally:
        stop.set()
        watcher.join()


def _stack(frame: FrameType | None) -> Iterator[CodeType]:
    """What is being run, the innermost first."""
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


def part_of(files: Sequence[str]) -> str:
    """The innermost part that a stack, by its files, is in; all that an evaluation calls is one."""
    if any(name in file for file in files for name in PARTS[EVALUATIONS]):
        return EVALUATIONS
    inside = (part for file in files for part, names in PARTS.items() if any(name in file for name in names))
    return next(inside, OTHER)
