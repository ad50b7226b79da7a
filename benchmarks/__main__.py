"""Measure everything, print the tables, and write benchmarks/results.json and benchmarks/results.png."""

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from benchmarks.growth import time_per_run, with_runs_in_the_store
from benchmarks.measured import CLOSE, Measured
from benchmarks.one_run import one_run
from benchmarks.profiles import profiles
from benchmarks.simulations import simulations
from benchmarks.sweeps import sweeps
from benchmarks.waiting import waiting
from descent.core import numerics
from descent.render.style import BLUE, GREEN, GREY, ORANGE, new_figure

FOLDER = Path(__file__).parent
HEADER = ("what", "against", "unit", "Descent", "the other", "ratio", "turns", "goal", "met")
PACKAGES = ("torch", "pytorch-lightning", "mlflow", "hydra-core", "dvc", "numpy")


def main() -> None:
    """Measure in turns: what is compared is measured within a minute of each other."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    turns_help = f"of each comparison, {CLOSE} times as many of close ones (default: %(default)s)"
    parser.add_argument("--turns", type=int, default=2, help=turns_help)
    turns = parser.parse_args().turns
    numerics.configure_torch()
    measured: list[Measured] = []
    for measure in (one_run, sweeps, waiting):
        rows = measure(turns)
        measured += rows
        for row in rows:
            print(" | ".join(row.cells()), file=sys.stderr, flush=True)
    tables = {
        "parts": profiles(),
        "together": time_per_run(),
        "in the store": with_runs_in_the_store(),
        "simulated": simulations(),
    }
    results = {
        "machine": f"{os.cpu_count()} cores, {_processor()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "measured": [vars(row) for row in measured],
        "tables": tables,
    }
    (FOLDER / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    picture(measured).savefig(FOLDER / "results.png")
    print(report(results))


def report(results: Mapping[str, Any]) -> str:
    """The results as docs/benchmarks.md quotes them."""
    rows = [Measured(**row).cells() for row in results["measured"]]
    tables = [
        _table(HEADER, rows),
        *(
            _table(list(table[0]), [[_cell(value) for value in row.values()] for row in table])
            for table in results["tables"].values()
        ),
    ]
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    head = f"{results['machine']}; Python {results['python']}, {versions}; medians (and ranges) of the turns"
    return "\n\n".join([head, *tables])


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def picture(measured: Sequence[Measured]) -> Figure:
    """Each ratio on a logarithmic axis, its range, and its goal."""
    figure = new_figure(9, 0.36 * len(measured) + 1.4)
    axes = figure.subplots()
    for place, row in enumerate(reversed(measured)):
        middle = statistics.median(row.ratios)
        axes.plot([min(row.ratios), max(row.ratios)], [place, place], color=GREY, linewidth=2)
        colour = GREY if row.goal is None else BLUE if row.is_met else ORANGE
        axes.plot(middle, place, "o", color=colour, markersize=7)
        if row.goal is not None:
            axes.plot(row.goal, place, "|", color=GREEN, markersize=14, markeredgewidth=2)
    labels = [f"{row.what}\nagainst {row.peer}" for row in reversed(measured)]
    axes.set_yticks(range(len(measured)), labels, fontsize=7)
    axes.set(xscale="log", xlabel="Descent's share of the other's time or size")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    handles = [
        *axes.plot([], [], "o", color=BLUE, label="measured, goal met"),
        *axes.plot([], [], "o", color=ORANGE, label="measured, goal not met"),
        *axes.plot([], [], "o", color=GREY, label="measured, no goal"),
        *axes.plot([], [], "|", color=GREEN, markersize=12, markeredgewidth=2, label="goal"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=9)
    return figure


def _processor() -> str:
    """The name of the processor, from Linux."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
