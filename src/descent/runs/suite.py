"""The schema of conf/benchmark.yaml: a suite of problems, and the optimizers that are to solve them."""

import numpy as np
from pydantic import Field

from descent.core.config import RATES, Rates, TargetConfig, Tracking
from descent.schema import Section


class SuiteProblem(Section):
    """A problem of a suite.

    Args:
        overrides: that compose its configuration, after those of all problems.
        target: what a run has to reach for the problem to be solved.
    """

    overrides: list[str]
    target: TargetConfig


class SuiteOptimizer(Section):
    """An optimizer of a suite.

    Args:
        rates: the lowest and the highest learning rate; those of its own configuration where None.
        overrides: that compose it, after its choice.
    """

    rates: Rates | None = Field(None, description=RATES, examples=["[1e-3,1.0]"])
    overrides: list[str] = Field(default=[])


class SuiteBaseline(Section):
    """An optimizer, and the learning rate that it has where nobody tunes it."""

    optimizer: str
    lr: float = Field(gt=0, allow_inf_nan=False, examples=[0.001])


class Suite(Section):
    """Problems, and optimizers with the rates at which each is tried.

    Args:
        name: of the suite.
        description: what it is of.
        overrides: that compose the configuration of every problem.
        problems: by name.
        optimizers: by the name of their configuration.
        rates: the number of learning rates of each optimizer, evenly in log space.
        seeds: the number of seeds, from 0: of starts, of weights and of minibatches.
        baseline: the optimizer over which the advantages of the others are measured; None for none.
    """

    name: str = Field(min_length=1)
    description: str
    overrides: list[str]
    problems: dict[str, SuiteProblem] = Field(min_length=1)
    optimizers: dict[str, SuiteOptimizer] = Field(min_length=1)
    rates: int = Field(ge=1)
    seeds: int = Field(ge=1)
    baseline: SuiteBaseline | None = None


class BenchmarkConfig(Section):
    """The configuration of a benchmark.

    Args:
        suite: what is trained.
        folder: of its record; None for one of its own in suites/.
        replace: whether the folder's record of another benchmark is removed, with its runs.
        tracking: where it is synced to.
    """

    suite: Suite
    folder: str | None
    replace: bool
    tracking: Tracking


def rates_between(low: float, high: float, count: int) -> list[float]:
    """Learning rates, evenly in log space, rounded to four digits."""
    return [float(f"{rate:.4g}") for rate in np.geomspace(low, high, count)]
