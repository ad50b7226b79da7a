"""reports/figures.csv: a row for each published figure."""

import csv
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

from descent.articles.published_value import PublishedValue
from descent.errors import UserError

COLUMNS = ("article", "figure", "published", "ours", "difference", "verdict", "cause")


def write_table(path: Path, values: Sequence[PublishedValue]) -> None:
    """Write published values as a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(map(astuple, values))


def read_table(path: Path) -> list[PublishedValue]:
    """Read the published values of a table; raise a UserError if the file is missing."""
    if not path.exists():
        raise UserError(f"{path} is missing; `descent articles` writes it")
    with path.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return [PublishedValue(*row) for row in rows]  # type: ignore[arg-type]  # a verdict is one of three texts
