"""Seed article 004: a notebook on the gradient."""

from ast import literal_eval
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir

from descent.assembly import assemble
from descent.data.one_example import one_example
from descent.figures.article_001 import bowl
from descent.figures.faults import cross_entropy_with_shifted_log, descend_in_place, gradient_in_the_type_of
from descent.figures.figure import Figure, claim, drawn, numbers
from descent.figures.results import Array, Results
from descent.optim.gradients import CentralDifference
from descent.problems import surfaces
from descent.problems.classification import Classification
from descent.problems.networks import given_linear
from descent.problems.problem import Problem
from descent.problems.surface import Surface
from descent.training.evaluation import evaluate

ARTICLE = "004"
START, STEPS = (-3.0, 4.0), 100
RATES = {"bowl_004": 0.1, "bowl_004_too_large": 10.0, "bowl_004_too_small": 1e-10}
"""The learning rate of each experiment, in the article's order."""
GRID = np.arange(-2, 2.5, 0.25)
W = ((0.24055208, -0.08417877, 0.10270625), (0.57949381, 0.17237454, 0.73158598))
INPUT, LABEL = (0.6, 0.9), 2
OPEN = 5e-9
"""How far the digits of W leave each of its weights open."""
SHAPES = [(784, 100), (100,), (100, 10), (10,)]
SHIFTED = (
    "The book that the article follows takes the logarithm of p + 0.0000001, so that 0 does no harm; that makes the "
    "loss and its gradient a little smaller than they are."
)
ACCURACIES = {
    1: ("0.1835", "0.1865"),
    601: ("0.7885", "0.7935"),
    1201: ("0.8773", "0.8810"),
    1801: ("0.8993", "0.9007"),
    2401: ("0.9089", "0.9115"),
    3001: ("0.9154", "0.9174"),
    3601: ("0.9207", "0.9226"),
    4201: ("0.9244", "0.9265"),
    4801: ("0.9281", "0.9301"),
    5401: ("0.9309", "0.9333"),
    6001: ("0.9343", "0.9352"),
    6601: ("0.9372", "0.9355"),
    7201: ("0.9398", "0.9385"),
    7801: ("0.9420", "0.9407"),
    8401: ("0.9438", "0.9413"),
    9001: ("0.9455", "0.9445"),
    9601: ("0.9468", "0.9455"),
}
"""By the number of steps taken: accuracy on the training and on the test images."""
RARE_SEED = 9057
"""From which the first step leads as far as the article's."""


def central_difference(problem: Problem, minibatch: tuple[torch.Tensor, ...] = ()) -> Array:
    """The numerical gradient of a problem, as our estimator gives it."""
    CentralDifference(h=1e-4, max_parameters=problem.size())(problem, minibatch)
    gradients = [parameter.grad for parameter in problem.parameters() if parameter.grad is not None]
    return torch.cat([gradient.flatten() for gradient in gradients]).numpy()


def in_place() -> list[Array]:
    """Where the article's three descents end: each begins where the one before it ended."""
    position = np.array(START)
    return [descend_in_place(bowl, position, lr, STEPS).copy() for lr in RATES.values()]


def shifted_loss(weights: Array) -> float:
    """The article's loss of its layer; weights (6,)."""
    return cross_entropy_with_shifted_log(np.array(INPUT) @ weights.reshape(2, 3), LABEL)


def figures(results: Results) -> list[Figure]:
    """Its figures."""
    return [*_gradients(), *_descents(results), *_layer(), *_check(results), *_training(results)]


def _gradients() -> list[Figure]:
    points = {(3.0, 4.0): ("6", "8"), (0.0, 2.0): ("0", "4"), (3.0, 0.0): ("6", "0")}
    # NumPy prints eight digits after the point, less the noughts at the end.
    found = [
        numbers(
            ARTICLE,
            f"the numerical gradient of x² + y² at ({x:g}, {y:g})",
            [f"{value}.00000000" for value in gradient],
            central_difference(Surface(surfaces.bowl, (x, y))),
        )
        for (x, y), gradient in points.items()
    ]
    grid = np.stack(np.meshgrid(GRID, GRID), axis=-1).reshape(-1, 2)
    off = max(np.abs(central_difference(Surface(surfaces.bowl, point.tolist())) - 2 * point).max() for point in grid)
    field = claim(
        ARTICLE,
        "the field of negative gradients",
        "arrows on the grid -2 ... 2.25 by 0.25",
        f"{len(grid)} arrows, each -2 (x, y) to within {off:.1g}",
        holds=bool(off < 1e-8) and len(grid) == 18 * 18,
    )
    return [*found, field]


def _descents(results: Results) -> list[Figure]:
    ends = dict(zip(RATES, in_place(), strict=True))
    away = len(results.path("bowl_004_too_large")) - 1
    alone = descend_in_place(bowl, np.array(START), RATES["bowl_004_too_large"], STEPS)
    moved = (
        "The article's function moves the start it is given, so that this descent begins where the one before it ended"
    )
    return [
        numbers(
            ARTICLE,
            "from (-3, 4) at rate 0.1",
            ["-6.11110793e-10", "8.14814391e-10"],
            results.path("bowl_004")[-1],
            ends["bowl_004"],
        ),
        numbers(
            ARTICLE,
            "from (-3, 4) at rate 10",
            ["2.34235971e+12", "-3.96091057e+12"],
            results.path("bowl_004_too_large")[-1],
            ends["bowl_004_too_large"],
            f"{moved}: at the bottom. It runs away 19-fold a step all the same, and stands still near 1e12, where x "
            f"+ h and x - h square to the same float and the numerical gradient is 0. Ours starts at (-3, 4) and is "
            f"ended as diverged after {away} steps; let run, it would stand still at ({alone[0]:.3g}, {alone[1]:.3g}).",
        ),
        numbers(
            ARTICLE,
            "from (-3, 4) at rate 1e-10",
            ["2.34235971e+12", "-3.96091057e+12"],
            results.path("bowl_004_too_small")[-1],
            ends["bowl_004_too_small"],
            f"{moved}: far out, where the numerical gradient is 0 at any rate.",
        ),
    ]


