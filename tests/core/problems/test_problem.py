import pytest
import torch
from parabola import Parabola
from torch import Tensor, nn

from descent.core.problems.problem import Problem


class Sum(Problem):
    """The sum of all its parameters, which are given by their shapes."""

    def __init__(self, *shapes: tuple[int, ...]) -> None:
        super().__init__()
        first = 0
        for name, shape in zip("abc", shapes, strict=False):
            values = torch.arange(first, first + torch.Size(shape).numel(), dtype=torch.float64)
            self.register_parameter(name, nn.Parameter(values.view(shape)))
            first += values.numel()

    def forward(self, *minibatch: Tensor) -> Tensor:
        return torch.stack([parameter.sum() for parameter in self.parameters()]).sum()


def test_size_counts_every_number_of_every_parameter() -> None:
    assert Sum((1,), (2, 3), (4,)).size() == 11


def test_position_lists_the_parameters_one_after_the_other() -> None:
    assert Sum((1,), (2, 3)).position() == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("shapes", "small"), [([(1,)], True), ([(2,)], True), ([(1,), (1,)], True), ([(3,)], False)])
def test_problems_of_up_to_two_components_are_small(shapes: list[tuple[int, ...]], small: bool) -> None:
    assert Sum(*shapes).is_small() is small


def test_measure_gives_the_loss_unless_a_problem_measures_more() -> None:
    assert {name: value.item() for name, value in Parabola(3.0).measure().items()} == {"loss": 9.0}


def test_a_problem_must_say_what_it_minimises() -> None:
    with pytest.raises(NotImplementedError):
        Problem()()
