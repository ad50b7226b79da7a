"""The commands and scripts of a page, in its order, with what it says that they print, and the files that it shows."""

import math
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from conftest import ROOT

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PATH = re.compile(r"# ((?:conf|src)/\S+)\n")
KEY = re.compile(r"-[0-9a-f]{8}\b")
REFUSAL = re.compile(r"descent [\w-]+: ")
TIMINGS = ("seconds_per_step",)
LEFT_OUT = "..."


@dataclass(frozen=True)
class Command:
    """A command of a console block.

    Args:
        text: as bash takes it, without the prompt.
        quoted: the lines that it prints, as far as the page shows them.
    """

    text: str
    quoted: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        """Its first word."""
        return self.text.split()[0]

    @property
    def code(self) -> int:
        """Which code it exits with, as the page implies: with 1 where it shows a refusal."""
        return int(any(map(REFUSAL.match, self.quoted)))

    def unsaid(self, printed: str) -> list[str]:
        """The quoted lines that are not among the printed ones, in their order."""
        lines = iter(printed.splitlines())
        return [quoted for quoted in self.quoted if not any(is_same(quoted, line) for line in lines)]


@dataclass(frozen=True)
class ShownFile:
    """A file that a page shows, under its path in the project; what is shown is added to one that is there."""

    path: str
    content: str

    def write(self, project: Path) -> None:
        """Write it into a project."""
        with (project / self.path).open("a", encoding="utf-8") as file:
            file.write(f"\n\n{self.content}" if file.tell() else self.content)


def steps_of(page: Path) -> list[Command | ShownFile]:
    """What a page shows: commands of console blocks, scripts in Python whose output follows, and files.

    A file is a block that begins with its path in a comment.
    """
    steps: list[Command | ShownFile] = []
    before = script = ""
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "console":
            steps += commands_of(text)
        elif language == "text" and before == "console":
            last = steps.pop()
            assert isinstance(last, Command)
            steps.append(Command(last.text, (*last.quoted, *text.splitlines())))
        elif language == "text" and before == "python":
            steps.append(Command(f"python -c {shlex.quote(script)}", tuple(text.splitlines())))
        elif shown := PATH.match(text):
            steps.append(ShownFile(shown[1], text[shown.end() :]))
        before, script = language, text
    return steps


def commands_of(block: str) -> list[Command]:
    """The commands of a console block, with the lines below each that are no part of it."""
    texts = re.split(r"^\$ ", block, flags=re.MULTILINE)
    assert texts[0] == "", f"a console block begins with a command after '$ ', and not with {texts[0]!r}"
    commands = []
    for text in texts[1:]:
        command = re.match(r"(?:.*\\\n)*.*\n", text)
        assert command is not None
        quoted = [line for line in text[command.end() :].splitlines() if line != LEFT_OUT]
        commands.append(Command(command[0].rstrip(), tuple(quoted)))
    return commands


def commands_on(pages: Sequence[Path]) -> list[Command]:
    """All commands of some pages."""
    return [step for page in pages for step in steps_of(page) if isinstance(step, Command)]


def pages_with_commands() -> list[Path]:
    """The README and the pages of docs that have commands."""
    return [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if commands_on([page])]


def is_same(quoted: str, line: str) -> bool:
    """Whether a line is the quoted one but for keys, timings and the last digits of numbers."""
    words, others = (["", *KEY.sub("-KEY", text).split()] for text in (quoted, line))
    pairs = zip(pairwise(words), others[1:], strict=False)
    return len(words) == len(others) and all(_is_same_word(name, word, other) for (name, word), other in pairs)


def _is_same_word(name: str, word: str, other: str) -> bool:
    if word == other:
        return True
    try:
        value, other_value = (float(text.replace(",", "").strip("[]%")) for text in (word, other))
    except ValueError:
        return False
    # Rounding differs from processor to processor; a cell of a map of 400 is a quarter of a percent.
    return name in TIMINGS or math.isclose(value, other_value, rel_tol=0.01, abs_tol=1 if "%" in word else 1e-6)
