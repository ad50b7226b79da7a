import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from descents import fit_into, no_landscape, record_in
from pytorch_lightning import Callback, Trainer
from torch import nn

from descent.core.data.batch_sampler import BatchSampler
from descent.core.data.examples import Data, Examples
from descent.core.data.sampling import in_order, shuffled
from descent.core.optim.gradients import Autograd
from descent.core.optim.schedules import constant, cosine, one_cycle
from descent.core.optim.steepest_descent import SteepestDescent
from descent.core.problems import surfaces
from descent.core.problems.classification import Classification
from descent.core.problems.networks import perceptron
from descent.core.problems.noisy_polynomial import NoisyPolynomial
from descent.core.problems.problem import Problem
from descent.core.problems.surface import Surface
from descent.core.random_streams import generator
from descent.core.training.batched_stepper import BatchedStepper
from descent.core.training.checkpoint import Checkpoint
from descent.core.training.loop import fit
from descent.core.training.plan import Plan
from descent.core.training.training_run import RunComponents, TrainingRun
from descent.records.run import CHECKPOINT, RunRecord
from descent.records.run import STEPS as TABLE

STEPS = 40
NONE = BatchSampler(0, None, shuffled, seed=0)
CONSTANT = partial(constant, steps=STEPS)
ONE_CYCLE = partial(one_cycle, steps=STEPS, rise=0.3)
OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "steepest descent": SteepestDescent,
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "nesterov": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "rprop": torch.optim.Rprop,
    "nadam": torch.optim.NAdam,
}
HEIGHTS = [
    surfaces.parabola, surfaces.cubic, surfaces.bowl, surfaces.rosenbrock, surfaces.himmelblau, surfaces.beale,
    surfaces.booth, surfaces.rastrigin, surfaces.ackley, surfaces.styblinski_tang, surfaces.six_hump_camel,
]  # fmt: skip
Rows = list[list[float | None]]


def whole(steps: int) -> Plan:
    """Nothing ends a chunk on the way, so that chunks are long, and a run may leave in the middle of one."""
    return Plan(steps, (0, steps), (0, steps))


def with_plan(run: TrainingRun, threshold: float, steps: int) -> TrainingRun:
    run.components = replace(run.components, plan=whole(steps), divergence_threshold=threshold)
    return run


def alone(
    folder: Path, run: TrainingRun, divergence_threshold: float = torch.inf, steps: int = STEPS
) -> tuple[TrainingRun, Rows]:
    """The run trained alone, and its rows less step and time."""
    record = record_in(folder, whole(steps))
    fit_into({with_plan(run, divergence_threshold, steps): record}, checkpoint_seconds=60)
    return run, [row[2:] for row in RunRecord(folder).read(TABLE).rows]


class RowKeeper(Callback):
    """Keeps what steps do with each run, as rows of a record would hold it."""

    def __init__(self, runs: Sequence[TrainingRun]) -> None:
        self.rows: dict[TrainingRun, Rows] = {run: [] for run in runs}

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        for block in outputs["blocks"]:
            columns = torch.stack([block.losses, block.grad_norms, block.rates], dim=1)
            if len(block.positions):
                columns = torch.cat([columns, block.positions], dim=1)
            self.rows[block.run] += columns.tolist()


def take(runs: Sequence[TrainingRun], divergence_threshold: float = torch.inf, steps: int = STEPS) -> list[Rows]:
    """Train a batch; each run's rows, as they would be in its record."""
    keeper = RowKeeper(runs)
    fit([with_plan(run, divergence_threshold, steps) for run in runs], [keeper], chunk_size=100)
    return list(keeper.rows.values())


def run_of(
    problem: Problem, train: Examples, sampler: BatchSampler, optimizer: Any, schedule: Any, *shared: Any
) -> TrainingRun:
    components = RunComponents(
        problem, Data(train=train), sampler, whole(STEPS), Autograd(), optimizer, schedule, no_landscape
    )
    return TrainingRun(components, None, *shared)


def on_surface(
    height: Callable[..., Any], start: Sequence[float], optimizer: Any, schedule: Any = CONSTANT
) -> TrainingRun:
    return run_of(Surface(height, start), Examples(), NONE, optimizer, schedule)


def starts(count: int, components: int) -> list[list[float]]:
    drawn = torch.rand(count, components, generator=generator(count, "starts"), dtype=torch.float64)
    return (4 * drawn - 2).tolist()


