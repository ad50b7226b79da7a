"""A network's steps, alone and together with others: in chunks of any length, and beside a loop by hand."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from conftest import composed_in, make_project
from descents import Stopper, timeless, train_together
from torch import Tensor

from descent.core.build import assemble
from descent.records.run import STEPS, RunRecord
from descent.runs.identity import RunResult
from descent.runs.train import train

LENGTH, CHUNK = 600, 6
"""Steps of a run, and of a chunk where nothing else shortens it: at its end a position is kept for the picture."""
NETWORK = (
    "experiment=mnist_two_layer", "network.sizes=[784,8,10]", "network.weight.std=0.1", "sampler=shuffled",
    "data.batch_size=20", f"trainer.max_steps={LENGTH}", "evaluation.first=null", "evaluation.every=300",
)  # fmt: skip
JOBS = {
    "sgd": ("optimizer.lr=0.1",),
    "slower sgd": ("optimizer.lr=0.03",),  # shares its optimizer with the other
    "adam": ("optimizer=adam", "optimizer.lr=0.001", "schedule=cosine"),
}


@dataclass(frozen=True)
class Steps:
    """What a run's steps left: the rows of steps.csv without their times, and the weights."""

    rows: list[list[float | None]]
    weights: dict[str, Tensor]

    @classmethod
    def of(cls, result: RunResult) -> "Steps":
        weights = torch.load(result.folder / "record" / "checkpoint.ckpt", weights_only=True)["state_dict"]
        return cls(timeless(RunRecord(result.folder), STEPS), weights)

    def is_bit_for_bit(self, other: "Steps") -> bool:
        return self.rows == other.rows and all(
            torch.equal(self.weights[name], weight) for name, weight in other.weights.items()
        )


class ChunkCounter:
    """Counts how often a record grows: after each chunk, where `trainer.checkpoint_seconds=0`."""

    def __init__(self) -> None:
        self.chunks = 0

    def on_progress(self, folder: Path) -> None:
        self.chunks += 1

    def on_complete(self, folder: Path) -> None:
        pass


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Iterator[Path]:
    """A project that all tests here share; the current folder."""
    folder = make_project(tmp_path_factory.mktemp("project"), small_data)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def alone(project: Path) -> dict[str, Steps]:
    """Jobs by themselves, a step at a time."""
    return {
        name: Steps.of(
            train(composed_in(project, *NETWORK, *JOBS[name], "trainer.chunk_size=1", f"run_dir=alone/{name}"))
        )
        for name in ("sgd", "adam")
    }


@pytest.fixture(scope="module")
def together(project: Path) -> dict[str, Steps]:
    """All jobs together, in chunks as long as they may be."""
    counter = ChunkCounter()
    common = (*NETWORK, "trainer.checkpoint_seconds=0")
    results = train_together(
        *(composed_in(project, *common, *job, f"run_dir=together/{name}") for name, job in JOBS.items()),
        listener=counter,
    )
    assert counter.chunks == len(JOBS) * LENGTH / CHUNK
    return {name: Steps.of(result) for name, result in zip(JOBS, results, strict=True)}


@pytest.mark.parametrize(("chunk_size", "chunks"), [(4, 2 * LENGTH / CHUNK), (1000, LENGTH / CHUNK)])
def test_alone_the_length_of_chunks_changes_no_bit(
    project: Path, alone: dict[str, Steps], chunk_size: int, chunks: float
) -> None:
    counter = ChunkCounter()
    calls = (f"trainer.chunk_size={chunk_size}", "trainer.checkpoint_seconds=0")
    config = composed_in(project, *NETWORK, *JOBS["adam"], *calls, f"run_dir=alone/{chunk_size}")
    steps = Steps.of(train(config, listener=counter))
    assert counter.chunks == chunks
    assert len(steps.rows) == LENGTH
    assert steps.is_bit_for_bit(alone["adam"])


def test_together_the_length_of_chunks_changes_no_bit(project: Path, together: dict[str, Steps]) -> None:
    """An evaluation ends a chunk."""
    common = (*NETWORK, "evaluation.every=3")
    configs = [composed_in(project, *common, *job, f"run_dir=shorter/{name}") for name, job in JOBS.items()]
    for name, result in zip(JOBS, train_together(*configs), strict=True):
        assert Steps.of(result).is_bit_for_bit(together[name])


