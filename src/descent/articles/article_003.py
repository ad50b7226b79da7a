"""Source article 003: descent on x² and x³ - 0.75x + 1, and MNIST with three layers."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.optim import Optimizer

from descent.articles.configs import other_images, run_config
from descent.articles.numpy_reference import (
    FLOAT64_EPSILON,
    AdaGrad,
    Adam,
    Momentum,
    Update,
    descend_with,
    first_losses,
    parabola_path,
)
from descent.articles.published_value import Cause, Check, PublishedValue, animation_claim, claim, not_compared
from descent.articles.results import Array, Results
from descent.core.build import assemble
from descent.core.problems.surface import Surface
from descent.core.problems.surfaces import cubic

ARTICLE = "003"
DIP, CREST = 0.5, -0.5
LR, STEPS = 2e-4, 25_000
"""Those of the descents on x² and on the cubic; the rate is our choice, the article names none."""
SHAPES, BATCH = [(100, 784), (100,), (100, 100), (100,), (10, 100), (10,)], 100
THREE_LAYERS, THREE_LAYERS_STEPS = "mnist_three_layer", 60_000
"""The experiment, and its 100 epochs."""
PROGRAM = "MNIST, three layers: the program"
ACCURACY = "MNIST, three layers, training accuracy after 100 epochs"
PUBLISHED = {
    PROGRAM: "784-100-100-10, relu, relu, sigmoid on the output; Adam with its defaults; 100 epochs in order, in "
    "batches of 100",
    ACCURACY: "near 100 %",
}
"""What the article says of the experiment, by the names of the figures."""
CHECKED_STEPS = 100
"""The number of first steps that are compared with plain NumPy."""
WAYS_OUT = ("momentum", "Adam", "AdaGrad")
"""The optimizers that the article names as ways out of the dip."""
RATES = tuple(round(0.05 * count, 2) for count in range(1, 41))
"""The learning rates to try on the cubic."""
OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "gradient descent": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "Adam": torch.optim.Adam,
    "AdaGrad": torch.optim.Adagrad,
}
NUMPY_OPTIMIZERS: dict[str, Callable[[float], Update]] = {
    "gradient descent": Momentum,
    "momentum": partial(Momentum, momentum=0.9),
    "Adam": Adam,
    "AdaGrad": AdaGrad,
}


def leaves_the_dip(optimizer: Callable[..., Optimizer], lr: float, steps: int = 100) -> bool:
    """Whether a descent from 1 crosses the crest beside the cubic's dip."""
    problem = Surface(cubic, 1.0)
    descent = optimizer(problem.parameters(), lr=lr)
    for _ in range(steps):
        descent.zero_grad()
        loss: Any = problem()
        loss.backward()
        descent.step()
        if problem.position()[0] < CREST:
            return True
    return False


def least_rates() -> dict[str, float | None]:
    """The smallest of the rates at which each optimizer leaves the dip; None if it never does."""
    return {
        name: next((rate for rate in RATES if leaves_the_dip(optimizer, rate)), None)
        for name, optimizer in OPTIMIZERS.items()
    }


def least_rates_in_numpy() -> dict[str, float | None]:
    """The same in plain NumPy."""

    def leaves(make: Callable[[float], Update], lr: float) -> bool:
        with np.errstate(over="ignore", invalid="ignore"):  # beyond the crest it diverges
            return bool((descend_with(make(lr), cubic_slope, 1.0, 100) < CREST).any())

    return {name: next((rate for rate in RATES if leaves(make, rate)), None) for name, make in NUMPY_OPTIMIZERS.items()}


def cubic_slope(x: Array) -> Array:
    """The slope of x³ - 0.75x + 1."""
    return 3 * x**2 - 0.75


def published_values(results: Results) -> list[PublishedValue]:
    """The article's published values."""
    return [*descent_values(results), *ways_out_values(), *three_layer_values(results)]


