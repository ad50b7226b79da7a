"""Where a run comes from: its configuration, its data, the core's source, and the commit."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from descent.records.run import Input

ABOUT = ("description", "article", "optimizer.sharing")
"""What of a configuration describes it, and is no parameter of a run."""
NO_EFFECT = (*ABOUT, "run_dir", "tracking", "objective", "trainer.chunk_size", "trainer.checkpoint_seconds")
"""What of a configuration cannot change a result."""


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A nested configuration as dotted names and texts; texts as they are, all else as JSON."""
    texts: dict[str, str] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            texts |= flat(value, f"{prefix}{name}.")
        else:
            texts[prefix + name] = value if isinstance(value, str) else json.dumps(value)
    return texts


def inputs(files: Iterable[Path], root: Path) -> list[Input]:
    """The files a run is trained on, with the MD5 that DVC has of each."""
    found = []
    for path in files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "md5").hexdigest()
        found.append(Input(path.name, path.relative_to(root).as_posix(), digest))
    return found


def source_hash(package: str = "core", *suffixes: str) -> str:
    """SHA-256 over the source of a package of ours, by default of the one that can change a number of a run.

    Args:
        package: its name in `descent`.
        suffixes: of the files that are source beside Python's.
    """
    folder = Path(__file__).resolve().parents[1] / package
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*.*") if path.suffix in (".py", *suffixes)):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def effective(params: Mapping[str, str]) -> dict[str, str]:
    """What of a flat configuration can change a result."""
    return without(params, NO_EFFECT)


def without(params: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    """A flat configuration less some keys and sections."""
    prefixes = tuple(f"{key}." for key in keys)
    return {name: value for name, value in params.items() if not f"{name}.".startswith(prefixes)}


def run_key(params: Mapping[str, str], data: Iterable[Input]) -> str:
    """What tells what a run computes: equal keys, equal results (on the same machine).

    Args:
        params: the flat, resolved configuration; what cannot change a result is left out of account.
        data: the files it is trained on.
    """
    identity = {"config": effective(params), "data": [source.digest for source in data], "source": source_hash()}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def dvc_tags(files: Iterable[Input]) -> dict[str, str]:
    """The hashes that DVC has of the data, and the name of the DVC experiment that this is part of, if it is."""
    name = os.environ.get("DVC_EXP_NAME")
    return {f"dvc.{source.path}": source.digest for source in files} | ({"dvc.experiment": name} if name else {})


def git_tags(root: Path) -> dict[str, str]:
    """The commit that is checked out, under the tag MLflow shows, and whether the work tree differs from it.

    dvc.lock doesn't count: it is what a run of the pipeline writes.
    """

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    commit = git("rev-parse", "HEAD")
    if commit is None:
        return {"git.dirty": "not in a git checkout"}
    return {
        "mlflow.source.git.commit": commit,
        "git.dirty": str(bool(git("status", "--porcelain", "--", ".", ":!dvc.lock"))).lower(),
    }
