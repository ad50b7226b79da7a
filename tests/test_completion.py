import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
eval "$(descent -sc install=bash)"
for COMP_LINE in "$@"; do
    COMP_POINT=${#COMP_LINE} COMPREPLY=()
    read -ra COMP_WORDS <<< "$COMP_LINE"
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    hydra_bash_completion
    echo "${COMPREPLY[@]}"
done
"""


def in_bash(script: str, *words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """What bash does with a script, where `descent` is that of this environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ("bash", "-c", script, *words)
    environment = {**os.environ, "PATH": path}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("descent ch", "check-gradient"),
        ("descent train problem=himm", "problem=himmelblau"),
        ("descent train problem=himmelblau trainer.max_", "trainer.max_epochs= trainer.max_steps="),
        ("descent benchmark suite=sm", "suite=small"),
        ("descent sync ru", ""),  # a folder, which the shell completes
    ],
)
def test_the_tab_key_completes_commands_and_then_their_words(project: Path, line: str, expected: str) -> None:
    done = in_bash(SCRIPT, "bash", line, cwd=project)
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")


def test_all_commands_are_offered_first(project: Path) -> None:
    offered = in_bash("COMP_LINE='descent ' descent -sc query=bash", cwd=project).stdout.split()
    assert {"train", "compare", "ui", "check-gradient"} <= {*offered}
