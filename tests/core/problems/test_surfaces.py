from collections.abc import Callable

import pytest
import torch
from conftest import ROOT
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor

from descent.core.problems import surfaces
from descent.core.problems.surface import Surface

LOWEST = {
    "parabola": 0.0,
    "bowl": 0.0,
    "rosenbrock": 0.0,
    "himmelblau": 0.0,
    "beale": 0.0,
    "booth": 0.0,
    "rastrigin": 0.0,
    "styblinski_tang": -78.3323314075428,
    "six_hump_camel": -1.0316284534898774,
}
"""The published height of each surface at its minima, where that has a gradient."""
CUBIC, ACKLEY = "cubic", "ackley"


ELSEWHERE = [
    ("parabola", [3.0], 9.0),
    ("cubic", [2.0], 7.5),
    ("bowl", [3.0, 4.0], 25.0),
    ("rosenbrock", [-1.2, 1.0], 24.2),  # where its descents are usually started
    ("himmelblau", [0.0, 0.0], 170.0),
    ("himmelblau", [1.0, 2.0], 68.0),
    ("beale", [1.0, 1.0], 14.203125),
    ("beale", [1.0, 2.0], 126.453125),
    ("booth", [0.0, 1.0], 41.0),
    ("rastrigin", [0.5, 1.0], 21.25),
    ("rastrigin", [1.0, 0.5], 21.25),
    ("ackley", [1.0, 0.0], 2.637531092108239),
    ("ackley", [1.0, 1.0], 3.625384938440363),
    ("styblinski_tang", [1.0, -2.0], -34.0),
    ("styblinski_tang", [-2.0, 1.0], -34.0),
    ("six_hump_camel", [1.0, 1.0], 97 / 30),
    ("six_hump_camel", [-1.0, 2.0], 1447 / 30),
]
"""Heights away from the minima, by hand from the published formulas."""


def configured(name: str) -> Surface:
    """The surface as conf/problem has it."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        surface = instantiate(compose("train", [f"problem={name}"]).problem)
    assert isinstance(surface, Surface)
    return surface


def height_at(name: str, position: Tensor) -> Tensor:
    function: Callable[..., Tensor] = getattr(surfaces, name)
    return function(*position.unbind(-1))


@pytest.mark.parametrize("name", [*LOWEST, CUBIC])
def test_the_gradient_is_zero_at_the_minima_and_they_are_as_low_as_published(name: str) -> None:
    minima = configured(name).minima
    assert minima
    for minimum in minima:
        position = torch.tensor(minimum, dtype=torch.float64, requires_grad=True)
        height = height_at(name, position)
        (gradient,) = torch.autograd.grad(height, position)
        assert gradient.abs().max() < 1e-6
        assert height.item() == pytest.approx(LOWEST.get(name, 0.75), abs=1e-9)


@pytest.mark.parametrize(("name", "position", "height"), ELSEWHERE)
def test_a_surface_has_its_published_height_away_from_its_minima(
    name: str, position: list[float], height: float
) -> None:
    at = torch.tensor(position, dtype=torch.float64)
    assert height_at(name, at).item() == pytest.approx(height, rel=1e-12)


@pytest.mark.parametrize("name", [*LOWEST, ACKLEY])
def test_no_point_of_a_fine_grid_around_is_lower_than_the_minima(name: str) -> None:
    surface = configured(name)
    side = torch.linspace(-6, 6, 601, dtype=torch.float64)
    grid = side[:, None] if name == "parabola" else torch.cartesian_prod(side, side)
    for minimum in surface.minima:
        assert height_at(name, grid).min() >= height_at(name, torch.tensor(minimum, dtype=torch.float64)) - 1e-9


@pytest.mark.parametrize("name", [*LOWEST, CUBIC, ACKLEY])
def test_a_surface_is_computed_elementwise(name: str) -> None:
    components = configured(name).size()
    positions = torch.rand(5, components, dtype=torch.float64)
    one_by_one = torch.stack([height_at(name, position) for position in positions])
    torch.testing.assert_close(height_at(name, positions), one_by_one, rtol=1e-14, atol=1e-14)


def test_ackley_is_lowest_at_its_kink() -> None:
    assert height_at(ACKLEY, torch.zeros(2, dtype=torch.float64)).item() == pytest.approx(0, abs=1e-14)
