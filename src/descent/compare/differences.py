"""What differs between runs, in as few words as tell them apart."""

from collections.abc import Mapping, Sequence

from descent.records.lineage import NO_EFFECT

REPLICATE = "seed"
"""What tells runs apart that answer the same question: chance."""
ALWAYS = ("optimizer.lr", REPLICATE)
"""What is told wherever it differs."""
NEVER = ("name", "problem_name", "sweep", *NO_EFFECT)
"""What says nothing, or nothing that makes a difference."""


def differing(params: Sequence[Mapping[str, str]]) -> list[str]:
    """The names of the parameters that differ between runs; a choice stands for all that it brings along.

    Where `optimizer` is sgd or adam, `optimizer.betas` differs as well, but never between two runs of adam: that it
    differs goes without saying.
    """
    names = sorted({name for each in params for name in each if not name.startswith(NEVER)})
    return [name for name in names if _differs(name, params) and (name in ALWAYS or not _follows(name, params))]


def _differs(name: str, params: Sequence[Mapping[str, str]]) -> bool:
    return len({each.get(name) for each in params}) > 1


def _follows(name: str, params: Sequence[Mapping[str, str]]) -> bool:
    """Whether a parameter is settled by the experiment, or by the choice from the group it belongs to."""
    choices = {"experiment", name.partition(".")[0]} - {name}
    return any(_settles(choice, name, params) for choice in choices)


def _settles(choice: str, name: str, params: Sequence[Mapping[str, str]]) -> bool:
    pairs = {(each.get(choice), each.get(name)) for each in params}
    return len(pairs) == len({chosen for chosen, _ in pairs})
