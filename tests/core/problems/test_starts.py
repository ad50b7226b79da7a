import math
from functools import partial

import numpy as np
import pytest
import torch

from descent.core.problems.starts import drawn, start_at
from descent.core.problems.surface import Surface
from descent.core.problems.surfaces import bowl, parabola
from descent.errors import UserError


def test_whole_numbers_become_floats() -> None:
    position = start_at([3, 2], 2)
    assert position.dtype == torch.float64
    assert position.tolist() == [3.0, 2.0]


def test_one_number_is_a_start_in_one_dimension() -> None:
    assert start_at(1, 1).tolist() == [1.0]
    assert start_at([1.5], 1).tolist() == [1.5]


@pytest.mark.parametrize(
    ("start", "components", "says"),
    [
        ([1.0, 2.0, 3.0], 2, "the position is (x, y); choose 2 finite numbers, for example problem.start=[1.0, 2.0]"),
        (1.0, 2, "the position is (x, y)"),
        ([[1.0, 2.0]], 2, "the position is (x, y)"),
        ([1.0, 2.0], 1, "the position is (x); choose 1 finite number, for example problem.start=[1.0]"),
        ([math.nan, 1.0], 2, "not finite"),
        (math.inf, 1, "not finite"),
        ("here", 1, "not numbers"),
        (["a", "b"], 2, "not numbers"),
        (None, 1, "not numbers"),
        ([], 1, "the position is (x)"),
    ],
)
def test_anything_but_a_finite_position_is_refused_in_one_line(start: object, components: int, says: str) -> None:
    with pytest.raises(UserError) as refused:
        start_at(start, components)  # type: ignore[arg-type]
    assert str(refused.value).startswith("problem.start=")
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_start_that_is_given_is_never_changed() -> None:
    array, tensor = np.array([3.0, 2.0]), torch.tensor([3.0, 2.0], dtype=torch.float64, requires_grad=True)
    for start in (array, tensor):
        surface = Surface(bowl, start)  # type: ignore[arg-type]
        optimizer = torch.optim.SGD(surface.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            loss: torch.Tensor = surface()
            loss.backward()
            optimizer.step()
        assert surface.position() == pytest.approx([3 * 0.8**3, 2 * 0.8**3])
    assert array.tolist() == [3.0, 2.0]
    assert tensor.tolist() == [3.0, 2.0]
    assert tensor.grad is None


def test_the_function_says_how_many_coordinates_there_are() -> None:
    assert Surface(parabola, 2).size() == 1
    assert Surface(bowl, [2, 1]).size() == 2
    with pytest.raises(UserError):
        Surface(parabola, [2, 1])


def test_drawn_starts_lie_within_their_bounds_all_over() -> None:
    starts = torch.stack([drawn(2, seed, [-5, 5], [0, 1]) for seed in range(200)])
    assert starts.dtype == torch.float64
    assert starts.unique(dim=0).shape == (200, 2)
    low, high = starts.amin(0), starts.amax(0)
    assert (low > torch.tensor([-5, 0])).all()
    assert (low < torch.tensor([-4.5, 0.05])).all()
    assert (high < torch.tensor([5, 1])).all()
    assert (high > torch.tensor([4.5, 0.95])).all()


def test_a_drawn_start_has_the_components_of_the_surface() -> None:
    start = partial(drawn, seed=3, x=[1, 2], y=[-4, -3])
    assert torch.equal(Surface(bowl, start).point, drawn(2, 3, [1, 2], [-4, -3]))
    assert torch.equal(Surface(parabola, start).point, drawn(1, 3, [1, 2]))
