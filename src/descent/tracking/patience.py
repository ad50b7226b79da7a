"""How long to wait for a process: only the time counts in which it is idle, since its last progress."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


class Patience:
    """The time that a process may be idle, waiting for a server, say, before it is no longer waited for.

    Args:
        seconds: the most time without progress, less the time in which the process is on a CPU or waits for one.
        process: its id.
    """

    def __init__(self, seconds: float, process: int) -> None:
        self._seconds = self._left = seconds
        self._process = process
        self._progress = 0
        self._last_look = time.monotonic()

    def is_over(self, progress: int) -> bool:
        """Look at the process, which is done often; return whether it has been idle for too long.

        Args:
            progress: a number that grows as the process makes progress.
        """
        now = time.monotonic()
        if progress > self._progress:
            self._progress, self._left = progress, self._seconds
        elif not is_runnable(self._process):
            self._left -= now - self._last_look
        self._last_look = now
        return self._left <= 0


def is_runnable(process: int) -> bool:
    """Whether a process, or one that it has started, is on a CPU or waits for one; False where the system has no /proc.

    A process that waits for an answer, a lock or a disk, or is stopped, is not.
    """
    return any(state == "R" for state in _states(process))


def _states(process: int) -> Iterator[str]:
    """The states of the threads of a process and of those below it."""
    for thread in Path(f"/proc/{process}/task").glob("*"):
        with suppress(OSError):  # it has ended
            yield (thread / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
            for child in (thread / "children").read_text().split():
                yield from _states(int(child))
