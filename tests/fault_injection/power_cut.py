"""What a disk may hold after a power cut, from the journal of the calls that a process had made until then."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

from fault_injection.faults import PowerCut


@dataclass
class Content:
    """The bytes of a file, and those that it had when the process waited for the disk."""

    now: bytearray = field(default_factory=bytearray)
    flushed: bytes = b""

    def after(self, cut: PowerCut) -> bytes:
        """What the disk has of it."""
        unflushed = self.now[len(self.flushed) :]
        match cut.unflushed:
            case "lost":
                return self.flushed
            case "half":
                return bytes(self.now[: len(self.now) - len(unflushed) // 2])
            case "zeros":
                return bytes(self.now[: len(self.flushed)]) + bytes(len(unflushed))


Names = dict[str, Content | None]
"""Files by their paths; None for a folder."""


@dataclass
class Change:
    """A change of names: what `path` becomes, or where it goes to; the disk has it once its folder is flushed."""

    path: str
    becomes: Content | None = None
    to: str | None = None
    is_removal: bool = False
    is_flushed: bool = False

    @property
    def folder(self) -> str:
        """Where it is, or where it goes to."""
        return str(PurePosixPath(self.to or self.path).parent)

    def apply(self, names: Names) -> None:
        """Change names, unless the disk lacks what is renamed."""
        if self.to is not None:
            moved = {path: names.pop(path) for path in list(names) if PurePosixPath(path).is_relative_to(self.path)}
            for path, content in moved.items():
                names[str(self.to / PurePosixPath(path).relative_to(self.path))] = content
        elif self.is_removal:
            names.pop(self.path, None)
        else:
            names[self.path] = self.becomes


class Disk:
    """The names and contents below a folder as a process changes them."""

    def __init__(self, folder: Path) -> None:
        self.names: Names = {}
        for path in folder.rglob("*"):
            content = None if path.is_dir() else path.read_bytes()
            self.names[str(path)] = None if content is None else Content(bytearray(content), content)
        self.flushed = dict(self.names)
        self.changes: list[Change] = []

    def do(self, name: str, path: str, *arguments: str) -> None:
        """Do a call of the journal."""
        if path.endswith(" (deleted)"):
            return
        content = self.names.get(path)
        match name:
            case "write":
                assert content is not None
                data, at = bytes.fromhex(arguments[1]), int(arguments[0])
                assert at <= len(content.now)
                content.now[at : at + len(data)] = data
            case "truncate64" | "ftruncate64":
                assert content is not None
                del content.now[int(arguments[0]) :]
                assert len(content.now) == int(arguments[0])
            case "open" if content is not None:
                if arguments == ("0",):
                    content.now.clear()
            case "open":
                self._change(Change(path, becomes=Content()))
            case "mkdir":
                self._change(Change(path))
            case "unlink" | "rmdir":
                self._change(Change(path, is_removal=True))
            case "rename":
                self._change(Change(path, to=arguments[0]))
            case "fsync" if content is not None:
                content.flushed = bytes(content.now)
            case "fsync":
                self._flush_folder(path)
            case _:
                raise NotImplementedError(name)

    def _change(self, change: Change) -> None:
        change.apply(self.names)
        self.changes.append(change)

    def _flush_folder(self, folder: str) -> None:
        for change in self.changes:
            change.is_flushed |= change.folder == folder
        while self.changes and self.changes[0].is_flushed:
            self.changes.pop(0).apply(self.flushed)

    def after(self, cut: PowerCut) -> Mapping[str, bytes | None]:
        """What is on the disk after a power cut: the content of each file, and None for each folder."""
        names = dict(self.flushed)
        for change in self.changes:
            if cut.has_names or change.is_flushed:
                change.apply(names)
        return {path: None if content is None else content.after(cut) for path, content in names.items()}


def disks(folder: Path, journal: Path, step: int) -> Iterator[tuple[int, Disk]]:
    """The disk of a folder, as it is now, after each call of a journal, or after one in `step`, and after the last."""
    disk = Disk(folder)
    with journal.open(encoding="utf-8") as lines:
        n = 0
        while some := list(islice(lines, step)):
            for line in some:
                disk.do(*line.rstrip("\n").split("\t"))
            n += len(some)
            yield n, disk


def write(content: Mapping[str, bytes | None], folder: Path) -> None:
    """Write what is on a disk into an empty folder."""
    for path in sorted(content):
        data = content[path]
        if not Path(path).parent.exists():  # the disk has a file of a folder whose name it lacks
            continue
        if data is None:
            Path(path).mkdir()
        else:
            Path(path).write_bytes(data)
