"""The error that is printed as one line, without a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """What a user can cause and mend: says in one line what is wrong, where, and what to do."""


def suggestion(word: str, choices: Iterable[str], prefix: str = "") -> str:
    """The end of a message on a word that is none of the choices: the nearest of them, or all where none is near.

    Args:
        word: what was written.
        choices: what may be written.
        prefix: what comes before each of them.
    """
    names = list(choices)
    near = get_close_matches(word, names, n=1)
    return (
        f"did you mean '{prefix}{near[0]}'?" if near else f"choose one of {', '.join(prefix + name for name in names)}"
    )
