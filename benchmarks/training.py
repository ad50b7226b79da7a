"""Tracked training against a hand-written PyTorch loop that records nothing, in turns, in one run.

    python benchmarks/training.py [REPEATS]

Both take the 10,000 steps of mnist_two_layer on the same data. Descent's seconds are those of its whole training loop:
every step's loss and gradient norm to the record, checkpoints, the path's positions, and the background sync to MLflow
at work beside it. Each pair is measured without the evaluations in between, and with all of them on both sides.
"""

import os
import platform
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from torch import Tensor, nn

from descent.assembly import assemble
from descent.data.mnist import read_mnist
from descent.experiment import Run, take_steps
from descent.project import project_root
from descent.tracking.background import BackgroundSync
from descent.tracking.record import EVALUATIONS, STEPS, Header, RunRecord, now

STEPS_TAKEN = 10_000


def by_hand(evaluated: bool) -> float:
    """Seconds of the loop as one writes it: floats in memory, a minibatch drawn and a step taken."""
    data = read_mnist("data/mnist")
    assert data.test is not None
    parts = [(images / 255, labels.long()) for images, labels in (data.train.columns, data.test.columns)]
    (images, labels), _ = parts
    network = nn.Sequential(nn.Linear(784, 50), nn.Sigmoid(), nn.Linear(50, 10))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.01)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)

    @torch.no_grad()
    def accuracy(inputs: Tensor, classes: Tensor) -> float:
        return float((network(inputs).argmax(dim=1) == classes).float().mean())

    started = time.perf_counter()
    for step in range(STEPS_TAKEN):
        drawn = torch.randint(len(images), (100,))
        loss = F.cross_entropy(network(images[drawn]), labels[drawn])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if evaluated and step % 600 == 0:
            for part in parts:
                accuracy(*part)
    return time.perf_counter() - started


def by_descent(config: DictConfig) -> float:
    """Seconds of the training loop of a run that is recorded, and brought to MLflow meanwhile."""
    parts = assemble(config)
    with tempfile.TemporaryDirectory() as folder:
        rows = {STEPS: parts.plan.steps, EVALUATIONS: len(parts.plan.evaluations)}
        header = Header("benchmark", "", "benchmark", "benchmark", now(), {}, {}, [], rows)
        record = RunRecord.create(Path(folder) / "run", header, "")
        sync = BackgroundSync(f"sqlite:///{folder}/mlflow.db", config.tracking.points, patience=60)
        started = time.perf_counter()
        take_steps(Run(config, parts, record, partial(sync.notify, record.folder)))
        seconds = time.perf_counter() - started
        sync.bring(record.folder)
        sync.finish()
    return seconds


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):6.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    """Measure in turns, and print a table."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    print(f"{repeats} repeats in turns; seconds for {STEPS_TAKEN:,} steps: median (range)\n")
    with initialize_config_dir(str(project_root() / "conf"), version_base="1.3"):
        compared = {
            "steps alone": (False, compose("train", ["experiment=mnist_two_layer", "evaluation.every=10000"])),
            "with the article's evaluations": (True, compose("train", ["experiment=mnist_two_layer"])),
        }
    for name, (evaluated, config) in compared.items():
        pairs = [(by_hand(evaluated), by_descent(config)) for _ in range(repeats)]
        hand, descent = map(list, zip(*pairs, strict=True))
        ratios = [ours / bare for bare, ours in pairs]
        print(f"\n{name}")
        print(f"  by hand, nothing recorded  {spread(hand)}")
        print(f"  Descent, all recorded      {spread(descent)}")
        print(f"  ratio, pair by pair        {spread(ratios)}", flush=True)


if __name__ == "__main__":
    main()
