"""`python -m descent.tracking.sync_worker MAX_POINTS [URI]`: draw runs, and bring them to MLflow, beside training.

A line of stdin is the folder in which the record of a run or a sweep stands now, and says that it has something new.
The views of a run that has ended are drawn; then its record and views go to the store, if there is one. What fails is
tried again when it is named again, and at the end of stdin. With that the process ends: with 0 when all is done, else
with 1 and a line on stderr for each record of which something is missing.
"""

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from descent.errors import UserError
from descent.records.folder import RECORD
from descent.records.run import RESULT
from descent.render import run_views
from descent.tracking.store import client_class
from descent.tracking.sweep_sync import sync_record

Inbox = SimpleQueue[Path | None]  # None says that there is no more


def follow(lines: Iterable[str], uri: str | None, max_points: int) -> list[str]:
    """Draw and sync each record whenever a line names it; the reasons why something is missing in the end."""
    inbox: Inbox = SimpleQueue()
    Thread(target=_read, args=(lines, inbox), daemon=True).start()
    reasons: dict[Path, str | None] = {}
    more = True
    while more:
        said = _drain(inbox)
        more = said[-1] is not None
        # Each once, and where it was named last: a sweep takes in the runs that were named before it.
        named = list(reversed(dict.fromkeys(name for name in reversed(said) if name is not None)))
        # All are drawn before any is synced: training waits for the views, and not for a store that does not answer.
        undrawn = {folder: _draw(folder) for folder in named}
        for folder in named:
            reasons[folder] = _sync(folder, uri, max_points) or undrawn[folder]
    # A record that is no longer where it was named has been named since where it went to.
    again = [folder for folder, reason in reasons.items() if reason is not None and folder.exists()]
    last = [_draw(folder) or _sync(folder, uri, max_points) for folder in again]
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


def _draw(folder: Path) -> str | None:
    """Draw the views of a run that has ended; why it could not be done, if it could not."""

    def draw() -> None:
        if (folder / RECORD / RESULT).exists():
            run_views.draw(folder)

    return _reason(draw, folder)


def _sync(folder: Path, uri: str | None, max_points: int) -> str | None:
    return None if uri is None else _reason(partial(sync_record, folder, uri, max_points), folder)


def _reason(task: Callable[[], object], folder: Path) -> str | None:
    """Why a task failed, if it did."""
    try:
        task()
    except UserError as error:
        return str(error)
    except Exception as error:  # among others, the record may have moved meanwhile: the next line says where to
        return f"{folder}: {type(error).__name__}: {' '.join(str(error).split())}"
    return None


def main() -> None:
    """Follow stdin."""
    os.nice(19)
    max_points, *uris = sys.argv[1:]
    uri = uris[0] if uris else None
    if uri is not None:
        client_class()  # before there is anything to bring
    reasons = follow(sys.stdin, uri, int(max_points))
    for reason in reasons:
        print(reason, file=sys.stderr)
    sys.exit(bool(reasons))


if __name__ == "__main__":
    main()
