"""The lineage of a run: its configuration, its data, the core's source, and the commit."""

import getpass
import hashlib
import json
import os
import shlex
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from descent.records.header import Input
from descent.records.run import COMMAND

DESCRIPTIVE = ("description", "article", "data.classes", "data.features", "optimizer.sharing", "optimizer.rates")
"""Keys of a configuration that only describe it."""
RANKING = ("objective", "target")
"""Keys of a configuration that say how runs are compared; they change no result unless a run ends early by them."""
NO_EFFECT = (
    *DESCRIPTIVE, *RANKING, "run_dir", "replace", "tracking", "trainer.chunk_size", "trainer.checkpoint_seconds",
)  # fmt: skip
"""Keys of a configuration that cannot change a result."""
EXACT = 2**53
"""The size up to which whole numbers are different floats."""
SETTLED = 2_000_000_000
"""Nanoseconds after which a second change of a file certainly has another time than the first."""


def flattened(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A nested configuration flattened to dotted names and texts; texts stay as they are, other values become JSON."""
    texts: dict[str, str] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            texts |= flattened(value, f"{prefix}{name}.")
        else:
            texts[prefix + name] = value if isinstance(value, str) else json.dumps(value)
    return texts


def canonical(value: str) -> str:
    """The value of an override however it is written: 0.1 for 1e-1 or .1, and a text without quotes."""
    try:
        number = float(value)
        return repr(number) if abs(number) < EXACT else value
    except ValueError:
        is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        return value[1:-1] if is_quoted else value


def hashed_inputs(files: Iterable[Path], root: Path) -> list[Input]:
    """The data files of a run, each with the MD5 that DVC computes for it."""
    inputs = []
    for path in files:
        place = path.relative_to(root) if path.is_relative_to(root) else path.absolute()
        inputs.append(Input(path.name, place.as_posix(), _md5(path)))
    return inputs


def _md5(path: Path) -> str:
    """The MD5 of a file, which is read once for all jobs of a process while it stays as it is."""
    status = path.stat()
    if time.time_ns() - status.st_ctime_ns < SETTLED:
        return _md5_of.__wrapped__(path)
    return _md5_of(path, status.st_ino, status.st_ctime_ns, status.st_size)


@lru_cache
def _md5_of(path: Path, *_: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def hashed_examples(digest: str | None) -> list[Input]:
    """The examples themselves as an input of a run that no file stands for, if they have a digest."""
    return [] if digest is None else [Input("examples", "", digest)]


def source_hash(package: str = "core", *suffixes: str) -> str:
    """The SHA-256 of the source of a package, by default of the core: no other source can change a number of a run.

    Args:
        package: its name in `descent`.
        suffixes: of the source files that are not Python's.
    """
    folder = Path(__file__).resolve().parents[1] / package
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*.*") if path.suffix in (".py", *suffixes)):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def effective_params(params: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a flat configuration that can change a result."""
    ends_early = params.get("stop_at_target") == "true" or "halving.after" in params
    return without(params, [key for key in NO_EFFECT if not (ends_early and key in RANKING)])


def without(params: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    """A flat configuration less some keys and sections."""
    prefixes = tuple(f"{key}." for key in keys)
    return {name: value for name, value in params.items() if not f"{name}.".startswith(prefixes)}


def run_key(params: Mapping[str, str], data: Iterable[Input], code: Mapping[str, str]) -> str:
    """The key of a run: runs with equal keys have equal results (on the same machine).

    Args:
        params: the flat, resolved configuration; parameters that cannot change a result are ignored.
        data: the data files.
        code: the code behind the configuration (`descent.records.code`).
    """
    identity = {
        "config": effective_params(params),
        "data": [file.digest for file in data],
        "source": source_hash(),
        "code": dict(code),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def source_tags(overrides: Sequence[str]) -> dict[str, str]:
    """The tags of a run for its source, as MLflow shows them: the command that trains it, and who trained it."""
    tags = {
        COMMAND: shlex.join(["descent", "train", *overrides]),
        "mlflow.source.name": "descent train",
        "mlflow.source.type": "LOCAL",
    }
    with suppress(ImportError, KeyError, OSError):  # a user without a name, as in some containers
        tags["mlflow.user"] = getpass.getuser()
    return tags


def dvc_tags(files: Iterable[Input]) -> dict[str, str]:
    """The tags of a run for DVC: the hashes of its data, and the name of the DVC experiment, if there is one."""
    name = os.environ.get("DVC_EXP_NAME")
    tags = {f"dvc.{file.path}": file.digest for file in files if not Path(file.path).is_absolute()}
    return tags | ({"dvc.experiment": name} if name else {})


def git_tags(root: Path) -> dict[str, str]:
    """The tags of a run for git: the commit, as MLflow shows it, and whether the work tree differs from it.

    dvc.lock is ignored, since the pipeline itself writes it. Git is asked once a second at most: it takes a fiftieth
    of one, for which each of thousands of jobs would wait.
    """
    return dict(_git_tags(root, time.monotonic_ns() // 1_000_000_000))


@lru_cache(maxsize=1)
def _git_tags(root: Path, _: int) -> dict[str, str]:

    def git(*arguments: str) -> str | None:
        try:
            process = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return process.stdout.strip()

    commit = git("rev-parse", "HEAD")
    if commit is None:
        return {"git.dirty": "not in a git checkout"}
    return {
        "mlflow.source.git.commit": commit,
        "git.dirty": str(bool(git("status", "--porcelain", "--", ".", ":!dvc.lock"))).lower(),
    }
