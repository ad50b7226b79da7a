"""Make a project: a surface of your own, an experiment, a sweep over optimizers, a test; `dvc repro` trains it."""

import argparse
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from descent.errors import UserError

STARTER = Path(__file__).resolve().parents[1] / "starter"
"""The files of a new project."""


def main(words: Sequence[str]) -> None:
    """Make the project in the folder that the command line names."""
    parser = argparse.ArgumentParser("descent init", description=__doc__)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="a new folder, or one in which nothing is replaced")
    folder: Path = parser.parse_args(words).folder
    make_project(folder)
    where = os.path.relpath(folder)
    print(f"a project is in {where}; its README.md says what it has")
    print("dvc repro" if where == "." else f"cd {shlex.quote(where)} && dvc repro")


def make_project(folder: Path) -> None:
    """Copy the starter's files into a folder, and make it a DVC repository.

    Raises:
        UserError: if one of the files is there already; nothing is copied then.
    """
    names = [path.relative_to(STARTER) for path in sorted(STARTER.rglob("*")) if path.is_file() and _is_source(path)]
    there = [name for name in names if (folder / name).exists()]
    if there:
        raise UserError(f"{folder / there[0]} is there already; name a folder without it")
    try:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(STARTER / name, folder / name)
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; name a folder that can be written to") from error
    if not (folder / ".dvc").exists():
        _init_dvc(folder)


def _is_source(path: Path) -> bool:
    return "__pycache__" not in path.parts


def _init_dvc(folder: Path) -> None:
    from dvc.repo import Repo

    root = _git_root(folder)
    Repo.init(str(folder), no_scm=root is None, subdir=root not in (None, folder.resolve()))


def _git_root(folder: Path) -> Path | None:
    """The root of the git work tree that has a folder, if there is one."""
    try:
        git = subprocess.run(["git", "-C", folder, "rev-parse", "--show-toplevel"], capture_output=True)
    except FileNotFoundError:
        return None
    return Path(os.fsdecode(git.stdout.rstrip(b"\n"))).resolve() if git.returncode == 0 else None
