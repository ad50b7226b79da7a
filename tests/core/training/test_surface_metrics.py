import pytest
from conftest import Composed

from descent.core.config import TrainConfig
from descent.runs.train import train

HIMMELBLAU = ((3.0, 2.0), (-2.805118, 3.131313), (-3.779310, -3.283186), (3.584428, -1.848127))


def metrics_of(config: TrainConfig) -> dict[str, float]:
    return dict(train(config).metrics)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_run_says_at_which_of_the_lowest_points_it_came_to_rest(composed: Composed, number: int) -> None:
    x, y = HIMMELBLAU[number - 1]
    start = f"problem.start=[{x + 0.1},{y - 0.1}]"
    metrics = metrics_of(composed("experiment=himmelblau", start, "trainer.max_steps=200"))
    assert metrics["minimum"] == number
    assert metrics["loss_gap"] == pytest.approx(metrics["loss/train"], abs=1e-12)  # the lowest is 0
    assert metrics["loss_gap"] < 1e-9


def test_a_run_at_rest_in_a_local_minimum_is_at_none_of_the_lowest_points(composed: Composed) -> None:
    config = composed("experiment=rastrigin", "problem.start=[1.1,0.1]", "optimizer.lr=0.002", "trainer.max_steps=400")
    metrics = metrics_of(config)
    assert "steps_to_tolerance" in metrics
    assert metrics["minimum"] == 0
    assert metrics["loss_gap"] == pytest.approx(0.99496, abs=1e-5)  # Rastrigin's local minima next to the lowest


def test_a_run_that_is_not_at_rest_yet_has_no_minimum_and_no_steps_to_tolerance(composed: Composed) -> None:
    config = composed("experiment=himmelblau", "problem.start=[3.01,2.01]", "trainer.max_steps=1")
    metrics = metrics_of(config)
    assert metrics["minimum"] == 0
    assert metrics["loss_gap"] > 0
    assert "steps_to_tolerance" not in metrics


@pytest.mark.parametrize("start", ["[1,0]", "[0,0]"])
def test_steps_to_tolerance_are_those_after_which_the_gradient_is_small_for_good(
    composed: Composed, start: str
) -> None:
    # x² + y² at a rate of 1/4: a gradient of 2 * 2^-k after k steps.
    config = composed(
        "problem=bowl", f"problem.start={start}", "optimizer.lr=0.25", "trainer.max_steps=40", "tolerance=1e-3"
    )
    steps = metrics_of(config)["steps_to_tolerance"]
    assert steps == (0 if start == "[0,0]" else 11)


def test_a_network_has_none_of_these_metrics(composed: Composed) -> None:
    metrics = metrics_of(composed("experiment=digits", "trainer.max_epochs=null", "trainer.max_steps=2"))
    assert not {"minimum", "loss_gap", "steps_to_tolerance"} & metrics.keys()


def test_a_surface_without_known_minima_has_only_the_steps_to_tolerance(composed: Composed) -> None:
    config = composed("experiment=himmelblau", "problem.minima=[]", "problem.start=[3.1,2]", "trainer.max_steps=200")
    metrics = metrics_of(config)
    assert not {"minimum", "loss_gap"} & metrics.keys()
    assert metrics["steps_to_tolerance"] > 0
