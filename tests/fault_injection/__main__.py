"""`python -m fault_injection`: try every fault in every call of each task; print the table of docs/reliability.md."""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from descent.tracking.store import connect
from fault_injection.faults import FAULTS, POWER_CUTS
from fault_injection.tasks import TASKS, TRAINING
from fault_injection.trials import Trial, Trials, trials

WRONG = "lost, twice or wrong"
"""What must not be: after the same again, or as it was reported before, or nothing said of an error."""


def table(every: Iterable[Trial]) -> str:
    """How many trials of each task under each fault there were, and what became of them, in Markdown."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for trial in every:
        outcomes = ["tries", {0: "no harm", 1: "one line"}.get(int(trial.first.code), "killed")]
        for outcome in [*outcomes, *([WRONG] if trial.wrong else [])]:
            counts[trial.task, trial.fault.name, outcome] += 1
    columns = ("tries", "no harm", "one line", "killed", WRONG)
    lines = [f"| task | fault | {' | '.join(columns)} |", "|---" * (2 + len(columns)) + "|"]
    for task, fault in dict.fromkeys((task, fault) for task, fault, _ in counts):
        cells = " | ".join(str(counts[task, fault, column]) for column in columns)
        lines.append(f"| {task} | {fault} | {cells} |")
    totals = (sum(count for (_, _, outcome), count in counts.items() if outcome == column) for column in columns)
    return "\n".join([*lines, f"| all | | {' | '.join(map(str, totals))} |"])


def _of(attempts: Trials, task: str, step: int) -> Iterator[Trial]:
    """All trials of a task."""
    for fault in FAULTS:
        yield from attempts.of(task, fault, step)
    if task in TRAINING:
        yield from attempts.cut(task, POWER_CUTS, step)


def main() -> None:
    """Try all, print what is wrong, and then the table."""
    parser = argparse.ArgumentParser("python -m fault_injection", description=__doc__)
    parser.add_argument("--step", type=int, default=1, help="try one of so many calls (default: %(default)s)")
    parser.add_argument("--task", choices=TASKS, action="append", help="default: all")
    arguments = parser.parse_args()
    every: list[Trial] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        connect(f"sqlite:///{folder}/store.db")
        with trials(folder, folder / "store.db") as attempts:
            for task in arguments.task or TASKS:
                for trial in _of(attempts, task, arguments.step):
                    every.append(trial)
                    if trial.wrong:
                        print(f"{task}, {trial.fault.name}, call {trial.n}: {trial.wrong}", flush=True)
    print(table(every))
    sys.exit(any(trial.wrong for trial in every))


if __name__ == "__main__":
    main()
