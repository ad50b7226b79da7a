"""Code of the user's own, in his project's folder."""

from pathlib import Path

import pytest
from end_to_end.commands import BIN, run

TRAIN = (
    "train", "problem=bowl", "problem.height.path=my_surfaces.height", "trainer.max_steps=5", "tracking=none",
    "optimizer.lr=0.1",
)  # fmt: skip
SURFACE = "from my_steepness import STEEPNESS\n\n\ndef height(x, y):\n    return STEEPNESS * (x**2 + y**2)\n"


@pytest.mark.services
def test_a_run_is_trained_again_when_its_own_module_or_one_that_it_imports_was_edited(project: Path) -> None:
    def last_line() -> str:
        done = run(BIN / "descent", *TRAIN, cwd=project)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    (project / "my_surfaces.py").write_text(SURFACE)
    (project / "my_steepness.py").write_text("STEEPNESS = 1\n")
    first = last_line()
    assert first.startswith("record runs/bowl-")
    assert last_line() == f"bowl: {first.split()[1]} holds this run already, finished; remove it to train again"
    (project / "my_steepness.py").write_text("STEEPNESS = 2\n")
    second = last_line()
    assert second.startswith("record runs/bowl-")
    assert second != first
    (project / "my_steepness.py").write_text("STEEPNESS = 1\n")
    assert first.split()[1] in last_line()
