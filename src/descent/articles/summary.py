"""reports/articles.json: the numbers and texts of the report's sections."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from descent.errors import UserError
from descent.records.files import write_atomically


@dataclass(frozen=True)
class Summary:
    """The numbers and texts of the report's sections.

    Args:
        rates: for each of two articles, its experiments with their learning rates.
        grid: the coordinates, along both axes, at which article 004 draws the gradient.
        minima: of the noisy polynomial, from left to right.
        ends: the outcomes of its descents: name, number of runs, share with its interval.
        diverged: the number of its descents that diverged.
        images: that the networks are trained on.
        accuracies: for each network and part of the data: experiment, part, step, mean with interval, range, seeds.
    """

    rates: dict[str, dict[str, float]]
    grid: list[float]
    minima: list[float]
    ends: list[tuple[str, int, str]]
    diverged: int
    images: str
    accuracies: list[tuple[str, str, int, str, str, int]]

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        write_atomically(path, json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it from a file; raise a UserError if the file is missing."""
        if not path.exists():
            raise UserError(f"{path} is missing; `descent articles` writes it")
        return cls(**json.loads(path.read_text(encoding="utf-8")))
