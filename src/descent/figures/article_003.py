"""Seed article 003: descent on x² and x³ - 0.75x + 1, and MNIST with three layers."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.optim import Optimizer

from descent.figures.figure import Figure, animation, claim
from descent.figures.results import Results
from descent.problems.surface import Surface
from descent.problems.surfaces import cubic

ARTICLE = "003"
DIP, CREST = 0.5, -0.5
STEPS = 60_000
"""Of the three layers: 100 epochs."""
RATES = tuple(round(0.05 * count, 2) for count in range(1, 41))
"""Learning rates that are tried on the cubic."""
OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "gradient descent": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "Adam": torch.optim.Adam,
    "AdaGrad": torch.optim.Adagrad,
}


def leaves_the_dip(optimizer: Callable[..., Optimizer], lr: float, steps: int = 100) -> bool:
    """Whether a descent from 1 gets beyond the crest that closes the cubic's dip."""
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
    """The least of the rates tried at which each optimizer leaves the dip."""
    return {
        name: next((rate for rate in RATES if leaves_the_dip(optimizer, rate)), None)
        for name, optimizer in OPTIMIZERS.items()
    }


def figures(results: Results) -> list[Figure]:
    """Its figures."""
    parabola = results.path("parabola_003", ["x"])[:, 0]
    dip = results.path("cubic_003", ["x"])[:, 0]
    least = least_rates()
    rates = ", ".join(
        f"{name} from rate {'none tried' if rate is None else f'{rate:g}'}" for name, rate in least.items()
    )
    accuracy = results.evaluations("mnist_three_layer", "accuracy/train")[STEPS]
    no_rate = "The article gives no learning rate. At 0.0002 all 25,000 steps are needed; "
    return [
        claim(
            ARTICLE,
            "x² from 1, 25,000 steps",
            "ends near 0",
            f"ends at {parabola[-1]:.2g}",
            holds=len(parabola) == 25_001 and abs(parabola[-1]) < 0.001,
            note=f"{no_rate}it ends near 0 for any rate between that and 1.",
        ),
        claim(
            ARTICLE,
            "x³ - 0.75x + 1 from 1, 25,000 steps",
            "ends in the dip, not at the minimum to the left of it",
            f"ends at {dip[-1]:.6f}, in the dip at 0.5",
            holds=len(dip) == 25_001 and abs(dip[-1] - DIP) < 0.001,
            note=f"{no_rate}up to a rate of 2/3 it ends in the dip, and above that the first step leads over the "
            "crest at -0.5. There is no minimum to the left: the curve falls for ever.",
        ),
        *(
            animation(ARTICLE, f"the descent on {curve} as a GIF", name, results.frames(name))
            for curve, name in (("x²", "parabola_003"), ("x³ - 0.75x + 1", "cubic_003"))
        ),
        claim(
            ARTICLE,
            "ways out of the dip",
            "momentum, and Adam and AdaGrad",
            f"over the crest get: {rates}",
            holds=all(
                rate is not None and rate < (least["gradient descent"] or np.inf)
                for name, rate in least.items()
                if name != "gradient descent"
            ),
            cause="Momentum gets out at lower rates than gradient descent does. Adam and AdaGrad divide each step by "
            "the size of past gradients, which makes them quick where it is flat, not able to climb: they stay in "
            "the dip at rates at which gradient descent has long left it. And the start is a hard one, exactly as "
            "high as the crest (1.25), so that without new momentum from large steps nothing could roll over it.",
        ),
        claim(
            ARTICLE,
            "MNIST, three layers, training accuracy after 100 epochs",
            "near 100 %",
            f"{accuracy:.2%}",
            holds=accuracy > 0.99,
            note="Its loss stays above 1.4612: scores from a sigmoid lie between 0 and 1, and softmax gives the right "
            "class at most e / (e + 9) of them.",
        ),
    ]
