"""What the report tells beside the published values, in plain numbers and texts: reports/articles.json."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from descent.errors import UserError
from descent.records.folder import write_atomically


@dataclass(frozen=True)
class Summary:
    """What the report tells beside the published values.

    Args:
        rates: for each of two articles, its experiments with their learning rates.
        grid: the coordinates, along both axes, at which article 004 draws the gradient.
        minima: of the noisy polynomial, from left to right.
        ends: how its descents ended: name, number of runs, share with its interval.
        diverged: the number of those that diverged.
        accuracies: for each network and part of the data: experiment, part, step, mean with interval, range, seeds.
    """

    rates: dict[str, dict[str, float]]
    grid: list[float]
    minima: list[float]
    ends: list[tuple[str, int, str]]
    diverged: int
    accuracies: list[tuple[str, str, int, str, str, int]]

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        write_atomically(path, json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """The one in a file; UserError where it is missing."""
        if not path.exists():
            raise UserError(f"{path} is missing; `descent articles` writes it")
        return cls(**json.loads(path.read_text(encoding="utf-8")))
