from typing import Any

import pytest

from descent.core.components import built, check_arguments
from descent.errors import UserError
from descent.schema import Component, Section


class Outfit(Section):
    """Two components, one of them in a section of its own."""

    hat: Component
    feet: "Feet"


class Feet(Section):
    """What is worn on them."""

    shoe: Component


def outfit(hat: dict[str, Any], shoe: dict[str, Any] | None = None) -> Outfit:
    return Outfit.model_validate({"hat": hat, "feet": {"shoe": shoe or {"_target_": "builtins.dict"}}})


class Hat:
    """Takes arguments in each of the ways that there are."""

    def __init__(self, size: int, /, colour: str, *, brim: float = 1.0) -> None:
        self.size, self.colour, self.brim = size, colour, brim


def anything(**arguments: object) -> dict[str, object]:
    return arguments


HAT, ANYTHING = "core.test_components.Hat", "core.test_components.anything"


@pytest.mark.parametrize(
    "hat",
    [
        {"_target_": HAT, "_args_": [5], "colour": "red", "brim": 2.0},
        {"_target_": HAT, "_partial_": True, "_convert_": "all", "_recursive_": False, "brim": 2.0},
        {"_target_": ANYTHING, "size": 5, "lining": {"silk": True}},
        {"_target_": "core.test_components.Nothing", "size": 5},  # an error that is raised when it is built
        {"_target_": "nowhere.Hat", "size": 5},
    ],
)
def test_arguments_that_a_target_takes_are_right(hat: dict[str, Any]) -> None:
    check_arguments(outfit(hat))


@pytest.mark.parametrize(
    ("hat", "message"),
    [
        ({"_target_": HAT, "color": "red"}, f"hat.color=red: {HAT} takes no 'color'; did you mean 'colour'?"),
        ({"_target_": HAT, "size": 5}, f"hat.size=5: {HAT} takes no 'size'; choose one of colour, brim"),
        ({"_target_": "builtins.object", "size": 5}, "hat.size=5: builtins.object takes nothing"),
        (
            {"_target_": ANYTHING, "linings": [{"_target_": ANYTHING}, {"_target_": HAT, "brm": 1}]},
            f"hat.linings.1.brm=1: {HAT} takes no 'brm'; did you mean 'brim'?",
        ),
    ],
)
def test_others_are_refused_with_the_nearest(hat: dict[str, Any], message: str) -> None:
    for made in (outfit(hat), outfit({"_target_": ANYTHING}, hat)):
        with pytest.raises(UserError) as refused:
            check_arguments(made)
        assert str(refused.value).removeprefix("feet.").replace("shoe", "hat") == message


def test_a_component_is_built_with_its_arguments() -> None:
    hat = built("hat", Component.model_validate({"_target_": HAT, "_args_": [5], "colour": "red"}))
    assert (hat.size, hat.colour, hat.brim) == (5, "red", 1.0)


@pytest.mark.parametrize("target", ["nowhere.Hat", "core.test_components.Nothing", HAT])
def test_one_that_can_not_be_built_is_refused_in_a_line(target: str) -> None:
    with pytest.raises(UserError, match=r"^hat: .*$") as refused:
        built("hat", Component.model_validate({"_target_": target}))
    assert "\n" not in str(refused.value)
