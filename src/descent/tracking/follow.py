"""`python -m descent.tracking.follow URI POINTS`: bring to MLflow the run records that are named on stdin.

A line is the folder of a record that has something new. Whatever fails is tried again at the next line,
and at the end of stdin. With that the process ends: with 0 when all is in MLflow, else with 1
and the reason, a line on stderr.
"""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from descent.errors import UserError
from descent.tracking.store import connect
from descent.tracking.sync import sync

Inbox = SimpleQueue[Path | None]  # None says that there is no more


def follow(lines: Iterable[str], uri: str, points: int) -> str | None:
    """Bring every record that a line names until there are no more; the reason if one is not in MLflow."""
    inbox: Inbox = SimpleQueue()
    Thread(target=_read, args=(lines, inbox), daemon=True).start()
    missing: dict[Path, str] = {}
    more = True
    while more:
        named = _drain(inbox)
        more = None not in named
        wanted = [*missing, *(folder for folder in named if folder and folder not in missing)]
        missing = _bring(wanted, uri, points) if wanted else {}
    return next(iter(missing.values()), None)


def _read(lines: Iterable[str], inbox: Inbox) -> None:
    """Keep the pipe empty, however long a sync takes."""
    for line in lines:
        inbox.put(Path(line.rstrip("\n")))
    inbox.put(None)


def _drain(inbox: Inbox) -> set[Path | None]:
    """Wait for a name, and take those that came since: a record named often is brought once."""
    named = {inbox.get()}
    with suppress(Empty):
        while True:
            named.add(inbox.get_nowait())
    return named


def _bring(folders: list[Path], uri: str, points: int) -> dict[Path, str]:
    """Bring these records; those that did not get there, and why."""
    try:
        connect(uri)
    except UserError as error:  # asked once for all of them: a server that is away takes seconds to say so
        return dict.fromkeys(folders, str(error))
    missing = {}
    for folder in folders:
        try:
            sync(folder, uri, points)
        except UserError as error:
            missing[folder] = str(error)
        except Exception as error:  # a record that cannot be brought is not to keep the others back
            missing[folder] = f"{folder}: {type(error).__name__}: {' '.join(str(error).split())}"
    return missing


def main() -> None:
    """Follow stdin."""
    os.nice(10)
    sys.exit(follow(sys.stdin, sys.argv[1], int(sys.argv[2])))


if __name__ == "__main__":
    main()
