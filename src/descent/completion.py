"""What a shell completes after `descent`: the command, and then what Hydra knows of its configuration."""

import os
from collections.abc import Callable, Sequence

COMPOSING = ("benchmark", "check-gradient", "lesson", "noisy-polynomial", "train")
"""The commands whose words Hydra completes."""


def complete(words: Sequence[str], commands: Sequence[str], run: Callable[[str, list[str]], object]) -> None:
    """Answer a shell, or print the code that has it ask: `install=bash`, or `zsh` or `fish`.

    Args:
        words: Hydra's for its option `-sc`: `query=SHELL`, with the line in the variable COMP_LINE, or `install=SHELL`.
        commands: their names.
        run: runs a command with words.
    """
    line = os.environ.get("COMP_LINE", "")
    if not any(word.startswith("query=") for word in words):
        run("train", ["-sc", *words])  # the code is the same for all commands
        return
    _, *typed = line.split()
    if not typed or (len(typed) == 1 and not line.endswith(" ")):
        print(*(name for name in commands if name.startswith("".join(typed))))
    elif typed[0].replace("_", "-") in COMPOSING:
        os.environ["COMP_LINE"] = line.replace(f"{typed[0]} ", "", 1)
        run(typed[0], ["-sc", *words])
