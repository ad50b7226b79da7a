import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Composed
from end_to_end.commands import ENVIRONMENT
from moments import paths_of

from descent.core.data.noisy_polynomial import read_points
from descent.core.data.points import write_points
from descent.runs.identity import finished_run
from descent.runs.train import train

POLYNOMIAL = ("experiment=noisy_polynomial", "trainer.max_steps=5")


@pytest.mark.parametrize("overrides", [("problem=bowl", "trainer.max_steps=5"), POLYNOMIAL])
def test_a_run_that_is_there_is_the_one_that_training_would_find(
    composed: Composed, overrides: tuple[str, ...]
) -> None:
    config = composed(*overrides, "trainer.accelerator=cpu")
    assert finished_run(config) is None
    trained = train(config)
    assert finished_run(config) == train(config)
    assert finished_run(config) is not None
    assert trained.folder == train(config).folder


@pytest.mark.parametrize("change", ["seed=1", "trainer.max_steps=6", "optimizer.lr=0.2", "run_dir=runs/elsewhere"])
def test_another_run_is_not_there(composed: Composed, change: str) -> None:
    train(composed(*POLYNOMIAL, "trainer.accelerator=cpu"))
    assert finished_run(composed(*POLYNOMIAL, "trainer.accelerator=cpu", change)) is None


def test_a_run_in_the_folder_that_another_is_asked_for_is_not_taken_for_it(composed: Composed) -> None:
    here = (*POLYNOMIAL, "trainer.accelerator=cpu", "run_dir=runs/here")
    train(composed(*here))
    assert finished_run(composed(*here, "seed=1")) is None
    assert finished_run(composed(*here)) is not None


def test_what_cannot_change_a_result_makes_no_other_run(composed: Composed) -> None:
    train(composed(*POLYNOMIAL, "trainer.accelerator=cpu"))
    assert finished_run(composed(*POLYNOMIAL, "trainer.accelerator=cpu", "trainer.chunk_size=7")) is not None


def test_a_run_on_data_that_have_changed_is_not_there(composed: Composed, project: Path) -> None:
    config = composed(*POLYNOMIAL, "trainer.accelerator=cpu")
    train(config)
    path = project / "data" / "noisy_polynomial" / "points.csv"
    x, y = read_points(path)
    write_points(path, (x, y + 1))
    assert finished_run(config) is None
    path.unlink()
    assert finished_run(config) is None


def test_the_folders_of_runs_are_not_listed_for_every_job_of_a_sweep(composed: Composed, project: Path) -> None:
    configs = [composed(*POLYNOMIAL, "trainer.accelerator=cpu", f"seed={seed}") for seed in range(3)]
    for config in configs[:2]:
        train(config)
    found = [finished_run(config) for config in configs[:1]]
    with paths_of("os.scandir") as listed:
        found += [finished_run(config) for config in configs[1:]]
    assert [result is not None for result in found] == [True, True, False]
    assert project / "runs" not in listed


def test_a_run_that_a_gpu_may_have_been_meant_for_is_left_to_training(
    composed: Composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(composed(*POLYNOMIAL, "trainer.accelerator=cpu"))
    monkeypatch.setattr("descent.runs.identity.GPUS", ("/dev/null",))
    assert finished_run(composed(*POLYNOMIAL, "trainer.accelerator=auto")) is None
    assert finished_run(composed(*POLYNOMIAL, "trainer.accelerator=gpu")) is None


def test_a_finished_run_is_reported_without_pytorch_and_mlflow(composed: Composed, project: Path) -> None:
    words = ["problem=bowl", "trainer.max_steps=5", "tracking=none", "trainer.accelerator=cpu", "run_dir=runs/here"]
    train(composed(*words))
    program = (
        "import sys; from descent.commands.train import main; main(sys.argv[1:]); main(sys.argv[1:]); "
        "print({'torch', 'pytorch_lightning', 'mlflow'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, cwd=project, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    first, second, modules = done.stdout.splitlines()
    assert first == second == "bowl: runs/here holds this run already, finished; remove it to train again"
    assert (project / "runs" / "here" / "views" / "descent.html").exists()
    assert modules == "set()"
