"""The schema of conf/lesson.yaml: surfaces with starts, and the optimizers that descend on them."""

from typing import Annotated

from pydantic import Field

from descent.core.config import RATES, Rates
from descent.schema import Section

Start = Annotated[list[float], Field(min_length=2, max_length=2)]


class LessonSurface(Section):
    """A surface of the lesson.

    Args:
        about: what there is to see on it, a sentence or two.
        rates: the lowest and the highest learning rate of the optimizers that have none of their own.
        starts: where the descents start.
    """

    about: str
    rates: Rates = Field(description=RATES, examples=["[1e-5,0.1]"])
    starts: list[Start] = Field(min_length=1, description="points of two numbers", examples=["[[1.0,1.0]]"])


class LessonOptimizer(Section):
    """An optimizer of the lesson.

    Args:
        rates: the lowest and the highest learning rate on every surface; those of each surface where None.
    """

    rates: Rates | None = Field(None, description=RATES, examples=["[1e-3,10.0]"])


class LessonConfig(Section):
    """The configuration of the lesson.

    Args:
        steps: the number of steps of every descent.
        rates: the number of learning rates of each optimizer, evenly in log space.
        surfaces: by the name of their problem.
        optimizers: by the name of their configuration.
    """

    steps: int = Field(ge=1)
    rates: int = Field(ge=1)
    surfaces: dict[str, LessonSurface] = Field(min_length=1, description="sections by the name of their problem")
    optimizers: dict[str, LessonOptimizer] = Field(min_length=1, description="sections by the name of their file")