def cosine(rate: float) -> Callable[[int], float]:
    """Half a cosine from a rate to 0, over the steps taken."""
    return lambda taken: rate * (1 + math.cos(math.pi * taken / LENGTH)) / 2


@pytest.mark.parametrize(
    ("job", "optimizer", "rate"),
    [("sgd", torch.optim.SGD, lambda taken: 0.1), ("adam", torch.optim.Adam, cosine(0.001))],
    ids=["sgd", "adam"],
)
def test_losses_and_gradient_norms_are_those_of_a_loop_by_hand(
    project: Path,
    alone: dict[str, Steps],
    together: dict[str, Steps],
    job: str,
    optimizer: Any,
    rate: Callable[[int], float],
) -> None:
    components = assemble(composed_in(project, *NETWORK, *JOBS[job]))
    network: Any = components.problem.network
    images, labels = components.data.train.head(len(components.data.train))
    stepping = optimizer(network.parameters())
    expected = []
    for taken in range(LENGTH):
        (indices,) = components.sampler.chunk(taken, taken + 1)
        stepping.zero_grad()
        loss = F.cross_entropy(network(images[indices]), labels[indices])
        loss.backward()
        gradient = torch.cat([parameter.grad.flatten() for parameter in network.parameters()])
        expected.append([taken + 1, loss.item(), gradient.norm().item()])
        stepping.param_groups[0]["lr"] = rate(taken)
        stepping.step()
    for steps in (alone[job], together[job]):
        for place in range(3):
            assert [row[place] for row in steps.rows] == pytest.approx([row[place] for row in expected], rel=1e-4)


class Slow(torch.optim.SGD):
    """Takes 10 ms for a step at least."""

    def step(self, closure: Any = None) -> Any:
        sleep(0.01)
        return super().step(closure)


@pytest.mark.parametrize("is_together", [False, True], ids=["alone", "together"])
@pytest.mark.parametrize("problem", ["surface", "network"])
def test_the_seconds_of_steps_are_no_less_than_their_optimizers_take_and_no_more_than_passed(
    project: Path, is_together: bool, problem: str
) -> None:
    steps, runs = 20, 3 if is_together else 1
    common = {"surface": ("problem=bowl",), "network": NETWORK}[problem]
    slow = (f"trainer.max_steps={steps}", "schedule=cosine", f"optimizer._target_={__name__}.Slow")
    configs = [
        composed_in(project, *common, *slow, f"seed={run}", f"run_dir=slow/{problem}{run}of{runs}")
        for run in range(runs)
    ]
    start = perf_counter()
    results = train_together(*configs) if is_together else [train(config) for config in configs]
    passed = perf_counter() - start
    seconds = [steps * result.metrics["seconds_per_step"] for result in results]
    assert 0.01 * steps <= sum(seconds) <= passed
    assert 0.01 * steps <= runs * min(seconds)  # they share what passes while they are trained together


@pytest.mark.parametrize("runs", [1, 2], ids=["alone", "together"])
def test_the_seconds_before_an_interruption_count(project: Path, runs: int) -> None:
    steps = 20
    slow = (f"trainer.max_steps={steps}", f"optimizer._target_={__name__}.Slow", "trainer.checkpoint_seconds=0")
    configs = [
        composed_in(project, "problem=bowl", *slow, f"seed={run}", f"run_dir=interrupted/{run}of{runs}")
        for run in range(runs)
    ]
    with pytest.raises(KeyboardInterrupt):
        train_together(*configs, listener=Stopper(runs * steps // 2))
    for result in train_together(*configs):
        assert result.was_begun
        assert steps * result.metrics["seconds_per_step"] >= 0.01 * steps


@pytest.mark.parametrize("runs", [1, 2], ids=["alone", "together"])
def test_a_checkpoint_is_replaced_when_it_is_old_enough(project: Path, runs: int) -> None:
    age = 0.05
    slow = ("trainer.max_steps=30", f"optimizer._target_={__name__}.Slow", f"trainer.checkpoint_seconds={age}")
    counter = ChunkCounter()
    start = perf_counter()
    train_together(
        *(
            composed_in(project, "problem=bowl", *slow, f"seed={run}", f"run_dir=ages/{run}of{runs}")
            for run in range(runs)
        ),
        listener=counter,
    )
    passed = perf_counter() - start
    assert 2 * runs <= counter.chunks <= runs * (passed / age + 1)  # one is at the end, however old the last