def descent_values(results: Results) -> list[PublishedValue]:
    """The values of the descents on x² and the cubic."""
    parabola = Check(results.path("parabola_003", ["x"])[:, 0], *parabola_path(1.0, LR, STEPS))
    expected = descend_with(Momentum(LR), cubic_slope, 1.0, STEPS)
    # A descent into a dip contracts rounding errors, so that one rounding a step is an upper bound.
    dip = Check(results.path("cubic_003", ["x"])[:, 0], expected, STEPS * FLOAT64_EPSILON)
    no_rate = (
        f"The article gives no learning rate; {LR:g} is our choice, at which all {STEPS:,} steps are needed. What is "
        "held is that ours is steepest descent at this rate"
    )
    return [
        claim(
            ARTICLE,
            "x² from 1, 25,000 steps",
            "ends near 0",
            f"ends at {parabola.computed[-1]:.2g}, everywhere within {parabola.largest_error:.0g} of 0.9996^step",
            holds=parabola.holds and abs(parabola.computed[-1]) < 0.001,
            note=f"{no_rate}. It ends near 0 for any rate between that and 1.",
        ),
        claim(
            ARTICLE,
            "x³ - 0.75x + 1 from 1, 25,000 steps",
            "ends in the dip, not at the minimum to the left of it",
            f"ends at {dip.computed[-1]:.6f}; the dip is at 0.5. Everywhere within {dip.largest_error:.0g} of where "
            f"steps to x - {LR:g} (3x² - 0.75) lead",
            holds=dip.holds and abs(dip.computed[-1] - DIP) < 0.001,
            note=f"{no_rate}. Up to a rate of 2/3 it ends in the dip, and above that the first step leads over the "
            "crest at -0.5. There is no minimum to the left: the curve falls for ever.",
        ),
        *(
            animation_claim(ARTICLE, f"the descent on {curve} as a GIF", name, results.steps_taken(name))
            for curve, name in (("x²", "parabola_003"), ("x³ - 0.75x + 1", "cubic_003"))
        ),
    ]


def ways_out_values() -> list[PublishedValue]:
    """The value of the optimizers that the article names as ways out of the dip."""
    least = {name: rate or np.inf for name, rate in least_rates().items()}
    expected = [rate or np.inf for rate in least_rates_in_numpy().values()]
    rates = ", ".join(
        f"{name} from rate {'none tried' if rate == np.inf else f'{rate:g}'}" for name, rate in least.items()
    )
    check = Check(list(least.values()), expected, 0)
    return [
        claim(
            ARTICLE,
            "ways out of the dip",
            "momentum, and Adam and AdaGrad",
            f"over the crest get: {rates}",
            holds=check.holds and all(least[name] < least["gradient descent"] for name in WAYS_OUT),
            cause=Cause(
                "Momentum gets out at lower rates than gradient descent does. Adam and AdaGrad divide each step by "
                "the size of past gradients, which makes them quick where it is flat, not able to climb: they stay in "
                "the dip at rates at which gradient descent has long left it. And the start is a hard one, exactly as "
                "high as the crest (1.25), so that without new momentum from large steps nothing could roll over it. "
                "The rates are those of plain arithmetic as well.",
                check,
            ),
        ),
    ]


def three_layer_values(results: Results) -> list[PublishedValue]:
    """The values of the network on MNIST."""
    images = other_images(results, THREE_LAYERS)
    if images is not None:
        return [not_compared(ARTICLE, name, published, images) for name, published in PUBLISHED.items()]
    return [three_layer_program(results), three_layer_accuracy(results)]


def three_layer_accuracy(results: Results) -> PublishedValue:
    """The final accuracy of the network."""
    accuracy = results.evaluation(THREE_LAYERS, "accuracy/train", THREE_LAYERS_STEPS)
    return claim(
        ARTICLE,
        ACCURACY,
        PUBLISHED[ACCURACY],
        f"{accuracy:.2%}",
        holds=accuracy > 0.99,
        note="Its loss stays above 1.4612: scores from a sigmoid lie between 0 and 1, and softmax gives the right "
        "class at most e / (e + 9) of them.",
    )


def three_layer_program(results: Results, steps: int = THREE_LAYERS_STEPS) -> PublishedValue:
    """The article's program on MNIST, compared with the run's record."""
    components = assemble(run_config(results, THREE_LAYERS))
    checked_steps = min(CHECKED_STEPS, steps)
    recorded, steps_taken = results.losses(THREE_LAYERS), results.steps_taken(THREE_LAYERS)
    losses = first_losses(components, recorded, checked_steps, ("relu", "relu", "sigmoid"), Adam(0.001))
    indices = components.sampler.chunk(0, steps).numpy()
    is_in_order = np.array_equal(indices.ravel(), np.arange(indices.size) % len(components.data.train))
    return claim(
        ARTICLE,
        PROGRAM,
        PUBLISHED[PROGRAM],
        f"{steps_taken:,} steps, batches of {indices.shape[1]} {'' if is_in_order else 'not '}in order; the losses of "
        f"the first {checked_steps} are those of plain NumPy to within {losses.largest_error:.1g}",
        holds=losses.holds
        and is_in_order
        and indices.shape == (steps, BATCH)
        and steps_taken == steps
        and [tuple(parameter.shape) for parameter in components.problem.parameters()] == SHAPES,
        note=f"Float32 may put a loss up to {np.max(losses.tolerance):.1g} off.",
    )