@pytest.mark.parametrize("height", HEIGHTS, ids=lambda height: height.__name__)
@pytest.mark.parametrize("count", [3, 37])
def test_runs_on_a_surface_are_to_the_last_bit_what_each_is_alone(tmp_path: Path, height: Any, count: int) -> None:
    components = height.__code__.co_argcount
    rates = torch.logspace(-4, -2, count, dtype=torch.float64).tolist()

    def runs() -> list[TrainingRun]:
        return [
            on_surface(height, start, partial(torch.optim.SGD, lr=rate))
            for start, rate in zip(starts(count, components), rates, strict=True)
        ]

    found = take(runs())
    for index in (0, count // 2, count - 1):
        _, expected = alone(tmp_path / str(index), runs()[index])
        assert found[index] == expected


@pytest.mark.parametrize("optimizer", ["momentum", "adamw", "rmsprop"])
def test_runs_that_share_an_optimizer_are_what_each_is_alone(tmp_path: Path, optimizer: str) -> None:
    made = partial(OPTIMIZERS[optimizer], lr=0.003)

    def runs() -> list[TrainingRun]:
        every = [on_surface(surfaces.rosenbrock, start, made, ONE_CYCLE) for start in starts(5, 2)]
        for run in every:
            run.settings = "alike"
        return every

    found = take(runs())
    for index, run in enumerate(runs()):
        _, expected = alone(tmp_path / str(index), run)
        # What a processor computes several at once it may round otherwise than the rest of them.
        assert found[index] == [pytest.approx(row, rel=1e-9) for row in expected]


@pytest.mark.parametrize("optimizer", ["steepest descent", "momentum", "adamw", "rmsprop"])
def test_runs_that_share_an_optimizer_and_differ_in_their_rates_are_what_each_is_alone(
    tmp_path: Path, optimizer: str
) -> None:
    rates = (1e-3, 3e-3, 0.5, 1e-4, 1e-5)  # the third diverges, which is the fastest

    def runs() -> list[TrainingRun]:
        every = []
        for rate, start in zip(rates, starts(len(rates), 2), strict=True):
            run = on_surface(surfaces.rosenbrock, start, partial(OPTIMIZERS[optimizer], lr=rate))
            run.settings, run.rate = "alike", rate
            every.append(run)
        return every

    together = runs()
    found = take(together, divergence_threshold=20.0)
    for index, run in enumerate(runs()):
        single_run, expected = alone(tmp_path / str(index), run, divergence_threshold=20.0)
        assert found[index] == [pytest.approx(row, rel=1e-9) for row in expected]
        assert together[index].state.diverged == single_run.state.diverged


def test_the_state_of_a_shared_optimizer_is_to_each_what_its_own_would_be(tmp_path: Path) -> None:
    def runs() -> list[TrainingRun]:
        every = []
        for rate in (0.1, 0.01):
            run = on_surface(surfaces.bowl, (1.0, 2.0), partial(torch.optim.Adam, lr=rate))
            run.settings, run.rate = "alike", rate
            every.append(run)
        return every

    batch = runs()
    fit_into({run: record_in(tmp_path / f"batch{index}", whole(STEPS)) for index, run in enumerate(batch)})
    for index, run in enumerate(runs()):
        alone(tmp_path / f"alone{index}", run)
        records = (RunRecord(tmp_path / f"{where}{index}") for where in ("batch", "alone"))
        ours, its = (Checkpoint.from_bytes(record.content(CHECKPOINT)) for record in records)
        assert ours.optimizer["param_groups"] == its.optimizer["param_groups"]
        for name, value in its.optimizer["state"][0].items():
            torch.testing.assert_close(ours.optimizer["state"][0][name], value)


def test_runs_with_optimizers_of_all_kinds_are_to_the_last_bit_what_each_is_alone(tmp_path: Path) -> None:
    def runs() -> list[TrainingRun]:
        return [
            on_surface(surfaces.himmelblau, start, partial(optimizer, lr=0.002 * place), schedule)
            for place, (start, optimizer) in enumerate(
                zip(starts(len(OPTIMIZERS), 2), OPTIMIZERS.values(), strict=True), start=1
            )
            for schedule in (CONSTANT, partial(cosine, steps=STEPS))
        ]

    found = take(runs())
    for index, run in enumerate(runs()):
        _, expected = alone(tmp_path / str(index), run)
        assert found[index] == expected


def images(seed: int) -> Examples:
    pixels = torch.randint(256, (50, 30), dtype=torch.uint8, generator=generator(seed, "images"))
    labels = torch.randint(4, (50,), dtype=torch.uint8, generator=generator(seed, "labels"))
    return Examples((pixels, labels), (lambda stored: stored / 255, torch.Tensor.long))


SHARED = images(0)
ADAM = partial(torch.optim.Adam, lr=0.01, fused=True)
LONG = partial(one_cycle, steps=200, rise=0.3)


def network(seed: int, layers: Callable[[], nn.Module]) -> Problem:
    torch.manual_seed(seed)
    return Classification(layers())


def fully_connected() -> nn.Module:
    return perceptron([30, 8, 4], nn.Sigmoid, partial(nn.init.normal_, std=0.1))


def convolutional() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (1, 5, 6)), nn.Conv2d(1, 4, (5, 6)), nn.Flatten())


