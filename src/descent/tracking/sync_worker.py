"""`python -m descent.tracking.sync_worker URI MAX_POINTS`: bring runs to MLflow while they go on.

A line of stdin is the folder in which the record of a run or a sweep stands now, and says that it has something new.
What fails is tried again when it is named again, and at the end of stdin. With that the process ends: with 0 when all
is in MLflow, else with 1 and a line on stderr for each record that is not.
"""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from descent.errors import UserError
from descent.tracking.store import client_class
from descent.tracking.sweep_sync import sync_record

Inbox = SimpleQueue[Path | None]  # None says that there is no more


def follow(lines: Iterable[str], uri: str, max_points: int) -> list[str]:
    """Bring each record to MLflow whenever a line names it; the reasons why some are not there in the end."""
    inbox: Inbox = SimpleQueue()
    Thread(target=_read, args=(lines, inbox), daemon=True).start()
    reasons: dict[Path, str | None] = {}
    more = True
    while more:
        said = _drain(inbox)
        more = said[-1] is not None
        # Each once, and where it was named last: a sweep takes in the runs that were named before it.
        for folder in reversed(dict.fromkeys(name for name in reversed(said) if name is not None)):
            reasons[folder] = _bring(folder, uri, max_points)
    # A record that is no longer where it was named has been named since where it went to.
    again = [folder for folder, reason in reasons.items() if reason is not None and folder.exists()]
    last = [_bring(folder, uri, max_points) for folder in again]
    return list(dict.fromkeys(reason for reason in last if reason is not None))


def _read(lines: Iterable[str], inbox: Inbox) -> None:
    """Keep the pipe empty, however long a sync takes."""
    for line in lines:
        inbox.put(Path(line.rstrip("\n")))
    inbox.put(None)


def _drain(inbox: Inbox) -> list[Path | None]:
    """Wait for a name, and take those that came since."""
    said = [inbox.get()]
    with suppress(Empty):
        while True:
            said.append(inbox.get_nowait())
    return said


def _bring(folder: Path, uri: str, max_points: int) -> str | None:
    try:
        sync_record(folder, uri, max_points)
    except UserError as error:
        return str(error)
    except Exception as error:  # among others, the record may have moved on meanwhile: the next line says where to
        return f"{folder}: {type(error).__name__}: {' '.join(str(error).split())}"
    return None


def main() -> None:
    """Follow stdin."""
    os.nice(19)
    client_class()  # before there is anything to bring
    reasons = follow(sys.stdin, sys.argv[1], int(sys.argv[2]))
    for reason in reasons:
        print(reason, file=sys.stderr)
    sys.exit(bool(reasons))


if __name__ == "__main__":
    main()
