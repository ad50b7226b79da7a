"""Locks between processes. The kernel holds them, so that a killed process leaves none."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout, lock_descriptor

from descent.errors import UserError
from descent.records.files import make_folder


@contextmanager
def folder_lock(folder: Path, message: str, *, wait: bool) -> Iterator[None]:
    """Hold an exclusive lock on a folder, which may be moved meanwhile, through a file `.NAME.lock` beside it.

    If another process holds it, print the message and wait, or raise the message as a UserError.
    """
    make_folder(folder.parent)
    path = _lock_path(folder)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if not wait:
            raise UserError(message) from None
        sys.stderr.write(f"{message}\n")  # a line in one write, also unbuffered: many processes may wait at once
        lock.acquire()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is locked: a waiting process opens the path again
        lock.release()


def is_locked(folder: Path) -> bool:
    """Whether a process holds the lock on a folder now."""
    path = _lock_path(folder)
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def _lock_path(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Wait for an exclusive lock on a file, which may be read-only or be moved, and hold it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        lock_descriptor(handle)
        yield
    finally:
        os.close(handle)
