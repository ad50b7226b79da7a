"""reports/figures.csv: a row for each published figure."""

import csv
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

from descent.articles.published_value import Figure

COLUMNS = ("article", "figure", "published", "ours", "difference", "verdict", "cause")


def write_figures(path: Path, figures: Sequence[Figure]) -> None:
    """Write the figures as a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(map(astuple, figures))
