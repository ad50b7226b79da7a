"""What is said of a file of a record that is not what its run or its sweep wrote."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

from descent.errors import UserError
from descent.records.folder import RECORD


def damaged(path: Path) -> UserError:
    """The error for a file of a record that is not the one that was written."""
    folder = next((parent.parent for parent in path.parents if parent.name == RECORD), path.parent)
    return UserError(f"{path} is damaged: it is not what the run wrote; restore it, or remove {folder} and train again")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise `damaged` for what in the context can't be read, or is missing, of a file of a record."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, EOFError, BadZipFile, zlib.error) as error:
        raise damaged(path) from error
