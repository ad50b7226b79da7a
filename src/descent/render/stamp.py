"""The stamp of a folder of views: what they show and what drew them, so that nothing is drawn twice."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from descent.errors import UserError
from descent.records import lineage
from descent.records.run import RunRecord

STAMP = "drawn.txt"
"""The file it stands in, above the names of the views."""


@cache
def source_hash(package: str) -> str:
    """SHA-256 over the source of a package that draws."""
    return lineage.source_hash(package, ".css", ".j2", ".js")


def stamp_of(shown: str, *packages: str) -> str:
    """The stamp of views that show something, as packages of ours draw it."""
    return "\n".join([shown, *(f"source {source_hash(package)}" for package in packages)])


def run_stamp(record: RunRecord) -> str:
    """The stamp of the views of a finished run.

    Raises:
        UserError: for a run that has not ended.
    """
    ending = record.ending()
    if ending is None:
        raise UserError(f"{record.folder} holds no finished run; the command that began it finishes it")
    return stamp_of(f"record {record.header.id} of {ending.ended}", "render")


def is_current(views: Path, stamp: str, wanted: Sequence[str] = ()) -> bool:
    """Whether views were drawn under a stamp, those that are wanted among them, and all are still there."""
    drawn_under, names = _read(views)
    return drawn_under == stamp and {*wanted} <= {*names} and all((views / name).exists() for name in names)


@contextmanager
def drawing(views: Path, stamp: str) -> Iterator[Path]:
    """A folder to draw in, whose files then replace the views that were drawn before, each as a whole."""
    views.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix=".drawing-", dir=views) as folder:
        made = Path(folder)
        yield made
        names = sorted(path.name for path in made.iterdir())
        for name in {*_read(views)[1]} - {*names}:  # it may show what there is no longer
            (views / name).unlink(missing_ok=True)
        (made / STAMP).write_text("\n".join([stamp, "", *names, ""]), encoding="utf-8")
        for name in (*names, STAMP):
            (made / name).replace(views / name)


def _read(views: Path) -> tuple[str, list[str]]:
    """The stamp of a folder of views, and the names of those that were drawn under it."""
    path = views / STAMP
    stamp, _, names = (path.read_text(encoding="utf-8") if path.exists() else "").partition("\n\n")
    return stamp, names.splitlines()
