"""What a process does to the disk, and what it leaves there for every moment at which it could be killed."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate")

_listeners: list[Callable[[str, tuple[Any, ...]], None]] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    for listener in _listeners:
        listener(event, arguments)


sys.addaudithook(_audit)  # which Python never lets go of


@contextmanager
def paths_of(event: str) -> Iterator[list[Path]]:
    """The paths of all audit events of a kind in the context: the files of `open`, the folders of `os.scandir`."""
    paths: list[Path] = []

    def listen(kind: str, arguments: tuple[Any, ...]) -> None:
        if kind == event and not isinstance(arguments[0], int):
            paths.append(Path(os.fsdecode(arguments[0])))

    _listeners.append(listen)
    try:
        yield paths
    finally:
        _listeners.remove(listen)


@contextmanager
def copied_before_every_change(folder: Path, copies: Path) -> Iterator[list[Path]]:
    """Copy a folder before every change that Python makes in it; the copies, in the order of the changes.

    A file that is opened to be written anew is empty in the copy: so a kill before the first write leaves it.
    """
    moments: list[Path] = []
    copying = False

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal copying
        flags = arguments[2] if event == "open" else 0
        is_change = event in CHANGES or flags & (os.O_TRUNC | os.O_APPEND)
        if copying or not is_change or isinstance(arguments[0], int):
            return
        path = Path(os.fsdecode(arguments[0]))
        if path.is_relative_to(folder):
            copying = True
            moments.append(shutil.copytree(folder, copies / f"{len(moments):03}"))
            if flags & os.O_TRUNC:
                (moments[-1] / path.relative_to(folder)).write_bytes(b"")
            copying = False

    _listeners.append(listen)
    try:
        yield moments
    finally:
        _listeners.remove(listen)
