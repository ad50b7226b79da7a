from itertools import pairwise, product

import pytest

from descent.core.training.plan import SNAPSHOTS, plan
from descent.errors import UserError


def test_a_run_is_evaluated_at_its_start_every_so_often_and_at_its_end() -> None:
    assert plan(10, None, 100, None, 4).evaluations == (0, 4, 8, 10)
    assert plan(10, None, 100, 1, 4).evaluations == (0, 1, 5, 9, 10)
    assert plan(8, None, 100, None, 4).evaluations == (0, 4, 8)


def test_a_run_is_evaluated_every_epoch_by_default() -> None:
    assert plan(None, 20, 7, None, None).evaluations == tuple(range(0, 141, 7))
    assert plan(None, 20, 7, 2, None).evaluations == (0, *range(2, 140, 7), 140)
    assert plan(None, 200, 2, None, None).evaluations == tuple(range(0, 401, 2))


@pytest.mark.parametrize(("epochs", "steps_per_epoch"), [(1, 600), (3, 100), (19, 7), (2, 11), (1, 21)])
def test_a_run_of_few_epochs_is_evaluated_twenty_times_or_more_evenly(epochs: int, steps_per_epoch: int) -> None:
    evaluations = plan(None, epochs, steps_per_epoch, None, None).evaluations
    assert 20 <= len(evaluations) - 1 <= 40
    assert len({after - before for before, after in pairwise(evaluations[:-1])}) == 1


def test_a_run_of_few_steps_is_evaluated_after_each() -> None:
    assert plan(5, None, 100, None, None).evaluations == (0, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(("steps", "evaluations"), [(25_000, 101), (250, 85), (100, 101), (7, 8)])
def test_where_an_epoch_is_a_step_it_is_evaluated_some_hundred_times_at_most(steps: int, evaluations: int) -> None:
    made = plan(steps, None, 1, None, None).evaluations
    assert (made[0], made[-1], len(made)) == (0, steps, evaluations)


def test_a_run_too_short_for_an_evaluation_has_those_of_start_and_end() -> None:
    assert plan(3, None, 100, 50, 10).evaluations == (0, 3)


@pytest.mark.parametrize(
    ("max_steps", "max_epochs", "steps"), [(50, None, 50), (None, 5, 35), (50, 5, 35), (30, 5, 30), (35, 5, 35)]
)
def test_the_run_ends_at_whichever_end_comes_first(max_steps: int | None, max_epochs: int | None, steps: int) -> None:
    assert plan(max_steps, max_epochs, 7, None, None).steps == steps


@pytest.mark.parametrize("steps", [1, 2, 3, 99, 100, 101, 250, 12_345])
def test_visits_are_evenly_spaced_with_start_and_end(steps: int) -> None:
    snapshots = plan(steps, None, 10, None, None).snapshots
    assert (snapshots[0], snapshots[-1]) == (0, steps)
    assert len(snapshots) == min(steps, SNAPSHOTS) + 1
    gaps = {after - before for before, after in pairwise(snapshots)}
    assert min(gaps) >= 1
    assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(
    ("steps", "first", "every"), list(product([1, 7, 100, 333], [None, 1, 5, 400], [None, 1, 3, 400]))
)
def test_the_next_stop_is_the_first_step_that_is_looked_at_after_this_one(
    steps: int, first: int | None, every: int | None
) -> None:
    made = plan(steps, None, 10, first, every)
    looked_at = {*made.evaluations, *made.snapshots}
    for step in range(steps):
        assert made.next_stop(step) == min(stop for stop in looked_at if stop > step)


def test_a_run_without_an_end_is_refused() -> None:
    with pytest.raises(UserError, match=r"^the run has no end: set trainer\.max_steps or trainer\.max_epochs$"):
        plan(None, None, 10, None, None)
