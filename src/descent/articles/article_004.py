"""Source article 004: a notebook on the gradient."""

from ast import literal_eval
from collections.abc import Sequence

import numpy as np
import torch

from descent.articles import article_004_mnist
from descent.articles.article_001 import bowl
from descent.articles.configs import run_config
from descent.articles.faults import STEP, cross_entropy_with_shifted_log, descend_in_place, gradient_in_dtype_of
from descent.articles.numpy_reference import (
    FLOAT32_EPSILON,
    FLOAT64_EPSILON,
    Momentum,
    backpropagate,
    bowl_path,
    train_perceptron,
)
from descent.articles.published_value import Cause, Check, PublishedValue, claim, numbers
from descent.articles.results import Array, Results
from descent.core.build import assemble
from descent.core.optim.gradients import CentralDifference
from descent.core.problems import surfaces
from descent.core.problems.problem import Problem
from descent.core.problems.surface import Surface

ARTICLE = "004"
START, STEPS = (-3.0, 4.0), 100
RATES = {"bowl_004": 0.1, "bowl_004_too_large": 10.0, "bowl_004_too_small": 1e-10}
"""The learning rate of each experiment, in the article's order."""
GRID = np.arange(-2, 2.5, 0.25)
W = ((0.24055208, -0.08417877, 0.10270625), (0.57949381, 0.17237454, 0.73158598))
INPUT, LABEL = (0.6, 0.9), 2
LR = 0.1
"""The learning rate of our run from there; the article takes no steps."""
ROUNDING = 5e-9
"""The error of each weight of W, which is published with eight digits."""
SHAPES = [(784, 100), (100,), (100, 10), (10,)]
SHIFTED_LOG = (
    "The book that the article follows takes the logarithm of p + 0.0000001, so that 0 does no harm; that makes the "
    "loss and its gradient a little smaller than they are."
)


def central_difference(problem: Problem, minibatch: tuple[torch.Tensor, ...] = ()) -> Array:
    """The gradient of a problem by our central differences."""
    CentralDifference(h=1e-4, max_parameters=problem.size())(problem, minibatch)
    gradients = [parameter.grad for parameter in problem.parameters() if parameter.grad is not None]
    return torch.cat([gradient.flatten() for gradient in gradients]).numpy()


def in_place_descents() -> list[Array]:
    """The ends of the article's three descents, each of which starts at the end of the one before it."""
    position = np.array(START)
    return [descend_in_place(bowl, position, lr, STEPS).copy() for lr in RATES.values()]


def shifted_loss(weights: Array) -> float:
    """The article's loss of its layer; weights (6,)."""
    return cross_entropy_with_shifted_log(np.array(INPUT) @ weights.reshape(2, 3), LABEL)


def published_values(results: Results) -> list[PublishedValue]:
    """The article's published values."""
    return [
        *gradient_values(),
        *descent_values(results),
        *layer_values(results),
        *gradient_check_values(results),
        *article_004_mnist.published_values(results),
    ]


def gradient_values() -> list[PublishedValue]:
    """The values of numerical gradients on a bowl."""
    points = {(3.0, 4.0): ("6", "8"), (0.0, 2.0): ("0", "4"), (3.0, 0.0): ("6", "0")}
    # NumPy prints eight digits after the point, without trailing zeros.
    at_points = [
        numbers(
            ARTICLE,
            f"the numerical gradient of x² + y² at ({x:g}, {y:g})",
            [f"{value}.00000000" for value in gradient],
            central_difference(Surface(surfaces.bowl, (x, y))),
        )
        for (x, y), gradient in points.items()
    ]
    grid = np.stack(np.meshgrid(GRID, GRID), axis=-1).reshape(-1, 2)
    arrows = np.array([central_difference(Surface(surfaces.bowl, point.tolist())) for point in grid])
    error = np.abs(arrows - 2 * grid).max()
    field = claim(
        ARTICLE,
        "the field of negative gradients",
        "arrows on the grid -2 ... 2.25 by 0.25",
        f"{len(grid)} arrows, each -2 (x, y) to within {error:.1g}",
        holds=bool(error < 1e-8) and len(grid) == 18 * 18,
    )
    return [*at_points, field]


