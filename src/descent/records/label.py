"""What people tell a run by: the parameters that they compare, and a name made of these."""

import math
import re
from collections.abc import Mapping

from descent.records.header import Header
from descent.records.run import OVERRIDES, SWEEP_OF

OPTIMIZER, RATE = "optimizer", "optimizer.lr"
"""The parameters that hold the name of the optimizer and its learning rate."""
SEED = "seed"
"""The parameter in which replicates differ."""
USUAL = {"data": "none", "schedule": "constant", "average": "none", "gradient": "autograd", "sampler": "shuffled"}
"""Choices that go without saying."""
CHOICES = ("experiment", "problem", "network", OPTIMIZER, *USUAL)
"""The groups of the configuration whose choices are compared."""
KEYS = (SEED, "problem.start", "data.batch_size", "trainer.max_steps", "trainer.max_epochs")
"""The other keys that are compared, whoever sets them."""
SETTINGS = ("optimizer.", "schedule.", "average.")
"""Prefixes of the parameters of a choice that are compared, besides those that the command line sets."""
PLACES = ("name", "run_dir", "replace", "tracking", "trainer.accelerator", "trainer.chunk_size")
"""Keys that say where a run is computed and kept."""
OVERRIDE = re.compile(r"(?:^|\s)\+*([\w./]+)=")
"""The key of a word of the command line."""
MAX_NUMBER_LENGTH = 7
"""Longer numbers are rounded to four digits in the label of a run."""


def compared_params(params: Mapping[str, str], overrides: str) -> dict[str, str]:
    """The parameters of a run that a person compares, in their order.

    These are the choices, as far as they are not the usual ones, the settings of the optimizer and of what changes its
    rate, the start, the length, the seed, and whatever the command line sets.

    Args:
        params: all of a run's, or those that the runs of a sweep have in common.
        overrides: the words of the command line, in one text.
    """
    overridden = set(OVERRIDE.findall(overrides))
    return {name: value for name, value in params.items() if _is_compared(name, value, overridden)}


def _is_compared(name: str, value: str, overridden: set[str]) -> bool:
    if name.startswith(PLACES):
        return False
    if name in overridden or name.startswith("sweep."):
        return True
    if value == "null" or name.rpartition(".")[2].startswith("_"):
        return False
    return (name in CHOICES and value != USUAL.get(name)) or name in KEYS or name.startswith(SETTINGS)


def run_name(header: Header) -> str:
    """What a run is called: `adam lr=0.01 cosine seed=2`.

    A name of the user's own stays as it is; the run of a sweep's job also has the values that are swept.
    """
    params = header.params
    is_of_sweep = SWEEP_OF in header.tags
    if OPTIMIZER not in params or not (is_of_sweep or header.name in (params.get("experiment"), header.problem)):
        return header.name
    label = distinguishing_label(header)
    others = header.name.split() if is_of_sweep else []
    return " ".join([label, *(word for word in others if word not in label.split())])


def distinguishing_label(header: Header) -> str:
    """The optimizer of a run, its rate, the network, unusual choices and the seed, unless it is 0, as far as known."""
    params = header.params
    values = {name: params.get(name, "") for name in (OPTIMIZER, RATE, "network", "schedule", "average", "gradient")}
    if "optimizer._target_" in OVERRIDE.findall(header.tags.get(OVERRIDES, "")):
        values[OPTIMIZER] = params.get("optimizer._target_", "").rpartition(".")[2]
    unusual = {name: value for name, value in values.items() if value != USUAL.get(name)}
    return run_label(unusual if params.get(SEED, "0") == "0" else {**unusual, SEED: params[SEED]})


def run_label(values: Mapping[str, str]) -> str:
    """A short label of a run from the parameters it has: `adam lr=0.01 seed=2`; long numbers have four digits."""
    return " ".join(
        value if "." not in name and name != SEED else f"{name.rpartition('.')[2]}={_short(value)}"
        for name, value in values.items()
        if value
    )


def _short(text: str) -> str:
    value = number(text)
    return f"{value:.4g}" if value is not None and len(text) > MAX_NUMBER_LENGTH else text


def number(text: str | None) -> float | None:
    """The finite number that a text is; None for any other text."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
