"""The identity of a configuration's run, its folder, and whether it is there already; without PyTorch."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Self

from descent.core.config import TrainConfig
from descent.errors import UserError
from descent.project import project_root
from descent.records.folder import RECORD, VIEWS, refuse_first_version
from descent.records.lineage import DESCRIPTIVE, flat, inputs, run_key, without
from descent.records.run import HEADER, RESULT, Header, Result, RunRecord

LEFT_BY_DVC = {VIEWS, ".gitignore"}
"""What is in the folder of a run whose record DVC removed."""
GPUS = ("/dev/nvidiactl", "/dev/kfd")
"""What Linux has where there is a GPU, NVIDIA's or AMD's."""
LOOKED_AT = 20
"""The most runs of one name whose data are compared with those of a configuration."""


@dataclass(frozen=True)
class RunRequest:
    """How a run is requested.

    Args:
        overrides: the command line's.
        choices: the choice from each group of the configuration.
        name: what to call the run; None for the experiment's name.
        sweep: the id of the sweep it is a job of, if it is.
    """

    overrides: Sequence[str] = ()
    choices: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    sweep: str | None = None

    def named(self, name: str, sweep: str) -> Self:
        """The same as a job of a sweep."""
        return replace(self, name=name, sweep=sweep)


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Args:
        folder: the run's.
        result: how it ended.
        metrics: its final metrics.
        was_finished: whether it was there already.
        was_begun: whether it was resumed after an interruption.
    """

    folder: Path
    result: Result
    metrics: dict[str, float]
    was_finished: bool = False
    was_begun: bool = False


def result_of_record(record: RunRecord, *, was_finished: bool = False, was_begun: bool = False) -> RunResult:
    """How the run of a whole record ended."""
    ending = record.ending()
    assert ending is not None
    return RunResult(record.folder, ending.result, record.metrics(), was_finished, was_begun)


def params_of(config: TrainConfig, accelerator: str) -> dict[str, str]:
    """The flat parameters of a run that is computed on an accelerator: `cpu`, `cuda` or `mps`."""
    # Descriptions of the run are in its config.yaml; params are what runs are compared by.
    return {**without(flat(config.to_dict()), DESCRIPTIVE), "trainer.accelerator": accelerator}


def folder_of(config: TrainConfig, key: str) -> Path:
    """The folder of the run with a key."""
    return project_root() / (config.run_dir or f"runs/{config.name}-{key[:8]}")


def finished(folder: Path, key: str) -> RunRecord | None:
    """The record in a folder, if it is of a run with this key.

    Raises:
        UserError: for a folder that holds anything else, which is left alone.
    """
    refuse_first_version(folder, HEADER)
    if not folder.exists() or {path.name for path in folder.iterdir()} <= LEFT_BY_DVC:
        return None
    if (folder / RECORD / RESULT).exists():
        record = RunRecord(folder)
        if record.header.key == key:
            return record
        raise UserError(
            f"{folder} holds another run (key {record.header.key[:8]}); remove it or choose another run_dir"
        )
    raise UserError(f"{folder} is there and holds no finished run; remove it or choose another run_dir")


def finished_run(config: TrainConfig) -> RunResult | None:
    """The run of a configuration, if it is there already and that is certain without PyTorch; else None.

    Its data are those of another run of the same name, whose files may have changed since.
    """
    tried = set()
    for header in islice(_headers_of(config), LOOKED_AT):
        paths = tuple(source.path for source in header.inputs)
        accelerator = header.params["trainer.accelerator"]
        files = [project_root() / path for path in paths]
        if paths in tried or not _computes_on(config, accelerator) or not all(file.is_file() for file in files):
            continue
        tried.add(paths)
        key = run_key(params_of(config, accelerator), inputs(files, project_root()))
        folder = folder_of(config, key)
        if (folder / RECORD / RESULT).exists() and RunRecord(folder).header.key == key:
            return result_of_record(RunRecord(folder), was_finished=True)
    return None


def _headers_of(config: TrainConfig) -> Iterator[Header]:
    """Those of the finished runs that a configuration may be, or share its data with."""
    runs = [project_root() / config.run_dir] if config.run_dir else project_root().glob(f"runs/{config.name}-*")
    return (RunRecord(folder).header for folder in runs if (folder / RECORD / RESULT).exists())


def _computes_on(config: TrainConfig, accelerator: str) -> bool:
    """Whether a configuration is certain to be computed on an accelerator, as far as is known without PyTorch."""
    has_no_gpu = sys.platform == "linux" and not any(Path(device).exists() for device in GPUS)
    return accelerator == "cpu" and (config.trainer.accelerator == "cpu" or has_no_gpu)
