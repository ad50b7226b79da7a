"""The background sync: sends the folders of records to a worker process, which draws them and syncs them to MLflow."""

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
from descent.tracking.patience import Patience
from descent.tracking.presence import is_settled
from descent.tracking.store import STORE, resolve_uri

SYNC_INTERVAL = 20.0
"""Seconds before the first sync, and between two."""
SILENT = 2.0
"""Seconds of waiting in `finish` of which a user at a terminal is not told."""
IN_UTF8 = {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8:surrogateescape"}
"""Makes the process read and write UTF-8 whatever the locale, and understand every path."""


class BackgroundSync:
    """A process that draws runs and syncs them to MLflow, so that training never waits for a store or fails with it.

    Args:
        uri: the store; None only to draw.
        max_points: the most points of a metric.
        flush_timeout: seconds to wait in `finish` while the process makes no progress.
        interval: seconds before the first sync, and between two.
    """

    def __init__(self, uri: str | None, max_points: int, flush_timeout: float, interval: float = SYNC_INTERVAL) -> None:
        self._uri = uri
        self._command = [sys.executable, "-m", "descent.tracking.sync_worker", str(max_points)]
        # Every user of the machine sees the words of a command, and the URI may have a password.
        self._environment = IN_UTF8 | {STORE: "" if uri is None else resolve_uri(uri)}
        self._flush_timeout, self._interval = math.inf if uri is None else flush_timeout, interval
        self._next_sync = time.monotonic() + interval
        self._process: subprocess.Popen[bytes] | None = None
        self._has_sent = False
        self._wait_from = math.inf
        self._unsent: list[Path] = []
        self._complete: dict[Path, None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish, and print to stderr what is not in MLflow; do not wait after Ctrl-C."""
        if kind is None or not issubclass(kind, KeyboardInterrupt):
            for reason in self.finish():
                print(f"not in MLflow yet: {reason}", file=sys.stderr)
        elif self._process is not None:  # it ends with what it was sent
            for file in (self._stdin, self._stdout, self._stderr):
                file.close()
            self._process.returncode = self._process.poll() or 0  # nobody will wait for it

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process, unless it runs already; it ends soon after this one at the latest.

        It takes seconds to import MLflow, while training continues.
        """
        if self._process is None:
            self._stdout = tempfile.TemporaryFile()  # noqa: SIM115  (a pipe that is not read could fill up)
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
            self._process = subprocess.Popen(
                self._command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=self._stdout,
                stderr=self._stderr,
                env=os.environ | self._environment,
                # Ctrl-C in the terminal must reach only the trainer. A session of its own would do as well, but Linux
                # shares the cores equally between sessions, regardless of their niceness.
                process_group=0,
            )
            assert self._process.stdin is not None
            self._stdin = self._process.stdin
            os.set_blocking(self._stdin.fileno(), False)
        return self._process

    def on_progress(self, folder: Path) -> None:
        """Send a record with new rows, if a sync is due; never waits, never raises, and may be lost."""
        if time.monotonic() >= self._next_sync:
            self._next_sync = time.monotonic() + self._interval
            self.start()
            self._send(folder)

    def on_complete(self, folder: Path) -> None:
        """Send a complete record; never waits, never raises, and is sent in `finish` at the latest.

        A record that is drawn and in the store already needs no process.
        """
        if folder not in self._complete and is_settled(folder, self._uri):
            return
        self.start()
        self._unsent.append(folder)
        self._complete[folder] = None
        self._send_unsent()

    def finish(self) -> list[str]:
        """Wait until all records are in MLflow, end the process, and return the reasons why some are not."""
        if self._process is None:
            return []
        if not self._has_sent:
            self._process.terminate()
        patience = Patience(self._flush_timeout, self._process.pid)
        self._wait_from = time.monotonic()
        while not self._send_unsent() and not self._is_over(patience):
            time.sleep(0.01)
        self._stdin.close()
        with self._stdout, self._stderr:
            while (code := self._process.poll()) is None:
                if self._is_over(patience):
                    self._draw()
                    return [f"the sync made no progress for {self._flush_timeout:g} s, and continues in the background"]
                time.sleep(0.02)
            self._stderr.seek(0)
            lines = self._stderr.read().decode(errors="replace").splitlines()
        if code == 0 or not self._has_sent:
            return []
        self._draw()
        return lines or [f"the background sync died ({code}); run `descent sync`"]

    def _is_over(self, patience: Patience) -> bool:
        """Whether the process is not waited for any longer; a user at a terminal who waits is told for what."""
        if time.monotonic() > self._wait_from + SILENT and sys.stderr.isatty():
            self._wait_from = math.inf
            print(f"waiting for the pictures{'' if self._uri is None else ' and MLflow'}", file=sys.stderr)
        return patience.is_over(self._progress())

    def _progress(self) -> int:
        """A number that grows with every record that the process has synced."""
        return os.fstat(self._stdout.fileno()).st_size

    def _draw(self) -> None:
        """Draw the views that the process has not drawn."""
        from descent.render import run_views

        for folder in self._complete:
            if (folder / RECORD / RESULT).exists():
                run_views.draw(folder)

    def _send_unsent(self) -> bool:
        """Send the complete records that have not been sent; return False if the pipe is full."""
        while self._unsent and self._send(self._unsent[0]):
            self._unsent.pop(0)
        return not self._unsent

    def _send(self, folder: Path) -> bool:
        """Write a folder to the process's stdin; return False if the pipe is full."""
        self._has_sent = True
        with suppress(BrokenPipeError):  # the process has died, and `finish` says why
            return self._stdin.write(os.fsencode(folder.absolute()) + b"\n") is not None
        return True
