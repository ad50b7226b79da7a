import subprocess
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
    command = ("bash", "-c", SCRIPT, "bash", line)
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")


def test_all_commands_are_offered_first(project: Path) -> None:
    command = ("bash", "-c", "COMP_LINE='descent ' descent -sc query=bash")
    offered = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout.split()
    assert {"train", "compare", "ui", "check-gradient"} <= {*offered}
