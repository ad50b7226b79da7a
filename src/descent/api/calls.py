"""The calls: train a run or a sweep, compare runs, and load what is there."""

from pathlib import Path
from typing import TYPE_CHECKING

from descent.api.compared_runs import ComparedRuns
from descent.api.run import Run
from descent.errors import UserError

if TYPE_CHECKING:
    from descent.core.config import TrainConfig
    from descent.records.run import RunRecord
    from descent.runs.composition import CommandLine
    from descent.runs.identity import RunResult

STORE = "sqlite:///mlflow.db"
"""The MLflow store that runs are synced to unless their configuration names another."""


def train(*words: str) -> Run:
    """Train a run, unless it is finished already; one that was interrupted is resumed from its last checkpoint.

    The same as `descent train`, with the same configuration, record, key and folder. When it returns, the run is drawn
    and, unless `tracking=none` says otherwise, synced to MLflow.

    Args:
        words: the name of an experiment and overrides, as on the command line, or overrides only.

    Returns:
        The finished run.

    Raises:
        UserError: if the configuration is wrong or can't be trained; one line says what to do.

    Example:
        >>> run = descent.train("himmelblau", "optimizer=adam", "optimizer.lr=0.1")
        >>> run = descent.train("problem=bowl", "trainer.max_steps=100", "tracking=none")
    """
    from contextlib import ExitStack

    from descent.api.session import session
    from descent.runs.lifecycle import run_tracked

    results: list[RunResult] = []
    with session(), ExitStack() as until_synced:
        line = _command_line(words)
        if line.common is not None:
            raise UserError(f"{' '.join(words)}: this is a sweep; train it with descent.sweep")
        line.run(lambda config: results.append(run_tracked(config, until_synced)))
    return Run(results[0].folder).drawn()


def sweep(*words: str) -> ComparedRuns:
    """Train a run for each combination of the values given, or a ready sweep, and compare the runs.

    The same as `descent train -m`: finished runs are not trained again, and each job prints a line at its end.

    Args:
        words: the name of an experiment and overrides, as on the command line, or overrides only.

    Returns:
        The runs, with the table and the pictures that compare them.

    Raises:
        UserError: if the configuration is wrong, or jobs failed. The other runs are compared even so:
            `descent.load(FOLDER)`, with the folder that is printed, has them and the reasons.

    Example:
        >>> descent.sweep("himmelblau", "optimizer=sgd,adam", "optimizer.lr=1e-3,1e-2", "hydra/launcher=fused")
        >>> descent.sweep("himmelblau", "sweep=learning_rate").best
    """
    from contextlib import ExitStack

    from descent.api.session import session
    from descent.runs.lifecycle import sweep_tracked

    with session(), ExitStack() as until_synced:
        line = _command_line(words, "--multirun")
        record = sweep_tracked(line, until_synced)
    return ComparedRuns(record.folder)


def compare(*picks: "Run | ComparedRuns | str | Path", target: str | None = None, uri: str = STORE) -> ComparedRuns:
    """Compare runs in a table and in pictures, in `comparisons/KEY` and as a run in MLflow.

    The same as `descent compare`.

    Args:
        picks: runs and sweeps, or their folders, keys or MLflow run ids, or MLflow filters.
        target: what the runs are to reach, as METRIC=VALUE; the pictures and the table then say how soon they did.
        uri: the MLflow store.

    Returns:
        The runs, with the table and the pictures that compare them.

    Raises:
        UserError: if a pick matches no run, or fewer than two runs have ended.

    Example:
        >>> descent.compare(run, "sweeps/himmelblau-8e6ef182", "params.optimizer = 'adam'")
        >>> descent.compare("sweeps/himmelblau-8e6ef182", target="loss/train=0.01").conclusions
    """
    from descent.comparisons.selected import compare_selected
    from descent.tracking.sweep_sync import sync_sweep

    records = {record.header.id: record for pick in picks for record in _records(pick, uri)}
    comparison, _ = compare_selected([*records.values()], target)
    sync_sweep(comparison.folder, uri)
    return ComparedRuns(comparison.folder)


def load(place: "str | Path", uri: str = STORE) -> Run | ComparedRuns:
    """Open a finished run, a sweep or a comparison that is there.

    Args:
        place: its folder, an MLflow run id, or the beginning of a key, 8 digits or more, as in the name of its folder.
        uri: the MLflow store to search.

    Raises:
        UserError: if none or several match, or the run is not finished.

    Example:
        >>> run = descent.load("runs/himmelblau-1f347a16")
    """
    from descent.comparisons.selection import find_record
    from descent.records.folder import RECORD
    from descent.records.run import HEADER

    folder = find_record(str(place), uri)
    return Run(folder).drawn() if (folder / RECORD / HEADER).exists() else ComparedRuns(folder)


def _command_line(words: tuple[str, ...], *options: str) -> "CommandLine[TrainConfig]":
    """The command line of some words, of which the first may be the name of an experiment."""
    from descent.core.config import TrainConfig
    from descent.runs.composition import CommandLine

    for word in words:
        if word.startswith("-"):
            raise UserError(f"{word}: options are the command's; use overrides, and descent.sweep for -m")
    is_named = bool(words) and "=" not in words[0] and not words[0].startswith("~")
    overrides = [f"experiment={words[0]}", *words[1:]] if is_named else words
    return CommandLine("train", TrainConfig, [*options, *overrides])


def _records(pick: "Run | ComparedRuns | str | Path", uri: str) -> "list[RunRecord]":
    from descent.comparisons.selection import select_runs

    if isinstance(pick, Run):
        return [pick.record]
    if isinstance(pick, ComparedRuns):
        return pick.record.runs()
    return select_runs([str(pick)], uri)
