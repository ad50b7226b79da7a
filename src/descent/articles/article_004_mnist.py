"""Source article 004: two layers on MNIST."""

from collections.abc import Sequence
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from descent.articles.article_003 import THREE_LAYERS, THREE_LAYERS_STEPS
from descent.articles.by_hand import Momentum, first_losses, of_mnist, outputs_of, parameters_of, train
from descent.articles.configs import run_config, seeds_config
from descent.articles.curves import distances, is_one_of
from descent.articles.published_value import Cause, Check, PublishedValue, claim, judge
from descent.articles.results import Array, Results
from descent.core.build import assemble
from descent.core.config import TrainConfig
from descent.core.data.examples import Examples
from descent.core.training.evaluation import evaluate

ARTICLE, NAME = "004", "mnist_two_layer"
SHAPES, DEVIATION, ACTIVATIONS = [(50, 784), (50,), (10, 50), (10,)], 0.01, ("sigmoid", "identity")
LR, BATCH, STEPS = 0.1, 100, 10_000
RARELY = 1e-4
"""How improbable what a seed drew may be, before it counts as drawn in another way."""
FIRST = ("0.1835", "0.1865")
"""Accuracy on the training and on the test images after one step."""
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
"""The same by the number of steps taken."""
PARTS = ("train", "test")
RARE_SEED = 9057
"""From which the first step leads as far as the article's."""
LOOKED_AT = 100
"""How many steps are taken a second time, in plain NumPy."""
ON_THE_VERGE = 0.001
"""The share of images between whose two best classes rounding to float32 may decide after one step."""
SAME = ("data", "sampler", "problem", "optimizer", "schedule", "gradient", "trainer.max_steps")
"""What the repeats' configuration has in common with the run's."""
SEEDS = 20
"""Of the runs that the article's is held against: the experiment's own and its repeats."""
TOLD_APART = {
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
"""How often 20 runs of a wrong program differ from one of the right one, in a hundred trials (docs/figures.md)."""
BY_CHANCE = "14%"
"""How often the 20 runs of the right one do."""


def published_values(results: Results) -> list[PublishedValue]:
    """Its published values, each beside ours."""
    return [program(results), first_step(results), curve(results), together(results)]


def program(results: Results, steps: int = STEPS) -> PublishedValue:
    """What the article trains, held against what the run's record says of it."""
    config, repeated = run_config(results, NAME), seeds_config(results, NAME)
    parts = assemble(config)
    parameters, count = parameters_of(parts), len(parts.data.train)
    losses = first_losses(parts, results.losses(NAME), min(LOOKED_AT, steps), ACTIVATIONS, Momentum(LR))
    weights = np.concatenate([parameter.flatten() for parameter in parameters if parameter.ndim == 2])
    biases = np.concatenate([parameter for parameter in parameters if parameter.ndim == 1])
    indices = parts.sampler.chunk(0, count // BATCH).numpy()
    draws, as_expected = with_replacement(indices, count)
    taken = results.steps_taken(NAME)
    return claim(
        ARTICLE,
        "MNIST, two layers: the program",
        f"784-50-10, sigmoid, weights from normal(0, {DEVIATION}), biases 0; rate {LR}; {STEPS:,} batches of {BATCH} "
        "drawn with replacement",
        f"{taken:,} steps; the losses of the first {len(losses.ours)}, from weights with standard deviation "
        f"{weights.std():.4f} and biases {np.abs(biases).max():g}, are those of plain NumPy to within "
        f"{losses.apart:.1g}; {draws}",
        holds=losses.holds
        and [parameter.shape for parameter in parameters] == SHAPES
        and bool(stats.kstest(weights / DEVIATION, "norm").pvalue > RARELY)
        and not biases.any()
        and indices.shape[1] == BATCH
        and as_expected
        and taken == steps
        and all(value(config) == value(repeated) for value in map(attrgetter, SAME)),
        note="Checked where it is set, since the curve below does not tell batches of 50 or a shuffled order from it. "
        f"The repeats are configured like the run. Float32 may put a loss up to {np.max(losses.within):.1g} off.",
    )


def first_step(results: Results, published: Sequence[str] = FIRST) -> PublishedValue:
    """The accuracies after one step."""
    train_part, test_part = (results.over_seeds(NAME, 1, f"accuracy/{part}") for part in PARTS)
    rare, by_hand = after_one_step(run_config(results, NAME), RARE_SEED)
    lowest, highest = ("/".join(f"{end(values):.4f}" for values in (train_part, test_part)) for end in (np.min, np.max))
    said = [float(value) for value in published]
    return claim(
        ARTICLE,
        "MNIST, two layers: training and test accuracy after one step",
        "/".join(published),
        f"{lowest} to {highest} over {len(test_part)} seeds; {rare[0]:.4f}/{rare[1]:.4f} from seed {RARE_SEED}",
        holds=all(
            np.min(values) <= value <= np.max(values)
            for values, value in zip((train_part, test_part), said, strict=True)
        ),
        cause=Cause(
            "A rare draw, as far as is known: this was looked for after the fact, and another cause is not ruled out. "
            "After one step nearly every network takes all images for the same digit and is right on a tenth of them; "
            "some are on the verge between several. Of the first 13,968 seeds of ours 4 were found to get as far, of "
            f"12,000 of a plain script 2: 2 to 3 in 10,000. Seed {RARE_SEED} is one of those 4; plain NumPy gets to "
            f"{by_hand[0]:.4f}/{by_hand[1]:.4f} from it.",
            Check(rare, by_hand, ON_THE_VERGE),
        )
        if np.greater_equal(rare, said).all()
        else None,
    )


def curve(results: Results) -> PublishedValue:
    """The accuracies after every 600 further steps: one figure, held against the curves of our seeds by one test."""
    published = np.array([[float(value) for value in both] for both in ACCURACIES.values()])
    runs = curves(results)
    flat = runs.reshape(len(runs), -1)
    apart, *ours_apart = distances(np.vstack([published.ravel(), flat]))
    power = ", ".join(f"{program} in {share}" for program, share in TOLD_APART.items())
    means = zip(ACCURACIES, runs.mean(axis=0), strict=True)
    return PublishedValue(
        ARTICLE,
        "MNIST, two layers: training/test accuracy by steps",
        ", ".join(f"{step:,}:\N{NO-BREAK SPACE}{'/'.join(both)}" for step, both in ACCURACIES.items()),
        ", ".join(f"{step:,}:\N{NO-BREAK SPACE}{mean[0]:.4f}/{mean[1]:.4f}" for step, mean in means)
        + f"; means of {len(runs)} seeds",
        f"{apart:.2f} sd",
        *judge(
            same=len(runs) == SEEDS and is_one_of(published.ravel(), flat),
            note=f"One test of all {published.size} numbers: each curve is so many standard deviations (root mean "
            f"square) from the mean of all the others, the article's {apart:.2f}, ours {np.min(ours_apart):.2f} to "
            f"{np.max(ours_apart):.2f}. It differs where the article's is the farthest of all, which it is by chance "
            f"in 1 of {len(runs) + 1} cases if the programs are the same. With a hundred more runs of ours in the "
            f"article's place it notices {power}, and refuses these {len(runs)} seeds, by chance, in {BY_CHANCE}.",
        ),
    )


def curves(results: Results) -> Array:
    """The same of our runs, (runs, steps, parts)."""
    return results.curves(NAME, list(ACCURACIES), [f"accuracy/{part}" for part in PARTS])


def together(results: Results) -> PublishedValue:
    """That the two accuracies stay together."""
    last = max(ACCURACIES)
    train_part, test_part = (np.array(results.over_seeds(NAME, last, f"accuracy/{part}")) for part in PARTS)
    gaps = train_part - test_part
    three = [results.evaluation(THREE_LAYERS, f"accuracy/{part}", THREE_LAYERS_STEPS) for part in PARTS]
    return claim(
        ARTICLE,
        "MNIST, two layers: training and test accuracy",
        "the two stay together, so it does not overfit",
        f"{gaps.min():.4f} to {gaps.max():.4f} apart after step {last:,}, over {len(gaps)} seeds",
        holds=bool(np.abs(gaps).max() < 0.01),
        note="So far: a gap can still open. That of article 003's three layers, trained six times as long by Adam, is "
        f"{three[0] - three[1]:.4f}.",
    )


def with_replacement(indices: NDArray[np.int64], count: int) -> tuple[str, bool]:
    """How minibatches are drawn from `count` images, and whether draws with replacement make them so.

    Args:
        indices: (steps, batch).
        count: of the images.
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
            stats.binomtest(twice, steps, chance).pvalue > RARELY
            and abs(never - expected) < stats.norm.isf(RARELY / 2) * deviation
        ),
    )


def after_one_step(config: TrainConfig, seed: int) -> tuple[list[float], list[float]]:
    """The accuracies on the training and the test images after the first step from a seed: ours, and by hand."""
    parts = assemble(config.replaced("seed", seed))
    indices = parts.sampler.chunk(0, 1)
    _, moved = train(parameters_of(parts), ACTIVATIONS, of_mnist(parts.data, indices.numpy()), Momentum(LR))
    (minibatch,) = parts.data.train.minibatches(indices)
    parts.gradient_estimator(parts.problem, minibatch)
    parts.optimizer(parts.problem.parameters()).step()
    (metrics,) = evaluate([parts.problem], parts.data)
    examples = (part for part in (parts.data.train, parts.data.test) if part is not None)
    return [metrics[f"accuracy/{part}"] for part in PARTS], [accuracy(moved, part) for part in examples]


def accuracy(parameters: list[Array], examples: Examples) -> float:
    """The share of images that two layers are right on."""
    pixels, labels = (column.numpy() for column in examples.columns)
    right = 0
    for first in range(0, len(labels), 1_000):
        scores = outputs_of(parameters, ACTIVATIONS, pixels[first : first + 1_000] / 255)[-1]
        right += (scores.argmax(axis=1) == labels[first : first + 1_000]).sum()
    return float(right / len(labels))
