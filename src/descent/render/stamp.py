"""The stamp of a folder of views: what they show and the source that drew them, so that nothing is drawn twice."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from descent.errors import UserError
from descent.records import lineage
from descent.records.files import flush
from descent.records.locks import file_lock
from descent.records.run import RunRecord

STAMP = "drawn.txt"
"""The file with the stamp, and below it the names of the views."""
DRAWING = ".drawing-"
"""The beginning of the name of a folder in `views/` that is drawn into."""


@cache
def source_hash(package: str) -> str:
    """The SHA-256 of the source of a package that draws."""
    return lineage.source_hash(package, ".css", ".j2", ".js")


def stamp_of(content: str, *packages: str) -> str:
    """The stamp of views of something, as these packages of `descent` draw it."""
    return "\n".join([content, *(f"source {source_hash(package)}" for package in packages)])


def run_stamp(record: RunRecord) -> str:
    """The stamp of the views of a finished run.

    Raises:
        UserError: if the run has not ended.
    """
    ending = record.ending()
    if ending is None:
        raise UserError(f"{record.folder} holds no finished run; repeat the command that started it to finish it")
    return stamp_of(f"record {record.header.id} of {ending.ended}", "render")


def is_current(views: Path, stamp: str, required: Sequence[str] = ()) -> bool:
    """Whether views have this stamp, the required ones are among them, and all of them are there."""
    current, names = _read(views)
    return current == stamp and {*required} <= {*names} and all((views / name).exists() for name in names)


@contextmanager
def drawing(views: Path, stamp: str) -> Iterator[Path]:
    """A folder to draw in, whose files then replace the earlier views, one by one and each as a whole."""
    with new_views(views) as folder:
        yield folder
        names = sorted(path.name for path in folder.iterdir())
        outdated = {*_read(views)[1]} - {*names}
        for path in views.iterdir():  # whatever else a stranger's stamp names is no view
            if path.name in outdated:
                path.unlink()
        (folder / STAMP).write_text("\n".join([stamp, "", *names, ""]), encoding="utf-8")


@contextmanager
def new_views(views: Path) -> Iterator[Path]:
    """A folder to draw in, whose files then replace the views of their names; the stamp last, once the disk has them.

    Nothing else is written, since a stranger's folder may hold links to files that are not his.

    Raises:
        UserError: if the folder of the views is a link itself.
    """
    if views.is_symlink():
        raise UserError(f"{views} is a link, and views are drawn into a folder; remove it, and draw again")
    views.mkdir(exist_ok=True)
    with file_lock(views):
        for leftover in views.glob(f"{DRAWING}*"):  # of a process that was killed
            if leftover.is_dir() and not leftover.is_symlink():
                rmtree(leftover)
        with TemporaryDirectory(prefix=DRAWING, dir=views) as name:
            yield Path(name)
            for path in sorted(Path(name).iterdir(), key=lambda path: (path.name == STAMP, path.name)):
                flush(path)
                if path.name == STAMP:
                    flush(views)
                path.replace(views / path.name)


def _read(views: Path) -> tuple[str, list[str]]:
    """The stamp of a folder of views, and the names of the views under it."""
    path = views / STAMP
    stamp, _, names = (path.read_text(encoding="utf-8") if path.exists() else "").partition("\n\n")
    return stamp, names.splitlines()
