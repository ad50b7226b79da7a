from pathlib import Path

from end_to_end.commands import here

from descent.records.lesson import read_lesson

FEW = ("~surfaces.beale", "~surfaces.booth", "~surfaces.rastrigin", "~optimizers.adam", "rates=2", "steps=3")


def test_it_trains_what_the_command_line_composes(project: Path) -> None:
    done = here("descent", "lesson", *FEW, cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "48 descents on 2 surfaces: lesson/record/lesson.npz"
    surfaces = read_lesson(project / "lesson")
    assert list(surfaces) == ["himmelblau", "rosenbrock"]
    assert all(descents.positions.shape == (4, 2, 3, 4, 2) for descents in surfaces.values())
    assert "rosenbrock" in (project / "lesson" / "record" / "config.yaml").read_text(encoding="utf-8")


def test_a_wrong_word_is_refused_in_a_line(project: Path) -> None:
    refused = here("descent", "lesson", "steps=none", cwd=project)
    assert refused.returncode == 1
    assert refused.stderr.startswith("descent lesson: steps=none: choose a whole number from 1")
    assert not (project / "lesson").exists()
