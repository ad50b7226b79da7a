"""What CSV files hold, checked; without PyTorch, which takes seconds to import."""

import math
from pathlib import Path

from descent.errors import UserError


def number(text: str | None, where: str, advice: str = "write a number there") -> float:
    """A finite number.

    Raises:
        UserError: for a text that is none.
    """
    try:
        value = float(text or "")
    except ValueError as error:
        raise UserError(f"{where} is {text or ''!r}; {advice}") from error
    if not math.isfinite(value):
        raise UserError(f"{where} is {text!r}; write a finite number there")
    return value


def read_text(path: Path, remedy: str) -> str:
    """The text of a CSV file in UTF-8.

    Raises:
        UserError: for a file that is missing, with the remedy, or is not text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"there is no {path}; {remedy}") from error
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise UserError(f"{path} is not text; save it as CSV in UTF-8") from error
