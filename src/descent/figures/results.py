"""What the stages before the report measured: run records, repeats and gradient checks."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from descent.errors import UserError
from descent.tracking.record import EVALUATIONS, STEPS, RunRecord, Table

Array = NDArray[np.float64]
Row = dict[str, str]


@dataclass(frozen=True)
class Results:
    """The folders of a project in which they lie."""

    root: Path

    def record(self, name: str) -> RunRecord:
        """The record of an experiment's run."""
        folder = self.root / "runs" / name
        if not (folder / "result.json").exists():
            raise UserError(f"{folder} holds no finished run; `dvc repro` trains it")
        return RunRecord(folder)

    def result(self, name: str) -> str:
        """How an experiment's run ended."""
        ending = self.record(name).ending()
        assert ending is not None
        return ending.result

    def path(self, name: str, components: Sequence[str] = ("x", "y")) -> Array:
        """The positions of a small problem's run, (steps + 1, components), from the start on."""
        record = self.record(name)
        tables = [columns(record.read(table), components) for table in (EVALUATIONS, STEPS)]
        return np.concatenate([tables[0][:1], tables[1]])

    def frames(self, name: str) -> int:
        """How many frames the animation of an experiment's run has."""
        with Image.open(self.record(name).folder / "descent.gif") as animation:
            return int(getattr(animation, "n_frames", 1))

    def evaluations(self, name: str, metric: str) -> dict[int, float]:
        """A metric of an experiment's run after each number of steps at which it was evaluated."""
        found = columns(self.record(name).read(EVALUATIONS), ["step", metric])
        return {int(step): float(value) for step, value in found}

    def repeated(self, name: str, table: str = "runs.csv") -> list[Row]:
        """The rows of an experiment's repeats."""
        return _rows(self.root / "repeats" / name / table)

    def repeated_at(self, name: str, step: int, metric: str) -> list[float]:
        """A metric of every repeat after a number of steps."""
        return [float(row[metric]) for row in self.repeated(name, "evaluations.csv") if int(row["step"]) == step]

    def over_seeds(self, name: str, step: int, metric: str) -> list[float]:
        """A metric after a number of steps, of an experiment's own run and of its repeats."""
        return [self.evaluations(name, metric)[step], *self.repeated_at(name, step, metric)]

    def gradients(self, name: str) -> list[Row]:
        """The rows of an experiment's gradient check, one for each parameter."""
        return _rows(self.root / "gradients" / name / "differences.csv")


def columns(table: Table, names: Sequence[str]) -> Array:
    """Columns of a table, (rows, names)."""
    indices = [table.columns.index(name) for name in names]
    return np.array([[row[index] for index in indices] for row in table.rows], dtype=np.float64)


def _rows(path: Path) -> list[Row]:
    if not path.exists():
        raise UserError(f"{path} is missing; `dvc repro` makes it")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
