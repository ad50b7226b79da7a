"""The runs of a sweep or of a comparison."""

import os
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from descent.api.run import Run
from descent.errors import printable

if TYPE_CHECKING:
    from pandas import DataFrame


class ComparedRuns:
    """The runs of a sweep or of a comparison, read from its folder; a notebook shows its table and its pictures.

    A map of basins (`sweep=basin`) has no runs, but a table of its cells and a picture.

    Attributes:
        folder: of the sweep or the comparison.

    Example:
        >>> runs = descent.load("sweeps/himmelblau-8e6ef182")
        >>> runs.table.sort_values("loss/train")[["run", "loss/train"]]
        >>> runs.best.problem()
    """

    def __init__(self, folder: Path) -> None:
        """Open the sweep or comparison in a folder; raise FileNotFoundError if there is none."""
        from descent.comparisons.comparison import compare_sweep
        from descent.records.sweep import SweepRecord
        from descent.render.basins import draw_basins

        self.folder = folder.absolute()
        self.record: SweepRecord = SweepRecord(self.folder)
        if self.record.basins() is None:
            compare_sweep(self.record)
        else:
            draw_basins(self.record)

    @property
    def name(self) -> str:
        """Its name, with what differs between the runs."""
        return self.record.header.name

    @property
    def runs(self) -> list[Run]:
        """The runs that have ended."""
        return [Run(record.folder) for record in self.record.runs() if record.ending() is not None]

    @property
    def failed(self) -> dict[str, str]:
        """Why jobs failed, in one line each, by their names."""
        return {job.name: job.reason or "" for job in self.record.jobs() if job.stage == "failed"}

    @property
    def table(self) -> "DataFrame":
        """A row for each run: the parameters that differ, its result, its steps and its final metrics."""
        import pandas as pd

        from descent.api.tables import read_runs
        from descent.records.sweep import RUNS
        from descent.runs.basin_map import TABLE

        if self.record.basins() is not None:
            return pd.read_csv(self.record.files / TABLE)
        path = self.record.views / RUNS
        return read_runs(path) if path.exists() else pd.DataFrame()

    @property
    def groups(self) -> "DataFrame":
        """A row for each group of runs that differ in their seed only, the best first: the objective's metric.

        It is the interquartile mean over the seeds, from `low` to `high` with 95 % confidence; `interval` says how that
        is computed. No rows if the runs are of several problems, or have no such metric.
        """
        import pandas as pd

        from descent.records.sweep import GROUPS

        path = self.record.views / GROUPS
        return pd.read_csv(path, keep_default_na=False) if path.exists() else pd.DataFrame()

    @property
    def conclusions(self) -> list[str]:
        """What may be concluded, in lines: the best group, whether it is separable from the second, and cautions."""
        return self.record.state().conclusions

    @property
    def best(self) -> Run | None:
        """The most typical run of the best group by the objective; None if all diverged or their problems differ."""
        best = self.record.state().best_record
        return next((run for run in self.runs if run.record.header.id == best), None)

    @property
    def pictures(self) -> list[Path]:
        """The pictures that compare the runs, PNG files."""
        return sorted(self.record.views.glob("*.png"))

    def _best_line(self) -> str:
        best = self.record.state()
        return f"  best: {best.best}" if best.best is not None else ""

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} failed" if self.failed else ""
        where = os.path.relpath(self.folder)
        return printable(f"<ComparedRuns {self.name}: {len(self.runs)} runs{failed}{self._best_line()}  {where}>")

    def _repr_html_(self) -> str:
        from descent.api.html import picture

        where = os.path.relpath(self.folder)
        line = f"<b>{escape(self.name)}</b>: {len(self.runs)} runs"
        conclusions = "".join(f"<p>{escape(line)}</p>" for line in self.conclusions)
        failed = "".join(f"<p>failed: {escape(name)}: {escape(why)}</p>" for name, why in self.failed.items())
        pictures = "".join(f"<div>{picture(path)}</div>" for path in self.pictures)
        has_several_seeds = len(self.groups) > 0 and self.groups["seeds"].max() > 1
        table = self.groups if has_several_seeds else self.table.drop(columns="record", errors="ignore")
        html = table.to_html(index=False, max_rows=60)
        return f"<p>{line} &nbsp; <code>{escape(where)}</code></p>{conclusions}{failed}{html}{pictures}"
