"""Listeners that are called when a record changes, such as the background sync."""

from pathlib import Path
from typing import Protocol


class RecordListener(Protocol):
    """Is called with the folder of a record. A call neither waits nor raises."""

    def on_progress(self, folder: Path) -> None:
        """Called when the record has new rows, and will have more."""

    def on_complete(self, folder: Path) -> None:
        """Called when the record is complete, or its run has failed."""


class NullListener:
    """A listener that does nothing."""

    def on_progress(self, folder: Path) -> None:
        """Do nothing."""

    def on_complete(self, folder: Path) -> None:
        """Do nothing."""
