"""The key and the folder of a configuration's run, and whether it is finished already; does not import PyTorch."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Self

from descent.core.config import TrainConfig
from descent.errors import UserError
from descent.project import project_root
from descent.records.code import code_of
from descent.records.folder import RECORD, VIEWS, refuse_first_version
from descent.records.header import Result
from descent.records.lineage import DESCRIPTIVE, effective_params, flattened, hashed_inputs, run_key, without
from descent.records.run import HEADER, RESULT, RunRecord
from descent.runs.trial import may_be_pruned

UNFINISHED = ".unfinished"
"""The end of the name of a folder in which the record of a run grows."""
LEFT_BY_DVC = {VIEWS, ".gitignore"}
"""The files that remain in the folder of a run when DVC has removed its record."""
GPUS = ("/dev/nvidiactl", "/dev/kfd")
"""The device files that Linux has if there is a GPU, NVIDIA's or AMD's."""
STOPPED_IN = "stopping.sweep"
"""The parameter that holds the id of the sweep of a run that others of it may stop."""
MAX_CANDIDATES = 20
"""The most runs of one name whose data are compared with those of a configuration."""
Inputs = tuple[tuple[Path, ...], str]
"""The data files that a run reads, and the accelerator that it is computed on."""


@dataclass(frozen=True)
class RunRequest:
    """How a run is requested.

    Args:
        overrides: of the command line.
        choices: the choice from each group of the configuration.
        name: of the run; None for the experiment's name.
        sweep: the id of its sweep, if it is the run of a job.
    """

    overrides: Sequence[str] = ()
    choices: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    sweep: str | None = None

    def named(self, name: str, sweep: str) -> Self:
        """The request with the name and the sweep of a job."""
        return replace(self, name=name, sweep=sweep)


@dataclass(frozen=True)
class RunResult:
    """The result of a run.

    Args:
        folder: of the run.
        result: how it ended.
        metrics: its final metrics.
        was_finished: whether it was finished before, so that nothing was trained.
        was_begun: whether it was started before, and has been resumed.
    """

    folder: Path
    result: Result
    metrics: dict[str, float]
    was_finished: bool = False
    was_begun: bool = False


def result_of_record(record: RunRecord, *, was_finished: bool = False, was_begun: bool = False) -> RunResult:
    """The result of the run of a complete record."""
    ending = record.ending()
    assert ending is not None
    return RunResult(record.folder, ending.result, record.metrics(), was_finished, was_begun)


def params_of(config: TrainConfig, accelerator: str, sweep: str | None = None) -> dict[str, str]:
    """The flat parameters of a run that is computed on an accelerator: `cpu`, `cuda` or `mps`.

    How far a run comes that others may stop depends on the sweep that it is in, whose id is a parameter then.
    """
    # Descriptions of the run are in its config.yaml; params are what runs are compared by.
    params = {**without(flattened(config.to_dict()), DESCRIPTIVE), "trainer.accelerator": accelerator}
    return {**params, STOPPED_IN: str(sweep)} if config.halving is not None or may_be_pruned() else params


def group_key(config: TrainConfig) -> str:
    """Equal for configurations that differ in their seed only."""
    params = effective_params(flattened(config.to_dict()))
    return json.dumps({name: value for name, value in params.items() if name != "seed"}, sort_keys=True)


def folder_of(config: TrainConfig, key: str) -> Path:
    """The folder of the run with a key."""
    return project_root() / (config.run_dir or f"runs/{config.name}-{key[:8]}")


def unfinished_folder(folder: Path, key: str) -> Path:
    """The folder in which the record of a run grows, until it is whole and moves to the run's own."""
    return folder.with_name(f"{folder.name}.{key[:8]}{UNFINISHED}")


def remove_unfinished(folder: Path, key: str) -> None:
    """Remove the folder in which a finished run grew, which a process that was killed after the move has left empty."""
    with suppress(OSError):
        unfinished_folder(folder, key).rmdir()


def finished(folder: Path, key: str, *, replace: bool = False) -> RunRecord | None:
    """The complete record in a folder, if its run has this key; None if the folder has no record.

    Args:
        folder: of the run.
        key: of the run.
        replace: whether the complete record of another run counts as none, which it will take the place of.

    Raises:
        UserError: if the folder holds anything else.
    """
    refuse_first_version(folder, HEADER)
    if not folder.exists() or {path.name for path in folder.iterdir()} <= LEFT_BY_DVC:
        return None
    if (folder / RECORD / RESULT).exists():
        record = RunRecord(folder)
        if record.header.key == key:
            return record
        if replace:
            return None
        raise UserError(
            f"{folder} holds another run (key {record.header.key[:8]}); remove it or choose another run_dir"
        )
    if (folder / RECORD).exists():
        raise UserError(f"{folder} is there and holds no finished run; remove it or choose another run_dir")
    raise UserError(f"{folder} is there, and is not the folder of a run; choose another run_dir")


def finished_run(config: TrainConfig, sweep: str | None = None) -> RunResult | None:
    """The result of a configuration's run, if it is certain without PyTorch that the run is finished; else None.

    Only PyTorch code knows which data files a configuration reads. So those of earlier runs of the same name are tried,
    with the hashes that they have now.
    """
    code = code_of(config.to_dict())
    for files, accelerator in _inputs_tried(config):
        if not _computes_on(config, accelerator) or not all(file.is_file() for file in files):
            continue
        key = run_key(params_of(config, accelerator, sweep), hashed_inputs(files, project_root()), code)
        folder = folder_of(config, key)
        if (folder / RECORD / RESULT).exists() and RunRecord(folder).header.key == key:
            remove_unfinished(folder, key)
            return result_of_record(RunRecord(folder), was_finished=True)
    return None


def _inputs_tried(config: TrainConfig) -> list[Inputs]:
    """What finished runs read that may be the configuration's run, or may read the same files.

    Those of a name are searched for until one is finished, and then kept: to list runs/ for each job of a sweep would
    take the square of the number of jobs.
    """
    if config.run_dir is not None:
        return _inputs_of([project_root() / config.run_dir])
    beginning = project_root() / f"runs/{config.name}-"
    if not _known_inputs.get(beginning):
        _known_inputs[beginning] = _inputs_of(_folders_that_begin(beginning))
    return _known_inputs[beginning]


_known_inputs: dict[Path, list[Inputs]] = {}


def _inputs_of(folders: Iterable[Path]) -> list[Inputs]:
    """What the first finished runs of some folders read, each set of files and accelerator once."""
    finished = (RunRecord(folder).header for folder in folders if (folder / RECORD / RESULT).exists())
    inputs = (
        (tuple(project_root() / source.path for source in header.inputs), header.params["trainer.accelerator"])
        for header in islice(finished, MAX_CANDIDATES)
    )
    return list(dict.fromkeys(inputs))


def _folders_that_begin(beginning: Path) -> Iterator[Path]:
    """The folders of runs whose paths begin so, without those in which runs are growing."""
    with suppress(FileNotFoundError), os.scandir(beginning.parent) as entries:
        for entry in entries:
            if entry.name.startswith(beginning.name) and not entry.name.endswith(UNFINISHED):
                yield beginning.parent / entry.name


def _computes_on(config: TrainConfig, accelerator: str) -> bool:
    """Whether it is certain without PyTorch that a configuration is computed on this accelerator."""
    has_no_gpu = sys.platform == "linux" and not any(Path(device).exists() for device in GPUS)
    return accelerator == "cpu" and (config.trainer.accelerator == "cpu" or has_no_gpu)
