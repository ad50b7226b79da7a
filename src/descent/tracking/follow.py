"""`python -m descent.tracking.follow URI POINTS`: bring a run to MLflow while it goes on.

A line of stdin is the folder in which the run's record stands now, and says that it has something new. What fails is
tried again at the next line, and at the end of stdin. With that the process ends: with 0 when all is in MLflow, else
with 1 and the reason, a line on stderr.
"""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from descent.errors import UserError
from descent.tracking.sync import sync

Inbox = SimpleQueue[Path | None]  # None says that there is no more


def follow(lines: Iterable[str], uri: str, points: int) -> str | None:
    """Bring the record to MLflow whenever a line says so; the reason if in the end it is not there."""
    inbox: Inbox = SimpleQueue()
    Thread(target=_read, args=(lines, inbox), daemon=True).start()
    folder, reason, more = None, None, True
    while more:
        said = _drain(inbox)
        more = said[-1] is not None
        news = [name for name in said if name is not None]
        folder = news[-1] if news else folder
        if folder is not None and (news or reason):
            reason = _bring(folder, uri, points)
    return reason


def _read(lines: Iterable[str], inbox: Inbox) -> None:
    """Keep the pipe empty, however long a sync takes."""
    for line in lines:
        inbox.put(Path(line.rstrip("\n")))
    inbox.put(None)


def _drain(inbox: Inbox) -> list[Path | None]:
    """Wait for a name, and take those that came since: the last is where the record is."""
    said = [inbox.get()]
    with suppress(Empty):
        while True:
            said.append(inbox.get_nowait())
    return said


def _bring(folder: Path, uri: str, points: int) -> str | None:
    try:
        sync(folder, uri, points)
    except UserError as error:
        return str(error)
    except Exception as error:  # among others, the record may have moved on meanwhile: the next line says where to
        return f"{folder}: {type(error).__name__}: {' '.join(str(error).split())}"
    return None


def main() -> None:
    """Follow stdin."""
    os.nice(19)
    sys.exit(follow(sys.stdin, sys.argv[1], int(sys.argv[2])))


if __name__ == "__main__":
    main()
