"""The trainer's end of the background sync: it names records to a process that brings them to MLflow."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from descent.tracking.store import resolve

EVERY = 20.0
"""Seconds between two syncs, and before the first: on two cores, MLflow's import alone costs training some five."""


class BackgroundSync:
    """A process that brings a run record to MLflow, so that training never waits for or dies of a store.

    Args:
        uri: the store.
        points: of a metric, at most.
        every: seconds before the first sync, and between two.
    """

    def __init__(self, uri: str, points: int, every: float = EVERY) -> None:
        self._command = [sys.executable, "-m", "descent.tracking.follow", resolve(uri), str(points)]
        self._every = every
        self._due = time.monotonic() + every
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """The process, started if it is not; at the latest it ends soon after this one."""
        if self._process is None:
            self._says = tempfile.TemporaryFile()  # noqa: SIM115  (a pipe that nobody reads could fill up)
            self._process = subprocess.Popen(
                self._command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._says,
                # A Ctrl-C in the terminal is for the trainer alone. In a session of its own the process would also be
                # out of its reach, but Linux gives every session the same share of the cores, however nice.
                process_group=0,
            )
            assert self._process.stdin is not None
            self._names = self._process.stdin
            os.set_blocking(self._names.fileno(), False)
        return self._process

    def notify(self, folder: Path) -> None:
        """Say that a record has something new; never waits, never raises, and may go unheard."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._every
            self.start()
            self._name(folder)

    def finish(self, folder: Path, patience: float) -> str | None:
        """Name a record for the last time and wait for it; the reason if it is not in MLflow by then."""
        process = self.start()
        deadline = time.monotonic() + patience
        while not self._name(folder) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._names.close()
        with self._says:
            try:
                code = process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                return f"MLflow has not got it all after {patience:g} s; the background sync goes on"
            self._says.seek(0)
            lines = self._says.read().decode(errors="replace").splitlines()
        if code == 0:
            return None
        return lines[-1] if lines else f"the background sync died ({code}); run `descent sync`"

    def _name(self, folder: Path) -> bool:
        """Write a folder's name to the process; False if the pipe is full."""
        with suppress(BrokenPipeError):  # the process is gone, and `finish` says why
            return self._names.write(f"{folder.absolute()}\n".encode()) is not None
        return True
