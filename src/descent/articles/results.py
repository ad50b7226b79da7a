"""The results of the training stages: run records, runs from other seeds, and gradient checks."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from descent.errors import UserError
from descent.records.folder import RECORD
from descent.records.run import EVALUATIONS, RESULT, STEPS, RunRecord

Array = NDArray[np.float64]
Row = dict[str, str]


@dataclass(frozen=True)
class Results:
    """The results in the folders of a project."""

    root: Path

    def record(self, name: str) -> RunRecord:
        """The record of an experiment's run."""
        folder = self.root / "runs" / name
        if not (folder / RECORD / RESULT).exists():
            raise UserError(f"{folder} holds no finished run; `dvc repro` trains it")
        return RunRecord(folder)

    def result(self, name: str) -> str:
        """The result of an experiment's run."""
        ending = self.record(name).ending()
        assert ending is not None
        return ending.result

    def path(self, name: str, components: Sequence[str] = ("x", "y")) -> Array:
        """The positions of an experiment's run, (steps + 1, components), from the start, which is nan if missing."""
        record = self.record(name)
        start, steps = (record.table(table).values(*components) for table in (EVALUATIONS, STEPS))
        return np.concatenate([start[:1] if len(start) else np.full((1, len(components)), np.nan), steps])

    def losses(self, name: str) -> Array:
        """The loss of each step of an experiment's run."""
        return self.record(name).table(STEPS).values("loss/step")[:, 0]

    def gradient_norms(self, name: str) -> Array:
        """The gradient norm of each step of an experiment's run."""
        return self.record(name).table(STEPS).values("grad_norm")[:, 0]

    def steps_taken(self, name: str) -> int:
        """The number of steps of an experiment's run."""
        return self.record(name).table(STEPS).count()

    def evaluation(self, name: str, metric: str, step: int) -> float:
        """A metric of an experiment's run after a number of steps; nan if it was not evaluated then."""
        table = self.record(name).table(EVALUATIONS).values("step", metric)
        return next((float(value) for steps, value in table if steps == step), np.nan)

    def seed_rows(self, name: str, table: str = "runs.csv") -> list[Row]:
        """The rows of a table of an experiment's runs from other seeds."""
        return _rows(self.root / "seeds" / name / table)

    def seed_values(self, name: str, step: int, metric: str) -> list[float]:
        """A metric after a number of steps, of an experiment's runs from other seeds."""
        return [float(row[metric]) for row in self.seed_rows(name, "evaluations.csv") if int(row["step"]) == step]

    def over_seeds(self, name: str, step: int, metric: str) -> list[float]:
        """A metric after a number of steps, of an experiment's run and of its runs from other seeds."""
        return [self.evaluation(name, metric, step), *self.seed_values(name, step, metric)]

    def curves(self, name: str, steps: Sequence[int], metrics: Sequence[str]) -> Array:
        """Metrics of an experiment's run and of its runs from other seeds, (runs, steps, metrics); nan if missing."""
        rows = self.seed_rows(name, "evaluations.csv")
        row_at = {(row["seed"], int(row["step"])): row for row in rows}
        seed_curves = [
            [[float(row_at.get((seed, step), {}).get(metric, np.nan)) for metric in metrics] for step in steps]
            for seed in dict.fromkeys(row["seed"] for row in rows)
        ]
        curve = [[self.evaluation(name, metric, step) for metric in metrics] for step in steps]
        return np.array([curve, *seed_curves])

    def gradients(self, name: str) -> list[Row]:
        """The rows of an experiment's gradient check, one for each parameter."""
        return _rows(self.root / "gradients" / name / RECORD / "differences.csv")


def _rows(path: Path) -> list[Row]:
    if not path.exists():
        raise UserError(f"{path} is missing; `dvc repro` makes it")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
