"""Permissions that hold for root as well."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VERSION = 0x20080522
DAC_OVERRIDE, DAC_READ_SEARCH = 1 << 1, 1 << 2
"""Linux's capabilities to write and to read whatever the permissions say."""


@contextmanager
def unreadable(*folders: Path) -> Iterator[None]:
    """Take all permissions from folders, and from this thread the right to read them nevertheless, if it has it."""
    modes = {folder: folder.stat().st_mode for folder in folders}
    for folder in folders:
        folder.chmod(0)
    before = _effective(0) if sys.platform == "linux" else 0
    if before:
        _effective(DAC_OVERRIDE | DAC_READ_SEARCH)
    try:
        yield
    finally:
        if before:
            _effective(0, before)
        for folder, mode in modes.items():
            folder.chmod(mode)


def _effective(dropped: int, restored: int = 0) -> int:
    """Drop and restore capabilities of this thread; return those that were effective before."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, data = (ctypes.c_uint32 * 2)(VERSION, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, data) == 0
    before = data[0]
    data[0] = before & ~dropped | restored
    assert libc.capset(header, data) == 0
    return before
