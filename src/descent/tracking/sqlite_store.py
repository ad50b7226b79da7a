"""The file of an MLflow store on SQLite: its URI, and how a new store is made."""

import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from shutil import rmtree
from urllib.parse import quote, unquote_to_bytes
from uuid import uuid4

from filelock import FileLock

from descent.errors import UserError
from descent.project import shared_root

SQLITE = re.compile(r"sqlite(\+pysqlite)?:///")
ARTIFACTS = "mlartifacts"
"""The folder of the artifacts, beside the file."""


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite store; None for any other store.

    A URI's path is percent-encoded; a relative one is relative to the project's root.

    Raises:
        UserError: if the URI has options.
    """
    scheme = SQLITE.match(uri)
    if scheme is None:
        return None
    encoded = uri[scheme.end() :]
    if "?" in encoded:
        raise UserError(f"MLflow store {uri}: options after ? are not supported; a ? in a path is written %3F")
    return shared_root() / os.fsdecode(unquote_to_bytes(encoded.encode("utf-8", "surrogateescape")))


def sqlite_uri(path: Path) -> str:
    """The URI of the SQLite store in a file.

    Raises:
        UserError: if the path is not in UTF-8.
    """
    try:
        encoded = quote(os.fsencode(path).decode("utf-8"))
    except UnicodeDecodeError:
        raise UserError(f"MLflow store {str(path)!a}: MLflow needs a path in UTF-8; rename the folder") from None
    # MLflow makes the folder of what follows `sqlite:///`, which it does not decode.
    return f"sqlite:///{encoded}" if encoded == str(path) else f"sqlite+pysqlite:///{encoded}"


@contextmanager
def locked_store(path: Path) -> Iterator[None]:
    """Hold the lock of a SQLite store, so that only one process at a time opens it; make the store if there is none.

    Raises:
        UserError: if the file is not a whole store, or if this process can't pass its path to MLflow.
    """
    if os.fsencode(path) != str(path).encode("utf-8", "replace"):
        encoding = sys.getfilesystemencoding()
        raise UserError(f"MLflow store {str(path)!a}: the path is not in {encoding}, the locale's; set PYTHONUTF8=1")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".new")
    with FileLock(path.with_name(path.name + ".lock")):
        if unfinished.exists():  # a process was killed
            rmtree(unfinished)
        if not path.exists() or _is_empty(path):
            _make(path, unfinished)
        yield


def _is_empty(path: Path) -> bool:
    """Whether a database has no tables.

    Raises:
        UserError: if it has some, but is not a whole store.
    """
    with closing(sqlite3.connect(path)) as database:
        tables = {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}
        if tables and "experiments" not in tables:
            raise UserError(f"MLflow store {path}: this is another program's database; name another file")
        # MLflow makes the first experiment last.
        if tables and not database.execute("select 1 from experiments limit 1").fetchone():
            raise UserError(f"MLflow store {path}: it was never completed, and holds no runs; remove it and try again")
    return not tables


def _make(path: Path, unfinished: Path) -> None:
    """Make a store in a folder beside its file, and move it there once it is whole.

    MLflow makes the tables in hundreds of transactions, and can't continue if it was interrupted between them.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    unfinished.mkdir()
    try:
        new = unfinished / f"{uuid4().hex}.db"  # never an earlier name, since MLflow keeps an engine for each
        store = SqlAlchemyStore(sqlite_uri(new), (path.parent / ARTIFACTS).as_uri())  # type: ignore[no-untyped-call]
        store.engine.dispose()  # closes the file, which is then complete
        new.replace(path)
    finally:
        rmtree(unfinished)
