"""One run, everything recorded, against the same steps as others write them."""

from functools import partial

from benchmarks.descents import composed, seconds_of
from benchmarks.measured import CLOSE, MILLISECOND, Measured, in_turns
from benchmarks.peers import (
    ADAM,
    SGD,
    Lit,
    by_hand,
    by_lightning_and_torchvision,
    by_lightning_in_memory,
    by_numpy,
    in_order,
    on_surface,
    three_layers,
    two_layers,
    with_replacement,
)
from descent.core.problems import surfaces

TWO_LAYERS, THREE_LAYERS = 10_000, 20_000
"""Steps of Descent and of the loops by hand: the article's, and as many as MLflow's process syncs in the midst of."""
SHORT, SHORTEST = 1_000, 250
"""Steps of the slow and the slowest."""
SURFACE_STEPS = 25_000


def one_run(turns: int) -> list[Measured]:
    """All comparisons of one run."""
    return [*_two_layers(turns), *_three_layers(turns), *_on_surfaces(turns)]


def _two_layers(turns: int) -> list[Measured]:
    steps = ("experiment=mnist_two_layer", f"trainer.max_steps={TWO_LAYERS}")
    alone = composed(*steps, f"evaluation.every={TWO_LAYERS}", "evaluation.first=null")
    whole = composed(*steps)
    evaluated = range(1, TWO_LAYERS, 600)
    ours, hand, ours_whole, hand_whole = in_turns(
        CLOSE * turns,
        lambda: seconds_of(alone) / TWO_LAYERS,
        lambda: by_hand(two_layers(), SGD, with_replacement, TWO_LAYERS) / TWO_LAYERS,
        lambda: seconds_of(whole) / TWO_LAYERS,
        lambda: by_hand(two_layers(), SGD, with_replacement, TWO_LAYERS, evaluated) / TWO_LAYERS,
    )
    beside, numpy, in_memory, torchvision = in_turns(
        CLOSE * turns,
        lambda: seconds_of(alone) / TWO_LAYERS,
        lambda: by_numpy(SHORT) / SHORT,
        lambda: by_lightning_in_memory(Lit(two_layers(), SGD), SHORT, is_shuffled=True) / SHORT,
        lambda: by_lightning_and_torchvision(Lit(two_layers(), SGD), SHORTEST, is_shuffled=True) / SHORTEST,
    )
    what = "a step of mnist_two_layer"
    step = partial(_milliseconds, what, beside)
    return [
        _milliseconds(what, ours, "a loop by hand that records nothing", hand, 1.0),
        _milliseconds("the same with the article's evaluations", ours_whole, "that loop, with them", hand_whole, 1.0),
        step("the article's numpy", numpy, None),
        step("Lightning, TensorDataset, MLFlowLogger", in_memory, 1 / 2),
        step("Lightning, torchvision and ToTensor, MLFlowLogger", torchvision, 1 / 10),
    ]


def _three_layers(turns: int) -> list[Measured]:
    steps = ("experiment=mnist_three_layer", f"trainer.max_steps={THREE_LAYERS}")
    alone = composed(*steps, f"evaluation.every={THREE_LAYERS}")
    ours, hand, in_memory, torchvision = in_turns(
        CLOSE * turns,
        lambda: seconds_of(alone) / THREE_LAYERS,
        lambda: by_hand(three_layers(), ADAM, in_order, THREE_LAYERS) / THREE_LAYERS,
        lambda: by_lightning_in_memory(Lit(three_layers(), ADAM), SHORT, is_shuffled=False) / SHORT,
        lambda: by_lightning_and_torchvision(Lit(three_layers(), ADAM), SHORTEST, is_shuffled=False) / SHORTEST,
    )
    step = partial(_milliseconds, "a step of mnist_three_layer", ours)
    return [
        step("a loop by hand that records nothing", hand, 1.0),
        step("Lightning, TensorDataset, MLFlowLogger", in_memory, 1 / 2),
        step("Lightning, torchvision and ToTensor, MLFlowLogger", torchvision, 1 / 10),
    ]


def _on_surfaces(turns: int) -> list[Measured]:
    measured = []
    for name, height, start in (
        ("parabola", surfaces.parabola, [1.0]),
        ("himmelblau", surfaces.himmelblau, [0.0, 0.0]),
    ):
        config = composed(f"problem={name}", "optimizer=sgd", "optimizer.lr=1e-4", f"trainer.max_steps={SURFACE_STEPS}")
        ours, hand = in_turns(
            CLOSE * turns,
            lambda config=config: seconds_of(config) / SURFACE_STEPS,  # type: ignore[misc]
            lambda height=height, start=start: on_surface(height, start, 1e-4, SURFACE_STEPS) / SURFACE_STEPS,  # type: ignore[misc]
        )
        measured.append(_milliseconds(f"a step on the {name}", ours, "autograd and torch.optim by hand", hand, 1.0))
    return measured


def _milliseconds(what: str, ours: list[float], peer: str, theirs: list[float], goal: float | None) -> Measured:
    ours, theirs = ([seconds / MILLISECOND for seconds in column] for column in (ours, theirs))
    return Measured(what, peer, "ms", ours, theirs, goal)
