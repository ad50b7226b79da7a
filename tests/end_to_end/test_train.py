from pathlib import Path

import pytest
from end_to_end.commands import here, run
from tracking.runs import rows

from descent.cli import names

BOWL = ("problem=bowl", "trainer.max_steps=5")


def test_the_help_lists_the_groups_with_their_choices(project: Path) -> None:
    shown = here("descent", "train", "--help", cwd=project)
    assert shown.returncode == 0
    for group in ("optimizer", "schedule", "network"):
        choices = sorted(path.stem for path in (project / "conf" / group).glob("*.yaml"))
        assert f"\n{group}: {', '.join(choices)}\n" in shown.stdout
    assert "gradient: autograd, central_difference" in shown.stdout
    assert "trainer: auto, cpu, gpu" in shown.stdout


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("optimizer.lr=", "optimizer.lr=: choose a number from 0, for example optimizer.lr=0.1"),
        ("problem.start=[1.0]", "problem.start=[1.0]: the position is (x, y); choose 2 finite numbers, for example "),
    ],
)
def test_a_wrong_number_is_reported_in_a_line(project: Path, override: str, says: str) -> None:
    failed = here("descent", "train", *BOWL, override, cwd=project)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.startswith(f"descent train: {says}")
    assert not (project / "runs").exists()


def test_a_command_that_does_not_exist_is_reported_with_the_choices(project: Path) -> None:
    failed = run("descent", "ascend", cwd=project)
    assert failed.returncode == 1
    assert failed.stderr == f"descent: there is no command 'ascend'; choose one of {', '.join(names())}\n"


def test_an_unreachable_server_does_not_fail_the_run_and_sync_logs_it_later(project: Path) -> None:
    train = ("descent", "train", "experiment=noisy_polynomial", "trainer.max_steps=20", "run_dir=runs/here")
    away = here(*train, "tracking.uri=http://127.0.0.1:9", cwd=project)
    assert away.returncode == 0, away.stderr
    assert "Connection refused; the record is kept, and `descent sync` tries again" in away.stderr
    still_away = here("descent", "sync", cwd=project)
    assert still_away.returncode == 1
    assert "not synced: MLflow store http://127.0.0.1:9: [Errno 111] Connection refused" in still_away.stdout
    store = f"sqlite:///{project}/mlflow.db"
    assert rows(store, "select name from runs") == []
    elsewhere = here("descent", "sync", "--uri", store, cwd=project)
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert rows(store, "select name, status from runs") == [("steepest_descent lr=0.3 seed=2", "FINISHED")]


def test_a_run_from_another_folder_lands_in_the_same_store(project: Path) -> None:
    inner = project / "somewhere" / "deep"
    inner.mkdir(parents=True)
    done = here("descent", "train", "experiment=noisy_polynomial", "trainer.max_steps=5", cwd=inner)
    assert done.returncode == 0, done.stderr
    assert rows(f"sqlite:///{project}/mlflow.db", "select status from runs") == [("FINISHED",)]
    assert not list(inner.iterdir())
