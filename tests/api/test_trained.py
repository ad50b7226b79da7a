import warnings
from pathlib import Path

import pytest
from own_surface import MINE, QUICK, write_surface

import descent
from descent.core.build import data_of
from descent.core.config import TrainConfig
from descent.core.training.evaluation import evaluate

NETWORK = (
    "mnist_two_layer", "data.batch_size=50", "trainer.max_steps=20", "trainer.max_epochs=null", "optimizer=adam",
    "tracking=none", "landscape._target_=quick_landscape.trajectory", "~landscape.examples",
)  # fmt: skip
UNMEASURED = {
    "seconds_per_step", "diverged", "gradient_evaluations", "runs_in_batch",
    "best/loss/train", "best/accuracy/validation", "best/step", "minimum", "loss_gap", "steps_to_tolerance",
}  # fmt: skip


def measured(run: descent.Run) -> dict[str, float]:
    """What the rebuilt problem of a run reaches on all of its data."""
    config = TrainConfig.read(run.folder / "record" / "config.yaml")
    (metrics,) = evaluate([run.problem()], data_of(config))
    return metrics


@pytest.fixture(autouse=True)
def own_networks(project: Path) -> None:
    for name in ("batch_norm", "dropout"):
        (project / "conf" / "network" / f"{name}.yaml").write_text(f"_target_: networks.{name}\n")


@pytest.mark.parametrize(
    "words",
    [
        (*NETWORK, "network=batch_norm"),
        (*NETWORK, "network=dropout"),
        (*NETWORK, "network=batch_norm", "average=ema"),
        (*NETWORK, "optimizer=schedule_free_adamw"),
        ("himmelblau", "optimizer=momentum", *QUICK),
        ("himmelblau", "average=ema", *QUICK),
        ("himmelblau", "optimizer=schedule_free_sgd", *QUICK),
        ("bowl_001_too_large", "tracking=none"),
        ("himmelblau", "optimizer.lr=1", "average=ema", "tracking=none", "trainer.max_steps=50"),
    ],
    ids=lambda words: " ".join(word for word in words if "=" not in word or word.startswith(("network", "av", "opti"))),
)
def test_the_rebuilt_problem_reaches_what_the_record_says(words: tuple[str, ...]) -> None:
    run = descent.train(*words)
    assert measured(run) == {name: value for name, value in run.metrics.items() if name not in UNMEASURED}
    assert not run.problem().training


def test_the_runs_of_a_batch_are_rebuilt_as_well() -> None:
    swept = descent.sweep("himmelblau", "optimizer=schedule_free_sgd,adam", "hydra/launcher=fused", *QUICK)
    for run in swept.runs:
        assert measured(run) == {name: value for name, value in run.metrics.items() if name not in UNMEASURED}


def test_other_code_than_the_runs_is_warned_of_in_a_line(project: Path) -> None:
    write_surface(project, 1)
    run = descent.train(*MINE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run.problem()
    write_surface(project, 2)
    with pytest.warns(UserWarning, match="was trained with other code than is here: my_steepness was edited$"):
        run.problem()
