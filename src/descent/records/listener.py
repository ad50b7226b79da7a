"""Who hears of records while they are written: the background worker, a sweep's notes, or nobody."""

from pathlib import Path
from typing import Protocol


class RecordListener(Protocol):
    """Hears of the folders that hold records. A call neither waits nor raises for what the listener does with it."""

    def on_progress(self, folder: Path) -> None:
        """The record there has new rows, and will have more."""

    def on_complete(self, folder: Path) -> None:
        """The record there is whole, or its run has failed."""


class NullListener:
    """A listener where none is wanted."""

    def on_progress(self, folder: Path) -> None:
        """Do nothing."""

    def on_complete(self, folder: Path) -> None:
        """Do nothing."""
