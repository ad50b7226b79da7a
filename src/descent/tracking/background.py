"""The trainer's end of the background sync: it names records to a process that brings them to MLflow."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from descent.tracking.store import resolve


class BackgroundSync:
    """A process that brings run records to MLflow, so that training never waits for or dies of a store."""

    def __init__(self, uri: str, points: int) -> None:
        """Start the process; at the latest it ends soon after this one."""
        self._says = tempfile.TemporaryFile()  # noqa: SIM115  (a pipe that nobody reads could fill up)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "descent.tracking.follow", resolve(uri), str(points)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._says,
            start_new_session=True,  # a Ctrl-C in the terminal is for the trainer alone
        )
        assert self.process.stdin is not None
        self._names = self.process.stdin
        os.set_blocking(self._names.fileno(), False)

    def notify(self, folder: Path) -> None:
        """Say that a record has something new; never waits, never raises, and may go unheard."""
        self._name(folder)

    def finish(self, folder: Path, patience: float) -> str | None:
        """Name a record for the last time and wait for it; the reason if it is not in MLflow by then."""
        deadline = time.monotonic() + patience
        while not self._name(folder) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._names.close()
        with self._says:
            try:
                code = self.process.wait(max(0.0, deadline - time.monotonic()))
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
