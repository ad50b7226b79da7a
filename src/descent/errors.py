"""The error that is printed as one line, without a traceback."""

import errno
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from types import FrameType


class UserError(Exception):
    """An error that a user can cause and fix; it says in one line what is wrong, where, and what to do."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


ADVICE = {
    errno.ENOSPC: "free some space, and repeat the command",
    errno.EDQUOT: "free some space, and repeat the command",
    errno.EFBIG: "allow larger files (ulimit -f), and repeat the command",
    errno.EROFS: "choose a folder that can be written",
    errno.EACCES: "allow it, or choose another folder",
    errno.EPERM: "allow it, or choose another folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EIO: "see whether the disk fails, and repeat the command",
    errno.EMFILE: "allow more open files (ulimit -n), and repeat the command",
    errno.ENFILE: "close what has files open, and repeat the command",
}
"""What to do about errors that are of the machine, and not of a program."""


def machine_error(error: OSError) -> str | None:
    """An error of the machine, such as a full disk, in one line; None for any other."""
    if error.errno not in ADVICE:
        return None
    where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return f"{where}{(error.strerror or '').lower()}; {ADVICE[error.errno]}"


class Terminated(KeyboardInterrupt):
    """The process was told to end by a signal other than that of Ctrl-C, such as SIGTERM, which Slurm sends."""

    def __init__(self, number: int) -> None:
        super().__init__(f"terminated by {signal.Signals(number).name}")
        self.exit_code = 128 + number  # as in shells


def terminate(number: int, frame: FrameType | None) -> None:
    """Raise Terminated: a handler of signals."""
    raise Terminated(number)


@contextmanager
def user_errors(failure: str) -> Iterator[None]:
    """Raise whatever a component's code raises as a UserError of one line: what failed, and why."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise UserError(f"{failure}: {reason}") from error


def printable(text: str) -> str:
    r"""A text in one line: control characters, which a terminal would obey, are shown as `\n` or `\x1b`."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def suggestion(word: str, choices: Iterable[str], prefix: str = "") -> str:
    """The end of a message about a word that is none of the choices: the nearest choice, or all if none is near.

    Args:
        word: the wrong word.
        choices: the right words.
        prefix: to print before each choice.
    """
    names = list(choices)
    if near := get_close_matches(word, names, n=1):
        return f"did you mean '{prefix}{near[0]}'?"
    one_of = "one of " if len(names) > 1 else ""
    return f"choose {one_of}{', '.join(prefix + name for name in names)}"
