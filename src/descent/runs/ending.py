"""Prints how a run ended, and where its files are."""

import os

from descent.runs.identity import RunResult


def print_ending(name: str, result: RunResult) -> None:
    """Print how a run ended and where its files are, or that it was finished before."""
    where = os.path.relpath(result.folder)
    if result.was_finished:
        print(f"{name}: {where} holds this run already, {result.result}; remove it to train again")
        return
    metrics = "  ".join(f"{name} {value:.4g}" for name, value in result.metrics.items())
    print(f"{name}: {result.result}  {metrics}")
    print(f"record {where}  picture {where}/views/descent.png  player {where}/views/descent.html")
