"""Commands where the locale's encoding has few characters."""

import shutil
from pathlib import Path

import pytest
from conftest import make_project
from end_to_end.commands import run
from tracking.runs import rows

pytestmark = pytest.mark.services

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
TRAIN = ("descent", "train", "experiment=parabola_002")


def test_what_can_not_be_printed_is_escaped_by_jobs_sweeps_and_comparisons(project: Path) -> None:
    jobs = ('problem_name="größe","klein"', "optimizer.lr=0.1,0.2", "trainer.max_steps=5,6")
    swept = run(
        *TRAIN, "-m", *jobs, "hydra/launcher=joblib", "tracking=none", cwd=project, PYTHONIOENCODING="ascii"
    )  # fmt: skip
    assert (swept.returncode, swept.stderr) == (0, "")
    assert r'"gr\xf6\xdfe" lr=0.1 max_steps=5: finished' in swept.stdout
    assert r"parabola_002: problem_name \xd7 lr \xd7 max_steps: 8 jobs: 8 trained" in swept.stdout
    compared = run("descent", "compare", "sweeps", cwd=project, **ASCII)
    assert (compared.returncode, compared.stderr) == (0, "")
    assert r"comparison over lr \xd7 max_steps: 8 runs" in compared.stdout


def test_a_folder_that_the_locale_can_not_name_is_synced_in_the_background_and_else_refused(
    tmp_path: Path, small_data: Path, empty_store: Path
) -> None:
    (tmp_path / "größe").mkdir()
    project = make_project(tmp_path / "größe", small_data)
    shutil.copy(empty_store, project)
    trained = run(*TRAIN, "trainer.max_steps=5", "tracking.flush_timeout=300", cwd=project, **ASCII)
    assert (trained.returncode, trained.stderr) == (0, "")
    assert rows(f"sqlite:///{project}/mlflow.db", "select status from runs") == [("FINISHED",)]

    synced = run("descent", "sync", cwd=project, **ASCII)
    assert synced.returncode == 1
    assert synced.stderr == "descent sync: 1 of 1 records are not in MLflow; the reasons are above\n"
    line = synced.stdout.splitlines()[0]
    assert ": not synced: MLflow store '" in line
    advice = "the path is not in ascii, the locale's; set PYTHONUTF8=1"
    assert line.endswith(rf"gr\udcc3\udcb6\udcc3\udc9fe/mlflow.db': {advice}")
    again = run("descent", "sync", cwd=project, **{**ASCII, "PYTHONUTF8": "1"})
    assert again.stdout.splitlines()[-1] == "records: 0 new, 0 updated, 1 unchanged"

    experiment = project / "conf" / "experiment" / "parabola_002.yaml"
    text = experiment.read_text(encoding="utf-8").replace("name: parabola_002", "name: größe")
    experiment.write_text(text, encoding="utf-8")
    refused = run(*TRAIN, "trainer.max_steps=5", "tracking=none", cwd=project, **ASCII)
    assert refused.returncode == 1
    advice = r"'\xf6\xdf' can't be written in ascii; use names in UTF-8, and a UTF-8 locale or PYTHONUTF8=1"
    assert refused.stderr.splitlines()[-1] == f"descent train: {advice}"


def test_a_checkout_that_the_locale_can_not_name_is_refused_in_a_line(tmp_path: Path) -> None:
    checkout = tmp_path / "größe"
    checkout.mkdir()
    assert run("git", "init", cwd=checkout).returncode == 0
    made = run("descent", "init", "lessons", cwd=checkout, **ASCII)
    (line,) = made.stderr.splitlines()
    assert line.endswith(" can't be written in utf-8; use names in UTF-8, and a UTF-8 locale or PYTHONUTF8=1")
