"""Prints how a run ended, and where its files are."""

import os

from descent.records.run import BEST
from descent.runs.identity import RunResult

UNPRINTED = ("runs_in_batch", "loss_gap", "steps_to_tolerance", "diverged")


def ending_line(name: str, result: RunResult) -> str:
    """How a run ended, with its last metrics; the best ones and others are in its record."""
    last = {key: value for key, value in result.metrics.items() if not key.startswith(BEST) and key not in UNPRINTED}
    return f"{name}: {result.result}  " + "  ".join(f"{key} {value:.4g}" for key, value in last.items())


def print_ending(name: str, result: RunResult) -> None:
    """Print how a run ended and where its files are, or that it was finished before."""
    where = os.path.relpath(result.folder)
    if result.was_finished:
        print(f"{name}: {where} holds this run already, {result.result}; remove it to train again")
        return
    print(ending_line(name, result))
    print(f"record {where}  picture {where}/views/descent.png  player {where}/views/descent.html")
