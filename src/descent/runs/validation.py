"""Holds out examples in sweeps that rank their runs by them, so that no run is picked on its test examples."""

import sys

from omegaconf import OmegaConf

from descent.core.config import TrainConfig
from descent.errors import UserError
from descent.runs.composition import CommandLine
from descent.runs.overrides import parsed

COUNT = "data.validation"


def with_validation(line: CommandLine[TrainConfig]) -> CommandLine[TrainConfig]:
    """The command line of a sweep, whose jobs hold out examples if they are ranked by such and hold out none.

    Raises:
        UserError: if the command line itself says that none are held out.
    """
    job = line.first_job
    metric = OmegaConf.select(job, "objective.metric")
    if not str(metric).endswith("/validation") or OmegaConf.select(job, COUNT) != 0:
        return line
    test = f"objective.metric={metric.replace('/validation', '/test')}"
    if any(override.get_key_element().lstrip("+") == COUNT for override in parsed(line.options.overrides)):
        raise UserError(f"{COUNT}=0: this sweep ranks its runs by {metric}; hold out some, or rank by another metric")
    print(
        f"{COUNT}=auto: this sweep ranks its runs by {metric}, and so each holds out a tenth of its training examples, "
        f"up to 5,000; {test} would pick the best on the test set",
        file=sys.stderr,
    )
    return line.with_overrides(f"{COUNT}=auto")
