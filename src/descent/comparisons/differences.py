"""Finds the parameters in which runs differ, as few as distinguish the runs."""

from collections.abc import Mapping, Sequence

from descent.records.label import RATE, SEED
from descent.records.lineage import effective_params

ALWAYS_NAMED = (RATE, SEED)
"""Parameters that are named whenever they differ, even if another parameter determines them."""
NEVER_NAMED = ("name", "problem_name", "sweep", "stopping.sweep")
"""Prefixes of parameters that are names."""


def differing_params(params: Sequence[Mapping[str, str]]) -> list[str]:
    """The names of the parameters that differ between runs, without those that another choice determines.

    If `optimizer` is sgd or adam, `optimizer.betas` differs as well, but never between two runs of adam: `optimizer`
    alone is named. A seed of its own that a part takes from the run's, as that of random starts, is no other parameter.
    """
    with_effect = {name for run_params in params for name in effective_params(run_params)}
    names = sorted(name for name in with_effect if not name.startswith(NEVER_NAMED))
    return [
        name
        for name in names
        if _differs(name, params)
        and (name in ALWAYS_NAMED or not (_is_determined(name, params) or _follows_seed(name, params)))
    ]


def hidden_params(params: Sequence[Mapping[str, str]]) -> list[str]:
    """The parameters that differ between experiments, and that only the name of the experiment stands for."""
    if not _differs("experiment", params):
        return []
    names = sorted({name for run_params in params for name in effective_params(run_params)} - {"experiment"})
    return [
        name
        for name in names
        if not name.startswith(NEVER_NAMED)
        and name not in ALWAYS_NAMED
        and _differs(name, params)
        and _determines("experiment", name, params)
        and not (name != (choice := name.partition(".")[0]) and _determines(choice, name, params))
    ]


def _follows_seed(name: str, params: Sequence[Mapping[str, str]]) -> bool:
    """Whether a parameter is the seed of a part, and everywhere that of the run."""
    is_seed = name.endswith(f".{SEED}")
    return is_seed and all(run_params.get(name) == run_params.get(SEED) for run_params in params)


def _differs(name: str, params: Sequence[Mapping[str, str]]) -> bool:
    return len({run_params.get(name) for run_params in params}) > 1


def _is_determined(name: str, params: Sequence[Mapping[str, str]]) -> bool:
    """Whether the experiment, or the choice of the parameter's group, determines a parameter."""
    choices = {"experiment", name.partition(".")[0]} - {name}
    return any(_determines(choice, name, params) for choice in choices)


def _determines(choice: str, name: str, params: Sequence[Mapping[str, str]]) -> bool:
    pairs = {(run_params.get(choice), run_params.get(name)) for run_params in params}
    return len(pairs) == len({value for value, _ in pairs})
