import itertools

import pytest

from descent.compare.differences import differing

BROUGHT = {
    "sgd": {"optimizer._target_": "SGD", "optimizer.momentum": "0"},
    "adam": {"optimizer._target_": "Adam", "optimizer.betas": "[0.9, 0.999]"},
}


def run(optimizer: str, lr: float, seed: int, **others: str) -> dict[str, str]:
    return {"optimizer": optimizer, "optimizer.lr": str(lr), "seed": str(seed), **BROUGHT[optimizer], **others}


def test_a_choice_stands_for_what_it_brings_along() -> None:
    runs = [run(*values) for values in itertools.product(["sgd", "adam"], [0.1, 0.01], [0, 1])]
    assert differing(runs) == ["optimizer", "optimizer.lr", "seed"]


def test_what_is_the_same_in_all_runs_is_not_told() -> None:
    assert differing([run("adam", lr, 0) for lr in (0.1, 0.01)]) == ["optimizer.lr"]
    assert differing([run("adam", 0.1, 0)] * 2) == []


def test_what_differs_between_runs_of_one_choice_is_told() -> None:
    betas = [run("adam", 0.1, 0), run("adam", 0.1, 0) | {"optimizer.betas": "[0.5, 0.999]"}, run("sgd", 0.1, 0)]
    assert differing(betas) == ["optimizer", "optimizer.betas"]


def test_the_learning_rate_is_told_even_where_each_optimizer_has_its_own() -> None:
    assert differing([run("sgd", 0.1, 0), run("adam", 0.01, 0)]) == ["optimizer", "optimizer.lr"]


def test_an_experiment_stands_for_all_it_fixes() -> None:
    runs = [
        run("adam", 0.1, 0, experiment="a", name="a", **{"problem.start": "[0]"}),
        run("sgd", 0.1, 0, experiment="b", name="b", **{"problem.start": "[1]"}),
    ]
    assert differing(runs) == ["experiment"]


def test_the_seed_is_told_even_where_each_experiment_has_its_own() -> None:
    assert differing([run("adam", 0.1, 0, experiment="a"), run("adam", 0.1, 1, experiment="b")]) == [
        "experiment",
        "seed",
    ]


@pytest.mark.parametrize(
    "name", ["run_dir", "name", "problem_name", "sweep", "tracking.uri", "objective.metric", "trainer.chunk_size"]
)
def test_what_makes_no_difference_is_never_told(name: str) -> None:
    assert differing([run("adam", 0.1, 0, **{name: value}) for value in "ab"]) == []
