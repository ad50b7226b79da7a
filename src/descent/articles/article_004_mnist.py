"""Source article 004: two layers on MNIST."""

from collections.abc import Sequence
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from descent.articles.article_003 import THREE_LAYERS, THREE_LAYERS_STEPS
from descent.articles.configs import other_images, run_config, seeds_config
from descent.articles.curves import distances, is_typical
from descent.articles.numpy_reference import (
    Momentum,
    first_losses,
    initial_parameters,
    layer_outputs,
    mnist_minibatches,
    train_perceptron,
)
from descent.articles.published_value import Cause, Check, PublishedValue, claim, judge, not_compared
from descent.articles.results import Array, Results
from descent.core.build import assemble
from descent.core.config import TrainConfig
from descent.core.data.examples import Examples
from descent.core.training.evaluation import evaluate

ARTICLE, NAME = "004", "mnist_two_layer"
SHAPES, DEVIATION, ACTIVATIONS = [(50, 784), (50,), (10, 50), (10,)], 0.01, ("sigmoid", "identity")
LR, BATCH, STEPS = 0.1, 100, 10_000
SIGNIFICANCE = 1e-4
"""A seed's draws count as drawn in another way if they are less probable than this."""
FIRST_STEP = ("0.1835", "0.1865")
"""The accuracies on the training and on the test images after one step."""
ACCURACIES = {
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
"""The same accuracies by the number of steps."""
PROGRAM = "MNIST, two layers: the program"
AFTER_ONE_STEP = "MNIST, two layers: training and test accuracy after one step"
CURVE = "MNIST, two layers: training/test accuracy by steps"
TOGETHER = "MNIST, two layers: training and test accuracy"
PUBLISHED = {
    PROGRAM: f"784-50-10, sigmoid, weights from normal(0, {DEVIATION}), biases 0; rate {LR}; {STEPS:,} batches of "
    f"{BATCH} drawn with replacement",
    AFTER_ONE_STEP: "/".join(FIRST_STEP),
    CURVE: ", ".join(f"{step:,}:\N{NO-BREAK SPACE}{'/'.join(accuracies)}" for step, accuracies in ACCURACIES.items()),
    TOGETHER: "the two stay together, so it does not overfit",
}
"""What the article says of the experiment, by the names of the figures."""
PARTS = ("train", "test")
RARE_SEED = 9057
"""A seed whose accuracies after one step are at least the article's."""
CHECKED_STEPS = 100
"""The number of first steps that are compared with plain NumPy."""
ACCURACY_ERROR = 0.001
"""The share of images whose class after one step may depend on rounding to float32."""
SHARED_KEYS = ("data", "sampler", "problem", "optimizer", "schedule", "gradient", "trainer.max_steps")
"""The keys of the configuration that must be the same for the run and for its runs from other seeds."""
SEEDS = 20
"""The number of runs that the article's curve is compared with: the experiment's run, and those from other seeds."""
DETECTION_RATES = {
    "optimizer.lr=0.11": "100%",
    "optimizer.lr=0.12": "100%",
    "optimizer.lr=0.105": "77%",
    "sampler=in_order": "58%",
    "sampler=shuffled": "29%",
    "sampler=without_replacement": "15%",
    "data.batch_size=50": "7%",
    "network.weight.std=0.011": "26%",
    "network.activation._target_=torch.nn.Tanh": "100%",
}
"""The share of a hundred runs of the right program that differ from 20 runs of a wrong one (docs/figures.md)."""
FALSE_ALARM_RATE = "14%"
"""The same share for 20 runs of the right program."""


def published_values(results: Results) -> list[PublishedValue]:
    """The article's published values for MNIST."""
    images = other_images(results, NAME)
    if images is not None:
        return [not_compared(ARTICLE, name, published, images) for name, published in PUBLISHED.items()]
    return [program_value(results), first_step_value(results), curve_value(results), overfitting_value(results)]


def program_value(results: Results, steps: int = STEPS) -> PublishedValue:
    """The article's program, compared with the run's record."""
    config, repeated = run_config(results, NAME), seeds_config(results, NAME)
    components = assemble(config)
    parameters, count = initial_parameters(components), len(components.data.train)
    losses = first_losses(components, results.losses(NAME), min(CHECKED_STEPS, steps), ACTIVATIONS, Momentum(LR))
    weights = np.concatenate([parameter.flatten() for parameter in parameters if parameter.ndim == 2])
    biases = np.concatenate([parameter for parameter in parameters if parameter.ndim == 1])
    indices = components.sampler.chunk(0, count // BATCH).numpy()
    draws, is_with_replacement = replacement_check(indices, count)
    steps_taken = results.steps_taken(NAME)
    return claim(
        ARTICLE,
        PROGRAM,
        PUBLISHED[PROGRAM],
        f"{steps_taken:,} steps; the losses of the first {len(losses.computed)}, from weights with standard deviation "
        f"{weights.std():.4f} and biases {np.abs(biases).max():g}, are those of plain NumPy to within "
        f"{losses.largest_error:.1g}; {draws}",
        holds=losses.holds
        and [parameter.shape for parameter in parameters] == SHAPES
        and bool(stats.kstest(weights / DEVIATION, "norm").pvalue > SIGNIFICANCE)
        and not biases.any()
        and indices.shape[1] == BATCH
        and is_with_replacement
        and steps_taken == steps
        and all(value(config) == value(repeated) for value in map(attrgetter, SHARED_KEYS)),
        note="Checked directly, since the curve below does not reveal batches of 50 or a shuffled order. "
        f"The repeats are configured like the run. Float32 may put a loss up to {np.max(losses.tolerance):.1g} off.",
    )


def first_step_value(results: Results, published: Sequence[str] = FIRST_STEP) -> PublishedValue:
    """The accuracies after one step."""
    train_part, test_part = (results.over_seeds(NAME, 1, f"accuracy/{part}") for part in PARTS)
    rare, in_numpy = accuracies_after_one_step(run_config(results, NAME), RARE_SEED)
    lowest, highest = ("/".join(f"{end(values):.4f}" for values in (train_part, test_part)) for end in (np.min, np.max))
    published_numbers = [float(value) for value in published]
    return claim(
        ARTICLE,
        AFTER_ONE_STEP,
        "/".join(published),
        f"{lowest} to {highest} over {len(test_part)} seeds; {rare[0]:.4f}/{rare[1]:.4f} from seed {RARE_SEED}",
        holds=all(
            np.min(values) <= value <= np.max(values)
            for values, value in zip((train_part, test_part), published_numbers, strict=True)
        ),
        cause=Cause(
            "A rare draw, as far as is known: this was looked for after the fact, and another cause is not ruled out. "
            "After one step nearly every network takes all images for the same digit and is right on a tenth of them; "
            "some are on the verge between several. Of the first 13,968 seeds of ours 4 were found to get as far, of "
            f"12,000 of a plain script 2: 2 to 3 in 10,000. Seed {RARE_SEED} is one of those 4; plain NumPy gets to "
            f"{in_numpy[0]:.4f}/{in_numpy[1]:.4f} from it.",
            Check(rare, in_numpy, ACCURACY_ERROR),
        )
        if np.greater_equal(rare, published_numbers).all()
        else None,
    )


def curve_value(results: Results) -> PublishedValue:
    """The accuracies every 600 steps: one figure, compared with the curves of our seeds by one test."""
    published = np.array([[float(value) for value in accuracies] for accuracies in ACCURACIES.values()])
    runs = accuracy_curves(results)
    curves = runs.reshape(len(runs), -1)
    distance, *our_distances = distances(np.vstack([published.ravel(), curves]))
    power = ", ".join(f"{program} in {share}" for program, share in DETECTION_RATES.items())
    means = zip(ACCURACIES, runs.mean(axis=0), strict=True)
    return PublishedValue(
        ARTICLE,
        CURVE,
        PUBLISHED[CURVE],
        ", ".join(f"{step:,}:\N{NO-BREAK SPACE}{mean[0]:.4f}/{mean[1]:.4f}" for step, mean in means)
        + f"; means of {len(runs)} seeds",
        f"{distance:.2f} sd",
        *judge(
            same=len(runs) == SEEDS and is_typical(published.ravel(), curves),
            note=f"One test of all {published.size} numbers: each curve is so many standard deviations (root mean "
            f"square) from the mean of all the others, the article's {distance:.2f}, ours {np.min(our_distances):.2f} "
            f"to {np.max(our_distances):.2f}. It differs where the article's is the farthest of all, which it is by "
            f"chance in 1 of {len(runs) + 1} cases if the programs are the same. With a hundred more runs of ours in "
            f"the article's place it notices {power}, and refuses these {len(runs)} seeds, by chance, in "
            f"{FALSE_ALARM_RATE}.",
        ),
    )


def accuracy_curves(results: Results) -> Array:
    """The accuracies of our runs at the article's steps, (runs, steps, components)."""
    return results.curves(NAME, list(ACCURACIES), [f"accuracy/{part}" for part in PARTS])


def overfitting_value(results: Results) -> PublishedValue:
    """The difference between training and test accuracy."""
    last = max(ACCURACIES)
    train_part, test_part = (np.array(results.over_seeds(NAME, last, f"accuracy/{part}")) for part in PARTS)
    gaps = train_part - test_part
    three = [results.evaluation(THREE_LAYERS, f"accuracy/{part}", THREE_LAYERS_STEPS) for part in PARTS]
    return claim(
        ARTICLE,
        TOGETHER,
        PUBLISHED[TOGETHER],
        f"{gaps.min():.4f} to {gaps.max():.4f} apart after step {last:,}, over {len(gaps)} seeds",
        holds=bool(np.abs(gaps).max() < 0.01),
        note="So far: a gap can still open. That of article 003's three layers, trained six times as long by Adam, is "
        f"{three[0] - three[1]:.4f}.",
    )


def replacement_check(indices: NDArray[np.int64], count: int) -> tuple[str, bool]:
    """A description of minibatches, and whether they are plausibly drawn with replacement.

    Args:
        indices: (steps, batch).
        count: the number of images.
    """
    steps, size = indices.shape
    twice = sum(len(np.unique(rows)) < size for rows in indices)
    chance = 1 - np.prod(1 - np.arange(size) / count)
    never, load = count - len(np.unique(indices)), indices.size / count
    expected = count * (1 - 1 / count) ** indices.size
    deviation = np.sqrt(count * np.exp(-load) * (1 - (1 + load) * np.exp(-load)))
    return (
        f"of the first {steps} batches of {size}, {twice} hold an image twice ({steps * chance:.0f} are expected), and "
        f"{never:,} images are in none ({expected:,.0f})",
        bool(
            stats.binomtest(twice, steps, chance).pvalue > SIGNIFICANCE
            and abs(never - expected) < stats.norm.isf(SIGNIFICANCE / 2) * deviation
        ),
    )


def accuracies_after_one_step(config: TrainConfig, seed: int) -> tuple[list[float], list[float]]:
    """The accuracies on the training and the test images after the first step from a seed: ours, and NumPy's."""
    components = assemble(config.replaced("seed", seed))
    indices = components.sampler.chunk(0, 1)
    _, parameters = train_perceptron(
        initial_parameters(components), ACTIVATIONS, mnist_minibatches(components.data, indices.numpy()), Momentum(LR)
    )
    (minibatch,) = components.data.train.minibatches(indices)
    components.gradient_estimator(components.problem, minibatch)
    components.optimizer(components.problem.named_parameters()).step()
    (metrics,) = evaluate([components.problem], components.data)
    examples = (part for part in (components.data.train, components.data.test) if part is not None)
    return [metrics[f"accuracy/{part}"] for part in PARTS], [accuracy(parameters, part) for part in examples]


def accuracy(parameters: list[Array], examples: Examples) -> float:
    """The accuracy of two layers on images."""
    pixels, labels = (column.numpy() for column in examples.columns)
    right = 0
    for first in range(0, len(labels), 1_000):
        scores = layer_outputs(parameters, ACTIVATIONS, pixels[first : first + 1_000] / 255)[-1]
        right += (scores.argmax(axis=1) == labels[first : first + 1_000]).sum()
    return float(right / len(labels))
