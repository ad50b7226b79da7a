from pathlib import Path

from end_to_end.commands import here
from tracking.runs import rows

MAP = ("descent", "train", "sweep=basin", "problem=bowl", "trainer.max_steps=20", "basin.cells=5")


def test_a_map_is_a_sweep_without_runs_that_is_drawn_once(project: Path) -> None:
    store = f"sqlite:///{project}/mlflow.db"
    first = here(*MAP, cwd=project)
    assert first.returncode == 0, first.stderr
    assert "bowl: start × lr: 25 runs  picture sweeps/bowl-" in first.stdout
    (folder,) = (project / "sweeps").iterdir()
    assert (folder / "views" / "basin.png").exists()
    assert len((folder / "record" / "basin.csv").read_text().splitlines()) == 25 + 1
    assert rows(store, "select name, status from runs") == [("bowl: start × lr", "FINISHED")]
    assert rows(store, "select key, value from params where key like 'sweep.%' order by key") == [
        ("sweep.optimizer.lr", "[0.0001, 1]"),
        ("sweep.problem.start", "[-5, 5]"),
    ]
    kept = {path.name for path in project.glob("mlartifacts/*/*/artifacts/*/*")}
    assert {"basin.png", "basin.csv", "config.yaml"} <= kept

    again = here(*MAP, cwd=project)
    assert again.returncode == 0, again.stderr
    assert "holds this map already; remove it to train it again" in again.stdout


def test_a_map_of_several_things_is_refused_in_a_line(project: Path) -> None:
    done = here(*MAP, "optimizer=sgd,adam", "tracking=none", cwd=project)
    assert done.returncode == 1
    assert done.stderr == "descent train: optimizer=sgd,adam: sweep=basin draws one map; choose one value\n"
    done = here(*MAP, "basin.cells=many", "tracking=none", cwd=project)
    assert done.stderr.splitlines()[-1] == "descent train: basin.cells=many: choose a whole number from 2"
