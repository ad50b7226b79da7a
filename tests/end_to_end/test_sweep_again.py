"""A sweep that is issued again, in other words or after something was mended, is the same sweep, with each run once."""

import csv
from pathlib import Path

import pytest
from conftest import make_project
from end_to_end.commands import here

from descent.records.sweep import SweepRecord

BASE = (
    "descent",
    "train",
    "-m",
    "problem=himmelblau",
    "problem.start=[0.5,-1]",
    "trainer.max_steps=5",
    "tracking=none",
)


def sweep_in(project: Path) -> SweepRecord:
    """The record of the only sweep."""
    (folder,) = (project / "sweeps").iterdir()
    return SweepRecord(folder)


def rows(project: Path, table: str = "runs") -> list[dict[str, str]]:
    """The rows of a table of the only sweep."""
    with (sweep_in(project).views / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Path:
    """A project in which a sweep is finished."""
    project = make_project(tmp_path_factory.mktemp("project"), small_data)
    done = here(*BASE, "optimizer.lr=0.1,0.01", cwd=project)
    assert "2 jobs: 2 trained, 0 resumed, 0 finished before, 0 failed" in done.stdout
    return project


@pytest.mark.parametrize(
    "words",
    [
        ("optimizer.lr=1e-1,1e-2",),
        ("optimizer.lr=0.1,0.01", "trainer.checkpoint_seconds=3"),
        ("optimizer.lr=0.1,0.01", "tracking.max_points=200"),
        ("optimizer.lr=0.1,0.01", "seed=0", "optimizer=steepest_descent"),
        ("++optimizer.lr=choice(0.1,0.01)", "++seed=0", "hydra/launcher=fused"),
    ],
    ids=" ".join,
)
def test_a_sweep_in_other_words_is_the_same(swept: Path, words: tuple[str, ...]) -> None:
    again = here(*BASE, *words, cwd=swept)
    assert (again.returncode, again.stderr) == (0, "")
    assert "2 jobs: 0 trained, 0 resumed, 2 finished before, 0 failed" in again.stdout
    assert sorted(float(row["optimizer.lr"]) for row in rows(swept)) == [0.01, 0.1]


def test_a_sweep_whose_runs_are_to_be_elsewhere_counts_each_once(project: Path) -> None:
    for words in ((), ("run_dir='there/${optimizer.lr}-${seed}'",)):
        done = here(*BASE, "optimizer.lr=0.1,0.01", "seed=range(2)", *words, cwd=project)
        assert "4 jobs: 4 trained, 0 resumed, 0 finished before, 0 failed" in done.stdout
    assert {str(record.folder.parent) for record in sweep_in(project).runs()} == {str(project / "there")}
    assert len(rows(project)) == 4
    assert [row["seeds"] for row in rows(project, "groups")] == ["2", "2"]


@pytest.mark.parametrize("swept", ["trainer.chunk_size=1,2", "run_dir=runs/a,runs/b"])
def test_a_run_that_two_jobs_have_is_no_replicate_of_itself(project: Path, swept: str) -> None:
    done = here(*BASE, swept, cwd=project)
    assert "2 jobs: " in done.stdout
    assert "interval" not in done.stdout
    assert len(rows(project)) == 1


def test_jobs_that_failed_and_are_mended_or_removed_fail_their_sweep_no_more(project: Path) -> None:
    conf = project / "conf" / "optimizer"
    for name in ("own_a", "own_b", "own_c"):
        (conf / f"{name}.yaml").write_text("_target_: torch.optim.SGD\n_partial_: true\nlr: -1\n")
    done = here(*BASE, "optimizer=glob(own*)", cwd=project)
    assert done.returncode == 1
    assert "3 jobs: 0 trained, 0 resumed, 0 finished before, 3 failed" in done.stdout
    for name, rate in {"own_a": 0.01, "own_b": 0.02}.items():
        (conf / f"{name}.yaml").write_text(f"_target_: torch.optim.SGD\n_partial_: true\nlr: {rate}\n")
    (conf / "own_c.yaml").unlink()
    again = here(*BASE, "optimizer=glob(own*)", "seed=0", "hydra/launcher=fused", cwd=project)
    assert (again.returncode, again.stderr) == (0, "")
    assert "2 jobs: 2 trained, 0 resumed, 0 finished before, 0 failed" in again.stdout
    assert sweep_in(project).state().status == "FINISHED"


@pytest.mark.parametrize("launcher", ["basic", "fused"])
def test_a_sweep_runs_in_a_folder_of_any_name(tmp_path: Path, small_data: Path, launcher: str) -> None:
    project = tmp_path / "a b#c?d${e}'ü"
    project.mkdir()
    make_project(project, small_data)
    words = ("optimizer.lr=0.1,0.01", 'name="é #1? ${seed}"', f"hydra/launcher={launcher}")
    for stages in ("2 trained, 0 resumed, 0 finished before", "0 trained, 0 resumed, 2 finished before"):
        done = here(*BASE, *words, cwd=project)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"2 jobs: {stages}, 0 failed" in done.stdout
    assert len(rows(project)) == 2
    assert [path.name for path in tmp_path.iterdir()] == [project.name]
