"""What a run is and how it ended, as its record holds them."""

from dataclasses import dataclass, field
from typing import Literal

from descent.records.folder import FORMAT

Result = Literal["converged", "finished", "diverged", "stopped"]
"""How a run ended; it was stopped where others of its sweep were better on their way (`halving`)."""


@dataclass(frozen=True)
class Input:
    """A data file of a run: its name, its path in the project, or an absolute one, and its MD5, DVC's hash of it.

    The path is empty for the MD5 of the examples themselves, where files do not tell whether they have changed.
    """

    name: str
    path: str
    digest: str


@dataclass(frozen=True)
class Header:
    """The identity of a run.

    Args:
        id: unique among all runs.
        key: equal for runs that compute the same (`descent.records.lineage.run_key`).
        name: of the experiment.
        problem: the name of the problem, and of the MLflow experiment.
        created: milliseconds since the epoch.
        params: the resolved configuration, flat.
        tags: the lineage and other descriptions.
        inputs: the data files.
        rows: the number of rows that each table will have if the run takes all of its steps.
        code: the versions of the packages and the SHA-256 of the user's modules that it runs
            (`descent.records.code`).
        format: the version of the record.
    """

    id: str
    key: str
    name: str
    problem: str
    created: int
    params: dict[str, str]
    tags: dict[str, str]
    inputs: list[Input]
    rows: dict[str, int]
    code: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True)
class Termination:
    """The end of a run.

    Args:
        result: how it ended.
        step: the number of steps that it took.
        ended: the time in milliseconds since the epoch.
        sha256: the digests of the record's other files, by their names.
    """

    result: Result
    step: int
    ended: int
    sha256: dict[str, str] = field(default_factory=dict)
