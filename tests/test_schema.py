from typing import Annotated, Any, ClassVar, Literal, Self

import pytest
from omegaconf import OmegaConf
from pydantic import AfterValidator, Field, model_validator

from descent.errors import UserError
from descent.schema import Component, Section, check_keys


def ordered(ends: list[float]) -> list[float]:
    if ends[0] > ends[1]:
        raise ValueError("out of order")
    return ends


class Pace(Section):
    """A part of a part."""

    rate: float = Field(ge=0, allow_inf_nan=False, examples=[0.1])
    direction: Literal["up", "down"]


class Walk(Section):
    """A configuration."""

    config_groups: ClassVar = ("terrain",)

    steps: int | None = Field(ge=1)
    reach: float = Field(gt=0)
    name: str
    is_long: bool
    between: Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(ordered)] = Field(
        description="two numbers, the lower first"
    )
    pace: Pace
    shoe: Component
    hat: Component | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.steps == 13 and self.is_long:
            raise ValueError("steps=13: not on a long walk")
        return self


RIGHT: dict[str, Any] = {
    "steps": 5,
    "reach": 2,
    "name": "mine",
    "is_long": True,
    "between": [0, 1.5],
    "pace": {"rate": 0.5, "direction": "up"},
    "shoe": {"_target_": "shop.Shoe", "size": 44, "lace": {"_target_": "shop.Lace", "_partial_": True}},
}


def walk(**changes: object) -> Walk:
    return Walk.of(OmegaConf.create(RIGHT | changes))


def test_it_is_what_it_was_made_of() -> None:
    config = walk()
    assert (config.steps, config.reach, config.pace.rate, config.between) == (5, 2.0, 0.5, [0.0, 1.5])
    assert config.to_dict() == RIGHT
    assert list(config.to_dict()) == list(RIGHT)
    assert (config.shoe.target, config.shoe.is_partial, config.hat) == ("shop.Shoe", False, None)
    assert config.shoe.arguments == {"size": 44, "lace": {"_target_": "shop.Lace", "_partial_": True}}


def test_it_is_not_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        walk().steps = 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps=0: choose a whole number from 1"),
        ({"steps": 1.5}, "steps=1.5: choose a whole number from 1"),
        ({"steps": True}, "steps=true: choose a whole number from 1"),
        ({"steps": "many"}, "steps=many: choose a whole number from 1"),
        ({"reach": 0}, "reach=0: choose a number above 0"),
        ({"reach": False}, "reach=false: choose a number above 0"),
        ({"reach": None}, "reach=null: choose a number above 0"),
        ({"reach": ".inf"}, "reach=.inf: choose a number above 0"),
        ({"reach": float("nan")}, "reach=nan: choose a number above 0"),
        ({"name": 5}, "name=5: choose a text"),
        ({"is_long": 1}, "is_long=1: choose true or false"),
        ({"between": [1, 0]}, "between=[1, 0]: choose two numbers, the lower first"),
        ({"between": [1]}, "between=[1]: choose two numbers, the lower first"),
        ({"between": [0, "x"]}, "between=[0, 'x']: choose two numbers, the lower first"),
        ({"between": 3}, "between=3: choose two numbers, the lower first"),
        ({"pace": {"rate": -1, "direction": "up"}}, "pace.rate=-1: choose a number from 0, for example pace.rate=0.1"),
        ({"pace": {"direction": "up"}}, "pace.rate is missing: choose a number from 0, for example pace.rate=0.1"),
        ({"pace": {"rate": 1, "direction": "dawn"}}, "pace.direction=dawn: did you mean 'down'?"),
        ({"pace": {"rate": 1, "direction": "left"}}, "pace.direction=left: choose one of up, down"),
        ({"pace": None}, "pace=null: it is a section of rate, direction"),
        ({"shoe": {"size": 44}}, "shoe._target_ is missing: choose a text"),
        ({"steps": 13}, "steps=13: not on a long walk"),
    ],
)
def test_a_wrong_value_is_refused_in_a_line_that_says_what_to_choose(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        walk(**changes)
    assert str(refused.value) == message


UNKNOWN = [
    ({"stpes": 5}, "stpes=5: there is no key or group 'stpes'; did you mean 'steps'?"),
    ({"terain": "hill"}, "terain=hill: there is no key or group 'terain'; did you mean 'terrain'?"),
    ({"rate": 0.1}, "rate=0.1: there is no key or group 'rate'; did you mean 'pace.rate'?"),
    ({"pace": {"rat": 1}}, "pace.rat=1: there is no key 'pace.rat'; did you mean 'pace.rate'?"),
    ({"pace": {"name": "x"}}, "pace.name=x: there is no key 'pace.name'; did you mean 'name'?"),
    ({"pace": {"zz": None}}, "pace.zz=null: there is no key 'pace.zz'; choose one of pace.rate, pace.direction"),
    ({"zz": 1}, "zz=1: there is no key or group 'zz'; choose one of steps, reach, name, is_long, between, pace, shoe, "
     "hat, terrain"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), UNKNOWN)
def test_an_unknown_key_is_refused_in_a_line_with_the_nearest(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        walk(**changes)
    assert str(refused.value) == message


def test_a_misspelt_key_is_reported_before_the_one_that_is_missing_for_it() -> None:
    pace = {"rtae": 1, "direction": "up"}
    with pytest.raises(UserError, match=r"did you mean 'pace\.rate'"):
        walk(pace=pace)


@pytest.mark.parametrize(("changes", "message"), UNKNOWN)
def test_keys_are_checked_where_values_are_not_there_yet(changes: dict[str, Any], message: str) -> None:
    check_keys(Walk, {"steps": "${later}"})
    with pytest.raises(UserError) as refused:
        check_keys(Walk, {"steps": "${later}"} | changes)
    assert str(refused.value) == message


class Journey(Section):
    walks: dict[str, Walk]


@pytest.mark.parametrize(
    ("walks", "message"),
    [
        ({"first": {"stpes": 3}}, r"walks\.first\.stpes=3: there is no key or group 'stpes'; did you mean 'steps'\?"),
        ({"first": {"steps": "many"}}, r"walks\.first\.steps=many: choose a whole number.*"),
        ({"first": {"pace": {"rtae": 1}}}, r"walks\.first\.pace\.rtae=1: there is no key 'pace\.rtae'.*"),
    ],
)
def test_a_wrong_key_or_value_of_one_of_several_sections_is_refused_in_a_line(
    walks: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=f"^{message}"):
        Journey.of(OmegaConf.create({"walks": walks}))