def in_one_order(seed: int) -> TrainingRun:
    """The same minibatches for all, the last of an epoch smaller."""
    return run_of(network(seed, fully_connected), SHARED, BatchSampler(50, 7, in_order, seed=0), ADAM, LONG)


def in_own_orders(seed: int) -> TrainingRun:
    return run_of(network(seed, fully_connected), SHARED, BatchSampler(50, 7, shuffled, seed=seed), ADAM, LONG)


def on_own_examples(seed: int) -> TrainingRun:
    examples = images(seed)
    return run_of(network(seed, fully_connected), examples, BatchSampler(50, 7, shuffled, seed=seed), ADAM, CONSTANT)


def convolved(seed: int) -> TrainingRun:
    return run_of(network(seed, convolutional), SHARED, BatchSampler(50, 7, in_order, seed=0), ADAM, CONSTANT)


def convolved_in_own_orders(seed: int) -> TrainingRun:
    return run_of(network(seed, convolutional), SHARED, BatchSampler(50, 7, shuffled, seed=seed), ADAM, CONSTANT)


def polynomial(seed: int) -> TrainingRun:
    x = torch.linspace(-5, 5, 50, dtype=torch.float64)
    y = x**2 + torch.randn(50, generator=generator(seed, "noise"), dtype=torch.float64)
    unchanged = (torch.Tensor.clone, torch.Tensor.clone)
    minibatches = BatchSampler(50, 10, shuffled, seed=seed)
    return run_of(NoisyPolynomial(3.0, 3), Examples((x, y), unchanged), minibatches, ADAM, CONSTANT)


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        (in_one_order, 3),
        (in_own_orders, 3),
        (on_own_examples, 2),
        (on_own_examples, 3),
        (convolved, 3),
        (polynomial, 3),
    ],
)
@pytest.mark.parametrize("settings", [None, "alike"])
def test_runs_on_data_are_what_each_is_alone(
    tmp_path: Path, kind: Callable[[int], TrainingRun], count: int, settings: str | None
) -> None:
    steps = 200
    runs = [kind(seed) for seed in range(count)]
    for run in runs:
        run.settings = settings
    found = take(runs, steps=steps)
    for seed in range(count):
        single = kind(seed)
        _, expected = alone(tmp_path / str(seed), single, steps=steps)
        assert [row[0] for row in found[seed]] == pytest.approx([row[0] for row in expected], rel=1e-5)
        for ours, its in zip(runs[seed].problem.parameters(), single.problem.parameters(), strict=True):
            torch.testing.assert_close(ours, its, rtol=1e-4, atol=1e-6)  # sums in another order, in float32


def rectified() -> nn.Module:
    return perceptron([30, 10, 10, 4], nn.ReLU, nn.init.kaiming_normal_)


@pytest.mark.parametrize("layers", [fully_connected, rectified])
def test_in_float64_networks_are_what_each_is_alone_whatever_the_optimizer_makes_of_last_bits(
    tmp_path: Path, layers: Callable[[], nn.Module]
) -> None:
    """In float32 Adam amplifies them, since it divides gradients that are next to nothing by their like."""
    steps, rates = 1000, (1e-2, 1e-3)
    examples = Examples(SHARED.columns, (lambda stored: stored.double() / 255, torch.Tensor.long))
    order = BatchSampler(50, 10, shuffled, seed=0)

    def runs() -> list[TrainingRun]:
        return [
            run_of(
                network(0, layers).double(),
                examples,
                order,
                partial(torch.optim.Adam, lr=rate),
                CONSTANT,
                "alike",
                rate,
            )
            for rate in rates
        ]

    found = take(runs(), steps=steps)
    for index, run in enumerate(runs()):
        _, expected = alone(tmp_path / str(index), run, steps=steps)
        assert [row[0] for row in found[index]] == pytest.approx([row[0] for row in expected], rel=1e-7)


