"""CSV files as data: columns by their names, each cell checked, a wrong one named by its line."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from descent.core.data.csv_cells import number, read_text
from descent.core.data.examples import Data, Examples, unchanged
from descent.errors import UserError, suggestion
from descent.project import project_root


@dataclass(frozen=True)
class Table:
    """The cells of a CSV file as they are written.

    Args:
        path: of the file.
        columns: the names in its first line.
        lines: the line of each row in the file.
        rows: the cells, one for each column.
    """

    path: Path
    columns: Sequence[str]
    lines: Sequence[int]
    rows: Sequence[Sequence[str]]

    def texts(self, column: str) -> list[str]:
        """The cells of a column.

        Raises:
            UserError: if there is no such column, or a cell of it is empty.
        """
        if column not in self.columns:
            raise UserError(f"{self.path} has no column {column!r}; {suggestion(column, self.columns)}")
        place = list(self.columns).index(column)
        texts = [row[place].strip() for row in self.rows]
        for line, text in zip(self.lines, texts, strict=True):
            if not text:
                raise UserError(f"{self.path}, line {line}: {column} is empty; fill it in, or leave the row out")
        return texts

    def numbers(self, column: str, advice: str = "write a number there") -> list[float]:
        """The cells of a column as finite numbers.

        Raises:
            UserError: for a cell that is none, with the advice.
        """
        texts = self.texts(column)
        places = (f"{self.path}, line {line}: {column}" for line in self.lines)
        return [number(text, place, advice) for text, place in zip(texts, places, strict=True)]


def read_table(path: Path) -> Table:
    """The cells of a CSV file whose first line names the columns; empty lines are left out.

    Raises:
        UserError: for a file that can't be read, has no rows, or has a row of another length.
    """
    reader = csv.reader(read_text(path, "data.source.path is relative to the project's folder").splitlines())
    columns = [name.strip() for name in next(reader, [])]
    if len(set(columns)) < len(columns) or not all(columns):
        raise UserError(f"{path}, line 1: {','.join(columns)!r} must name each column, and each differently")
    lines, rows = [], []
    for row in reader:
        if row and len(row) != len(columns):
            raise UserError(f"{path}, line {reader.line_num}: {len(row)} cells, and there are {len(columns)} columns")
        if row:
            lines.append(reader.line_num)
            rows.append(row)
    if not rows:
        raise UserError(f"{path} has no rows; its first line names the columns, and each further one is an example")
    return Table(path, columns, lines, rows)


def read_csv(
    path: str,
    target: str | Sequence[str],
    inputs: Sequence[str] | None = None,
    categories: Sequence[str] = (),
    *,
    classes: bool,
) -> Data:
    """The rows of a CSV file as training examples: inputs (rows, features) in float32, and targets.

    Args:
        path: of the file, relative to the project.
        target: the column to predict, or several of numbers.
        inputs: the columns to predict it from; None for all others.
        categories: those among the inputs that are texts, each of which becomes a feature for each of its texts that is
            1 where it has that text, else 0.
        classes: whether the target is a class, (rows,) in int64, numbered in the order of its sorted texts or numbers;
            else it is numbers, (rows, targets) in float32.

    Raises:
        UserError: for a file, a column or a cell that is wrong.
    """
    table = read_table(project_root() / path)
    targets = [target] if isinstance(target, str) else list(target)
    names = [name for name in table.columns if name not in targets] if inputs is None else list(inputs)
    for name in (*targets, *names, *categories):
        table.texts(name)
    if not names or set(names) & set(targets) or not set(categories) <= set(names):
        raise UserError(
            f"data.source: inputs {', '.join(names) or 'none'}; choose one at least, without {', '.join(targets)}, and "
            "categories among them"
        )
    features: list[Tensor] = []
    for name in names:
        if name in categories:
            features += _indicators(table.texts(name))
        else:
            advice = f"write a number there, or add {name} to data.source.categories"
            features.append(torch.tensor(table.numbers(name, advice), dtype=torch.float32))
    if classes:
        if len(targets) > 1:
            raise UserError(f"data.source.target: {', '.join(targets)} can't be one class; choose one of them")
        labels = torch.tensor(_numbered(table.texts(targets[0])))
    else:
        labels = torch.tensor([table.numbers(name) for name in targets], dtype=torch.float32).T.contiguous()
    return Data(Examples((torch.stack(features, dim=1), labels), (unchanged, unchanged)), files=(table.path,))


def _indicators(texts: Sequence[str]) -> list[Tensor]:
    """A column for each distinct text: 1 where it is, else 0."""
    return [torch.tensor([float(text == each) for text in texts]) for each in _sorted(texts)]


def _numbered(texts: Sequence[str]) -> list[int]:
    """The place of each text among the distinct ones."""
    places = {text: place for place, text in enumerate(_sorted(texts))}
    return [places[text] for text in texts]


def _sorted(texts: Iterable[str]) -> list[str]:
    """The distinct texts, in the order of their numbers if all are numbers."""
    distinct = set(texts)
    try:
        return sorted(distinct, key=float)
    except ValueError:
        return sorted(distinct)
