import itertools

import pytest

from descent.comparisons.differences import differing_params, hidden_params

DEFAULTS = {
    "sgd": {"optimizer._target_": "SGD", "optimizer.momentum": "0"},
    "adam": {"optimizer._target_": "Adam", "optimizer.betas": "[0.9, 0.999]"},
}


def run(optimizer: str, lr: float, seed: int, **others: str) -> dict[str, str]:
    return {"optimizer": optimizer, "optimizer.lr": str(lr), "seed": str(seed), **DEFAULTS[optimizer], **others}


def test_a_choice_replaces_the_parameters_that_it_determines() -> None:
    runs = [run(*values) for values in itertools.product(["sgd", "adam"], [0.1, 0.01], [0, 1])]
    assert differing_params(runs) == ["optimizer", "optimizer.lr", "seed"]


def test_parameters_that_are_equal_in_all_runs_are_not_named() -> None:
    assert differing_params([run("adam", lr, 0) for lr in (0.1, 0.01)]) == ["optimizer.lr"]
    assert differing_params([run("adam", 0.1, 0)] * 2) == []


def test_a_parameter_that_differs_between_runs_of_one_choice_is_named() -> None:
    betas = [run("adam", 0.1, 0), run("adam", 0.1, 0) | {"optimizer.betas": "[0.5, 0.999]"}, run("sgd", 0.1, 0)]
    assert differing_params(betas) == ["optimizer", "optimizer.betas"]


def test_the_learning_rate_is_named_even_if_the_optimizer_determines_it() -> None:
    assert differing_params([run("sgd", 0.1, 0), run("adam", 0.01, 0)]) == ["optimizer", "optimizer.lr"]


def test_an_experiment_replaces_the_parameters_that_it_determines() -> None:
    runs = [
        run("adam", 0.1, 0, experiment="a", name="a", **{"problem.start": "[0]"}),
        run("sgd", 0.1, 0, experiment="b", name="b", **{"problem.start": "[1]"}),
    ]
    assert differing_params(runs) == ["experiment"]


def test_the_seed_is_named_even_if_the_experiment_determines_it() -> None:
    assert differing_params([run("adam", 0.1, 0, experiment="a"), run("adam", 0.1, 1, experiment="b")]) == [
        "experiment",
        "seed",
    ]


@pytest.mark.parametrize(
    "name", ["run_dir", "name", "problem_name", "sweep", "tracking.uri", "objective.metric", "trainer.chunk_size"]
)
def test_parameters_without_effect_are_never_named(name: str) -> None:
    assert differing_params([run("adam", 0.1, 0, **{name: value}) for value in "ab"]) == []


def test_what_the_name_of_an_experiment_stands_for_is_known() -> None:
    runs = [
        {
            "experiment": "a",
            "optimizer": "sgd",
            "optimizer.lr": "0.1",
            "data.batch_size": "10",
            "trainer.max_steps": "5",
        },
        {
            "experiment": "b",
            "optimizer": "adam",
            "optimizer.lr": "0.2",
            "data.batch_size": "20",
            "trainer.max_steps": "5",
        },
    ]
    runs = [{**run, "optimizer.momentum": run["optimizer"]} for run in runs]
    assert differing_params(runs) == ["experiment", "optimizer.lr"]
    assert hidden_params(runs) == ["data.batch_size", "optimizer"]  # which stands for its settings
    assert hidden_params([{**run, "experiment": "a"} for run in runs]) == []


def test_how_runs_are_compared_is_no_difference_unless_they_end_early_by_it() -> None:
    runs = [{"target.value": value, "stop_at_target": "false"} for value in ("1", "2")]
    assert differing_params(runs) == []
    assert differing_params([{**run, "stop_at_target": "true"} for run in runs]) == ["target.value"]
