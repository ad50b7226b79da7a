"""The trainer's end of the sync worker: it names records to a process that draws them and brings them to MLflow."""

import math
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from descent.records.folder import RECORD
from descent.records.run import RESULT
from descent.tracking.presence import is_settled
from descent.tracking.store import resolve

EVERY = 20.0
"""Seconds between two syncs, and before the first."""


class BackgroundSync:
    """A process that draws runs and brings them to MLflow, so that training never waits for or dies of a store.

    Args:
        uri: the store; None to draw alone.
        max_points: of a metric, at most.
        flush_timeout: seconds to wait in `finish`.
        every: seconds before the first sync, and between two.
    """

    def __init__(self, uri: str | None, max_points: int, flush_timeout: float, every: float = EVERY) -> None:
        self._uri = uri
        self._command = [sys.executable, "-m", "descent.tracking.sync_worker", str(max_points)]
        if uri is not None:
            self._command.append(resolve(uri))
        self._flush_timeout, self._every = math.inf if uri is None else flush_timeout, every
        self._due = time.monotonic() + every
        self._process: subprocess.Popen[bytes] | None = None
        self._named = False
        self._unheard: list[Path] = []
        self._complete: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish, and tell on stderr what is not in MLflow; whoever pressed Ctrl-C does not wait for it."""
        if kind is not KeyboardInterrupt:
            for reason in self.finish():
                print(f"not in MLflow yet: {reason} (the run record is whole)", file=sys.stderr)

    def start(self) -> subprocess.Popen[bytes]:
        """The process, started if it is not; at the latest it ends soon after this one.

        To import MLflow takes it seconds, for which training does better not to wait.
        """
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

    def on_progress(self, folder: Path) -> None:
        """Say that a record has something new; never waits, never raises, and may go unheard."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._every
            self.start()
            self._name(folder)

    def on_complete(self, folder: Path) -> None:
        """Say that a record is whole; never waits, never raises, and is heard at the latest in `finish`.

        What was whole before, and is drawn and in the store, needs no process.
        """
        if folder not in self._complete and is_settled(folder, self._uri):
            return
        self.start()
        self._unheard.append(folder)
        self._complete.append(folder)
        self._name_unheard()

    def finish(self) -> list[str]:
        """Wait until every record that was named is in MLflow, and end the process; the reasons why some aren't."""
        if self._process is None:
            return []
        if not self._named:
            self._process.terminate()
        deadline = time.monotonic() + self._flush_timeout
        while not self._name_unheard() and time.monotonic() < deadline:
            time.sleep(0.01)
        self._names.close()
        with self._says:
            try:
                left = max(0.0, deadline - time.monotonic())
                code = self._process.wait(left if left < math.inf else None)
            except subprocess.TimeoutExpired:
                self._draw()
                return [f"MLflow has not got it all after {self._flush_timeout:g} s; the background sync goes on"]
            self._says.seek(0)
            lines = self._says.read().decode(errors="replace").splitlines()
        if code == 0 or not self._named:
            return []
        self._draw()
        return lines or [f"the background sync died ({code}); run `descent sync`"]

    def _draw(self) -> None:
        """Draw what the process has not come to: a run is over when its views are there."""
        from descent.render import run_views

        for folder in self._complete:
            if (folder / RECORD / RESULT).exists():
                run_views.draw(folder)

    def _name_unheard(self) -> bool:
        """Name what has not been heard of yet; False if there is no room for all of it."""
        while self._unheard and self._name(self._unheard[0]):
            self._unheard.pop(0)
        return not self._unheard

    def _name(self, folder: Path) -> bool:
        """Write a folder's name to the process; False if the pipe is full."""
        self._named = True
        with suppress(BrokenPipeError):  # the process is gone, and `finish` says why
            return self._names.write(f"{folder.absolute()}\n".encode()) is not None
        return True
