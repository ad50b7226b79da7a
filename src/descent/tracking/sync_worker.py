"""`python -m descent.tracking.sync_worker MAX_POINTS`: draw runs and sync them to MLflow, beside training.

Each line of stdin is the folder of a run or a sweep whose record has changed. The worker draws the views of a run that
has ended, and then syncs record and views to the store that the environment names, if it does. What fails is tried
again when the folder is received again, and at the end of stdin. Then the worker exits: with 0 if all is done, else
with 1 and a line on stderr for each record that is not complete in MLflow. It prints the folder of each record that it
has synced, which shows whoever waits for it that it makes progress.
"""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from descent.records.folder import RECORD
from descent.records.run import RESULT
from descent.records.sweep import STATE
from descent.tracking.drawing import Drawer, drawing_error, error_of
from descent.tracking.store import STORE, client_class
from descent.tracking.sweep_sync import sync_record

Queue = SimpleQueue[Path | None]  # None marks the end


def process_records(lines: Iterable[str], uri: str | None, max_points: int) -> list[str]:
    """Draw and sync the record of each line; return the errors that remain at the end."""
    queue: Queue = SimpleQueue()
    Thread(target=_read, args=(lines, queue), daemon=True).start()
    errors: dict[Path, str | None] = {}
    is_open = True
    with Drawer() as drawer:
        while is_open:
            received = _drain(queue)
            is_open = received[-1] is not None
            # Without duplicates, in the order of the last occurrences: a sweep adopts the runs that came before it.
            folders = list(reversed(dict.fromkeys(folder for folder in reversed(received) if folder is not None)))
            for folder, error in zip(folders, drawer.draw(folders), strict=True):
                errors[folder] = _sync(folder, uri, max_points) or error
    # A folder that no longer exists was moved, and has been received again under its new name.
    # A run that has not ended by now has no process any more, which is synced as well.
    again = [
        folder for folder, error in errors.items() if folder.exists() and (error is not None or not _has_ended(folder))
    ]
    remaining = [drawing_error(folder) or _sync(folder, uri, max_points) for folder in again]
    return list(dict.fromkeys(error for error in remaining if error is not None))


def _has_ended(folder: Path) -> bool:
    return (folder / RECORD / RESULT).exists() or (folder / RECORD / STATE).exists()


def _read(lines: Iterable[str], queue: Queue) -> None:
    """Empty the pipe into a queue, even while a sync takes long."""
    for line in lines:
        queue.put(Path(line.rstrip("\n")))
    queue.put(None)


def _drain(queue: Queue) -> list[Path | None]:
    """Wait for an item, and take all that are in the queue."""
    items = [queue.get()]
    with suppress(Empty):
        while True:
            items.append(queue.get_nowait())
    return items


def _sync(folder: Path, uri: str | None, max_points: int) -> str | None:
    """Sync a record, and print its folder; return the error, if there was one."""
    if uri is None:
        return None
    error = error_of(partial(sync_record, folder, uri, max_points), folder)
    if error is None:
        print(folder, flush=True)
    return error


def main() -> None:
    """Process the records that stdin names."""
    os.nice(19)
    max_points, uri = int(sys.argv[1]), os.environ.get(STORE) or None
    if uri is not None:
        client_class()  # import it before the first record arrives
    errors = process_records(sys.stdin, uri, max_points)
    for error in errors:
        print(error, file=sys.stderr)
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