def _layer() -> list[Figure]:
    network = given_linear(W)
    problem = Classification(network)
    (minibatch,) = one_example(INPUT, LABEL).train.slices(1)
    weights = np.array(W).flatten()
    # Ours has a row for each output, the article's a column.
    gradient = central_difference(problem, minibatch).reshape(3, 2).T.flatten()
    shifted = gradient_in_the_type_of(weights.copy(), shifted_loss)
    with torch.no_grad():
        output, loss = network(minibatch[0])[0].tolist(), problem(*minibatch).item()
    reach = OPEN * sum(INPUT)
    return [
        numbers(
            ARTICLE,
            "the 2x3 layer: its output",
            ["0.66587567", "0.10462982", "0.72005113"],
            output,
            cause="W is published to eight digits, which leaves the last one open.",
            open_by=reach,
        ),
        numbers(
            ARTICLE,
            "the 2x3 layer: its loss",
            ["0.9113499186284006"],
            [loss],
            [shifted_loss(weights)],
            f"{SHIFTED} W is published to eight digits, which leaves the loss open by {OPEN * abs(shifted).sum():.1g}.",
            open_by=OPEN * float(abs(shifted).sum()),
        ),
        numbers(
            ARTICLE,
            "the 2x3 layer: its numerical gradient",
            ["0.22846974", "0.1303415", "-0.35881124", "0.34270461", "0.19551225", "-0.53821686"],
            gradient,
            shifted,
            SHIFTED,
        ),
    ]


def _check(results: Results) -> list[Figure]:
    rows = results.gradients("two_layer_gradient")
    # PyTorch's linear layers hold (outputs, inputs), the article's (inputs, outputs).
    shapes = [literal_eval(row["shape"])[::-1] for row in rows]
    largest = max(float(row["largest_absolute"]) for row in rows)
    return [
        claim(
            ARTICLE,
            "two layers: the shapes of the gradients",
            " ".join(map(str, SHAPES)),
            " ".join(map(str, shapes)),
            holds=shapes == SHAPES,
        ),
        claim(
            ARTICLE,
            "two layers: numerical gradient and backpropagation",
            "both are there, of all four parameters",
            f"they are there and differ by {largest:.1g} at most",
            holds=shapes == SHAPES and all(row["agrees"] == "True" for row in rows),
            note="The article's own two could not agree: its 100 labels are random reals, of which its loss takes the "
            "largest and its backpropagation all.",
        ),
    ]


def after_one_step(root: Path, seed: int) -> dict[str, float]:
    """The accuracies of the two layers on MNIST after their first step from a seed."""
    with initialize_config_dir(str(root / "conf"), version_base="1.3"):
        parts = assemble(compose("train", ["experiment=mnist_two_layer", f"seed={seed}"]))
    (minibatch,) = parts.data.train.minibatches(parts.minibatches.chunk(0, 1))
    parts.gradient(parts.problem, minibatch)
    parts.optimizer(parts.problem.parameters()).step()
    (metrics,) = evaluate([parts.problem], parts.data)
    return metrics


def _or_a_rare_draw(figure: Figure, rare: float) -> Figure:
    """A figure that our runs do not scatter as far as, explained by a seed that gets there."""
    if figure.verdict != "differs" or rare < float(figure.published):
        return figure
    cause = (
        "It is a rare draw. After one step nearly every network still takes all images for the same digit and is "
        f"right on a tenth of them; but some are on the verge between several, and from seed {RARE_SEED} ours gets "
        f"to {rare:.4f} (it was looked for among ten thousand). From its next evaluation on, the article's run is "
        "one like all others."
    )
    return replace(figure, verdict="explained", cause=cause)


def _training(results: Results) -> list[Figure]:
    rows = [
        drawn(
            ARTICLE,
            f"MNIST, two layers: {part} accuracy after step {step:,}",
            published,
            results.over_seeds("mnist_two_layer", step, f"accuracy/{part}"),
            of=2 * len(ACCURACIES),
        )
        for step, both in ACCURACIES.items()
        for part, published in zip(("train", "test"), both, strict=True)
    ]
    rare = after_one_step(results.root, RARE_SEED)
    rows[:2] = [
        _or_a_rare_draw(row, rare[f"accuracy/{part}"]) for row, part in zip(rows, ("train", "test"), strict=False)
    ]
    last = max(ACCURACIES)
    train, test = (results.over_seeds("mnist_two_layer", last, f"accuracy/{part}") for part in ("train", "test"))
    gaps = [one - other for one, other in zip(train, test, strict=True)]
    three = (
        results.evaluations("mnist_three_layer", "accuracy/train"),
        results.evaluations("mnist_three_layer", "accuracy/test"),
    )
    end = max(three[0])
    together = claim(
        ARTICLE,
        "MNIST, two layers: training and test accuracy",
        "the two stay together, so it does not overfit",
        f"{min(gaps):.4f} to {max(gaps):.4f} apart after step {last:,}, over {len(gaps)} seeds",
        holds=max(map(abs, gaps)) < 0.01,
        note="So far: a gap can still open. That of article 003's three layers, trained six times as long by Adam, is "
        f"{three[0][end] - three[1][end]:.4f}.",
    )
    return [*rows, together]