def descent_values(results: Results) -> list[PublishedValue]:
    """The values of the descents on a bowl."""
    with_fault = dict(zip(RATES, in_place_descents(), strict=True))
    alone = descend_in_place(bowl, np.array(START), RATES["bowl_004_too_large"], STEPS)
    moved = (
        "The article's function moves the start it is given, so that this descent begins where the one before it ended"
    )

    def end(name: str, published: Sequence[str], cause: str) -> PublishedValue:
        path = results.path(name)
        check = Check(path, *bowl_path(START, RATES[name], STEPS, run_config(results, name).divergence_threshold))
        return numbers(
            ARTICLE,
            f"from (-3, 4) at rate {RATES[name]:g}",
            published,
            path[-1],
            with_fault=with_fault[name],
            cause=Cause(f"{cause} Ours is on (-3, 4) (1 - 2 lr)^step for all {len(path) - 1} steps.", check),
        )

    far_out = ["2.34235971e+12", "-3.96091057e+12"]
    return [
        end("bowl_004", ["-6.11110793e-10", "8.14814391e-10"], "It is the first, so that its start is still there."),
        end(
            "bowl_004_too_large",
            far_out,
            f"{moved}: at the bottom. It still grows 19-fold a step, and stops near 1e12, where x + "
            "h and x - h square to the same float and the numerical gradient is 0. Ours starts at (-3, 4) and is ended "
            f"as diverged; without that it would stop at ({alone[0]:.3g}, {alone[1]:.3g}).",
        ),
        end("bowl_004_too_small", far_out, f"{moved}: far out, where the numerical gradient is 0 at any rate."),
    ]


def layer_values(results: Results) -> list[PublishedValue]:
    """The values of the layer with two inputs and three outputs, at the start of the experiment's run."""
    components = assemble(run_config(results, "linear_softmax"))
    (minibatch,) = components.data.train.minibatches(components.sampler.chunk(0, 1))
    weights = np.array(W).flatten()
    # Ours has a row for each output, the article's a column.
    gradient = central_difference(components.problem, minibatch).reshape(3, 2).T.flatten()
    with torch.no_grad():
        (network,) = components.problem.children()
        output = network(minibatch[0])[0].tolist()
    losses = results.losses("linear_softmax")
    example = np.array([INPUT]), np.array([LABEL], dtype=np.int64)
    _, (right_gradient,) = backpropagate([np.array(W).T], ["identity"], example)
    right_losses, _ = train_perceptron([np.array(W).T], ["identity"], [example] * STEPS, Momentum(LR))
    shifted = gradient_in_dtype_of(weights.copy(), shifted_loss)
    return [
        numbers(
            ARTICLE,
            "the 2x3 layer: its output",
            ["0.66587567", "0.10462982", "0.72005113"],
            output,
            note="W is published to eight digits, which leaves the last one open.",
            input_error=ROUNDING * sum(INPUT),
        ),
        numbers(
            ARTICLE,
            "the 2x3 layer: its loss",
            ["0.9113499186284006"],
            losses[:1],
            with_fault=[shifted_loss(weights)],
            cause=Cause(
                f"{SHIFTED_LOG} W is published to eight digits, which leaves the loss open by "
                f"{ROUNDING * abs(shifted).sum():.1g}. Ours, and those of the {STEPS} steps at rate {LR:g} that our "
                "run takes from there, are those of plain NumPy.",
                Check(losses, right_losses, STEPS * FLOAT64_EPSILON),
            ),
            input_error=ROUNDING * float(abs(shifted).sum()),
        ),
        numbers(
            ARTICLE,
            "the 2x3 layer: its numerical gradient",
            ["0.22846974", "0.1303415", "-0.35881124", "0.34270461", "0.19551225", "-0.53821686"],
            gradient,
            with_fault=shifted,
            cause=Cause(
                f"{SHIFTED_LOG} Ours is that of backpropagation in plain NumPy, except for the error of differences, "
                "below h².",
                Check(gradient, right_gradient.T.flatten(), STEP**2),
            ),
        ),
    ]


def gradient_check_values(results: Results) -> list[PublishedValue]:
    """The values of the numerical gradient of two layers on random images."""
    rows = results.gradients("two_layer_gradient")
    # PyTorch's linear layers hold (outputs, inputs), the article's (inputs, outputs).
    shapes = [literal_eval(row["shape"])[::-1] for row in rows]
    largest = np.max([float(row["largest_absolute"]) for row in rows], initial=0)
    components = assemble(run_config(results, "two_layer_gradient"))
    (minibatch,) = components.data.train.minibatches(components.sampler.chunk(0, 1))
    images, labels = (column.double().numpy() for column in minibatch)
    parameters = [parameter.detach().double().numpy() for parameter in components.problem.parameters()]
    loss, gradients = backpropagate(parameters, ["sigmoid", "identity"], (images, labels.astype(int)))
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
    name = "two_layer_gradient"
    first = [*results.losses(name)[:1], *results.gradient_norms(name)[:1]]
    check = Check(first, [loss, norm], [10 * FLOAT32_EPSILON * loss, 10 * FLOAT32_EPSILON * norm])
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
            "both are there, of all four parameters, on 100 random images",
            f"they are there, on {len(images)} random images, and differ by {largest:.1g} at most",
            holds=shapes == SHAPES
            and all(row["agrees"] == "True" for row in rows)
            and images.shape == (100, 784)
            and check.holds,
            note="The article's own two could not agree: its 100 labels are random reals, of which its loss takes the "
            "largest and its backpropagation all.",
        ),
    ]
