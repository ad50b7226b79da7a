"""Who is told of records: the background sync, a sweep's notes, or nobody."""

from pathlib import Path
from typing import Protocol


class RecordListener(Protocol):
    """Is told of the folders that hold records; what it is told costs the teller nothing."""

    def notify(self, folder: Path) -> None:
        """The record there has something new, and grows on."""

    def bring(self, folder: Path) -> None:
        """The record there is whole, or has failed."""


class NullListener:
    """A follower where none is wanted."""

    def notify(self, folder: Path) -> None:
        """Do nothing."""

    def bring(self, folder: Path) -> None:
        """Do nothing."""
