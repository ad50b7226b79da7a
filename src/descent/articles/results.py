"""What the stages before the report measured: run records, repeats and gradient checks."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from descent.errors import UserError
from descent.records.folder import RECORD
from descent.records.run import EVALUATIONS, RESULT, STEPS, RunRecord, Table

Array = NDArray[np.float64]
Row = dict[str, str]


@dataclass(frozen=True)
class Results:
    """The folders of a project in which they lie."""

    root: Path

    def record(self, name: str) -> RunRecord:
        """The record of an experiment's run."""
        folder = self.root / "runs" / name
        if not (folder / RECORD / RESULT).exists():
            raise UserError(f"{folder} holds no finished run; `dvc repro` trains it")
        return RunRecord(folder)

    def result(self, name: str) -> str:
        """How an experiment's run ended."""
        ending = self.record(name).ending()
        assert ending is not None
        return ending.result

    def path(self, name: str, components: Sequence[str] = ("x", "y")) -> Array:
        """The positions of a small problem's run, (steps + 1, components), from the start on; nan without a start."""
        record = self.record(name)
        start, steps = (columns(record.read(table), components) for table in (EVALUATIONS, STEPS))
        return np.concatenate([start[:1] if len(start) else np.full((1, len(components)), np.nan), steps])

    def losses(self, name: str) -> Array:
        """The loss that each step of an experiment's run descended from."""
        return columns(self.record(name).read(STEPS), ["loss/step"])[:, 0]

    def gradient_norms(self, name: str) -> Array:
        """The norm of the gradient that each step of an experiment's run descended along."""
        return columns(self.record(name).read(STEPS), ["grad_norm"])[:, 0]

    def steps_taken(self, name: str) -> int:
        """How many steps an experiment's run took."""
        return len(self.record(name).read(STEPS).rows)

    def evaluation(self, name: str, metric: str, step: int) -> float:
        """A metric of an experiment's run after a number of steps; nan if it was not evaluated there."""
        table = columns(self.record(name).read(EVALUATIONS), ["step", metric])
        return next((float(value) for steps, value in table if steps == step), np.nan)

    def repeated(self, name: str, table: str = "runs.csv") -> list[Row]:
        """The rows of an experiment's repeats."""
        return _rows(self.root / "seeds" / name / table)

    def repeated_at(self, name: str, step: int, metric: str) -> list[float]:
        """A metric of every repeat after a number of steps."""
        return [float(row[metric]) for row in self.repeated(name, "evaluations.csv") if int(row["step"]) == step]

    def over_seeds(self, name: str, step: int, metric: str) -> list[float]:
        """A metric after a number of steps, of an experiment's own run and of its repeats."""
        return [self.evaluation(name, metric, step), *self.repeated_at(name, step, metric)]

    def curves(self, name: str, steps: Sequence[int], metrics: Sequence[str]) -> Array:
        """Metrics of an experiment's own run and of its repeats, (runs, steps, metrics); nan where there is none."""
        rows = self.repeated(name, "evaluations.csv")
        at = {(row["seed"], int(row["step"])): row for row in rows}
        repeats = [
            [[float(at.get((seed, step), {}).get(metric, np.nan)) for metric in metrics] for step in steps]
            for seed in dict.fromkeys(row["seed"] for row in rows)
        ]
        own = [[self.evaluation(name, metric, step) for metric in metrics] for step in steps]
        return np.array([own, *repeats])

    def gradients(self, name: str) -> list[Row]:
        """The rows of an experiment's gradient check, one for each parameter."""
        return _rows(self.root / "gradients" / name / RECORD / "differences.csv")


def columns(table: Table, names: Sequence[str]) -> Array:
    """Columns of a table, (rows, names)."""
    if not table.rows:
        return np.empty((0, len(names)))
    indices = [table.columns.index(name) for name in names]
    return np.array([[row[index] for index in indices] for row in table.rows], dtype=np.float64)


def _rows(path: Path) -> list[Row]:
    if not path.exists():
        raise UserError(f"{path} is missing; `dvc repro` makes it")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
