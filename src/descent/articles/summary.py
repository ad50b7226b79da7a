"""What the report tells beside the published values, in plain numbers and texts: reports/articles.json."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from descent.articles import article_000, article_001, article_004
from descent.articles.published_value import interval
from descent.articles.results import Results
from descent.errors import UserError
from descent.records.folder import write_whole

NETWORKS = {"mnist_two_layer": 9601, "mnist_three_layer": 6_000}
"""The steps after which the networks' accuracies are compared over seeds."""


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
        write_whole(path, json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """The one in a file; UserError where it is missing."""
        if not path.exists():
            raise UserError(f"{path} is missing; `descent articles` writes it")
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def summary(results: Results) -> Summary:
    """The summary of what the stages measured."""
    minima, _ = article_000.extrema(article_000.polynomial(results))
    shares = article_000.ends(results)
    return Summary(
        rates={"001": article_001.RATES, "004": article_004.RATES},
        grid=article_004.GRID.tolist(),
        minima=minima.tolist(),
        ends=[(name, share.count, str(share)) for name, share in shares.items()],
        diverged=shares[article_000.AWAY].count,
        accuracies=[
            _accuracy(results, name, step, part) for name, step in NETWORKS.items() for part in ("train", "test")
        ],
    )


def _accuracy(results: Results, name: str, step: int, part: str) -> tuple[str, str, int, str, str, int]:
    values = results.over_seeds(name, step, f"accuracy/{part}")
    return name, part, step, interval(values), f"{min(values):.4f} to {max(values):.4f}", len(values)
