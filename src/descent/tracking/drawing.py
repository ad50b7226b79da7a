"""Draws the views of runs beside their sync: `python -m descent.tracking.drawing` draws the runs that stdin names."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from descent.errors import UserError, printable
from descent.records.folder import RECORD
from descent.records.run import RESULT
from descent.records.sweep import SWEEP
from descent.render import run_views


class Drawer:
    """Draws a run in this process, and the runs of a sweep in a second one, which draws while this one syncs."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            with suppress(BrokenPipeError):
                self._process.communicate()

    def draw(self, folders: Sequence[Path]) -> Iterator[str | None]:
        """Draw the runs that have ended; yield each error, or None, in order and as soon as it is known."""
        if self._process is None:
            if len(folders) <= 1 and not any((folder / RECORD / SWEEP).exists() for folder in folders):
                yield from map(drawing_error, folders)
                return
            command = [sys.executable, "-m", "descent.tracking.drawing"]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with suppress(BrokenPipeError):  # it has died
            stdin.writelines(os.fsencode(folder) + b"\n" for folder in folders)
            stdin.flush()
        for folder in folders:
            answer = stdout.readline()
            yield (answer.decode().rstrip("\n") or None) if answer else drawing_error(folder)


def drawing_error(folder: Path) -> str | None:
    """Draw the views of a run that has ended; return the error, if there was one."""

    def draw() -> None:
        if (folder / RECORD / RESULT).exists():
            run_views.draw(folder)

    return error_of(draw, folder)


def error_of(task: Callable[[], object], folder: Path) -> str | None:
    """Run a task; return its error in one line, if it raised one."""
    try:
        task()
    except UserError as error:
        return printable(str(error))
    except Exception as error:  # for example, if the record was moved meanwhile; the next line has its new folder
        return f"{folder}: {type(error).__name__}: {' '.join(str(error).split())}"
    return None


def main() -> None:
    """Draw the run of each line of stdin, and answer with a line: its error, or nothing."""
    for line in sys.stdin.buffer:
        error = drawing_error(Path(os.fsdecode(line.rstrip(b"\n")))) or ""
        sys.stdout.buffer.write(f"{error}\n".encode(errors="backslashreplace"))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