@pytest.mark.parametrize("settings", [None, "alike"])
def test_a_run_that_diverges_leaves_at_the_step_at_which_it_does_alone_and_harms_no_other(
    tmp_path: Path, settings: str | None
) -> None:
    optimizer = partial(torch.optim.SGD, lr=1.11, momentum=0.1)

    def runs() -> list[TrainingRun]:
        every = [on_surface(surfaces.bowl, start, optimizer) for start in [(1.0, 1.0), (90.0, 0.0), (0.5, -2.0)]]
        for run in every:
            run.settings = settings
        return every

    together = runs()
    found = take(together, divergence_threshold=100.0)
    for index, single in enumerate(runs()):
        single_run, expected = alone(tmp_path / str(index), single, 100.0)
        assert found[index] == expected
        ours, its = together[index].state, single_run.state
        assert (ours.diverged, ours.steps_taken) == (its.diverged, its.steps_taken)
        assert together[index].problem.position() == single.problem.position()
    assert [run.state.diverged for run in together] == [False, True, False]


class Spoiling(torch.optim.SGD):
    """Its third step leads to where nothing is a number."""

    def step(self, closure: Any = None) -> Any:
        super().step(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                state["step"] = state.get("step", 0) + 1
                if state["step"] == 3:
                    parameter.data.fill_(math.nan)


def test_a_network_diverges_at_the_loss_that_is_not_finite_and_not_at_weights_that_lead_to_it(tmp_path: Path) -> None:
    def runs() -> list[TrainingRun]:
        order = BatchSampler(50, 7, in_order, seed=0)
        return [
            run_of(network(seed, fully_connected), SHARED, order, partial(Spoiling, lr=0.1), CONSTANT)
            for seed in (0, 1)
        ]

    together = runs()
    take(together)
    for index, single in enumerate(runs()):
        run, _ = alone(tmp_path / str(index), single)
        assert (run.state.diverged, run.state.steps_taken) == (True, 4)
        assert (together[index].state.diverged, together[index].state.steps_taken) == (True, 4)


def test_a_loss_that_is_not_finite_leaves_the_position_where_it_was(tmp_path: Path) -> None:
    def runs() -> list[TrainingRun]:
        return [
            on_surface(surfaces.bowl, (1.0, 1.0), partial(SteepestDescent, lr=rate)) for rate in (0.1, 1e120, 1e100)
        ]

    together = runs()
    found = take(together)
    for index, single in enumerate(runs()):
        _, expected = alone(tmp_path / str(index), single)
        assert found[index] == expected
        assert together[index].problem.position() == single.problem.position()
    assert [run.state.diverged for run in together] == [False, True, True]


def test_runs_of_equal_settings_share_an_optimizer_in_whichever_order_they_come() -> None:
    made = 0

    def optimizer(parameters: Any) -> torch.optim.Optimizer:
        nonlocal made
        made += 1
        return torch.optim.SGD(parameters, lr=0.1)

    runs = [on_surface(surfaces.bowl, start, optimizer) for start in starts(5, 2)]
    for run, settings in zip(runs, ("one", "other", "one", None, "other"), strict=True):
        run.settings = settings
    BatchedStepper(runs)
    assert made == 3


@pytest.mark.parametrize("settings", [None, "alike"])
def test_a_checkpoint_holds_the_state_of_its_run_and_nothing_of_others(tmp_path: Path, settings: str | None) -> None:
    runs = [in_one_order(seed) for seed in range(8)]
    for run in runs:
        run.settings = settings
    stepper = BatchedStepper(runs)
    sampler = runs[3].components.sampler
    stepper.advance(sampler.chunk(0, 5))
    checkpoint = stepper.checkpoint(runs[3], {})
    assert checkpoint.place is not None
    assert (checkpoint.place.steps_taken, checkpoint.state.steps_taken, checkpoint.state.runs_in_batch) == (5, 5, 8)
    before = {name: weights.clone() for name, weights in checkpoint.state_dict.items()}
    stepper.advance(sampler.chunk(5, 7))
    torch.testing.assert_close(checkpoint.state_dict, before, rtol=0, atol=0)
    stepper.checkpoint(runs[3], {}).save(tmp_path)
    alone(tmp_path / "alone", in_one_order(3), steps=200)
    sizes = [(folder / CHECKPOINT).stat().st_size for folder in (tmp_path, tmp_path / "alone" / "record")]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)
