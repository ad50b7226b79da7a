import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end.commands import here
from permissions import unreadable
from tracking.runs import ended_record, runs
from tracking.test_sweep_sync import sweep_of

from descent.commands.sync import main, sync_all
from descent.errors import UserError
from descent.tracking.store import connect


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which one is in."""
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_record_under_runs_is_synced(
    project: Path, empty_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(empty_store, project / "mlflow.db")
    for name in ("a", "sweep/b"):
        ended_record(project / "runs" / name)
    main([])
    uri = f"sqlite:///{project / 'mlflow.db'}"
    assert runs(uri) == [("a", "FINISHED"), ("b", "FINISHED")]
    a, b, total = capsys.readouterr().out.splitlines()
    assert a.startswith(f"{project}/runs/a: new, run ")
    assert b.startswith(f"{project}/runs/sweep/b: new, run ")
    assert total == "records: 2 new, 0 updated, 0 unchanged"

    main(["runs/a"])
    assert capsys.readouterr().out.splitlines()[-1] == "records: 0 new, 0 updated, 1 unchanged"

    # A record that MLflow refuses does not keep the others back.
    ended_record(project / "runs" / "c")
    client = connect(uri)
    client.delete_experiment("1")
    with pytest.raises(UserError, match="3 of 3 records are not in MLflow"):
        sync_all([project / "runs" / name for name in ("a", "sweep/b", "c")], uri)
    assert capsys.readouterr().out.count("was deleted") == 3


def test_damaged_records_are_reported_and_all_others_are_synced(project: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, project / "mlflow.db")
    (project / "runs" / "first_version").mkdir(parents=True)
    (project / "runs" / "first_version" / "run.json").write_text("{}")
    for name in ("header", "locked", "no_table", "result", "sound", "z_sound"):
        ended_record(project / "runs" / name)
    (project / "runs" / "header" / "record" / "run.json").write_text("{")
    (project / "runs" / "no_table" / "record" / "steps.csv").unlink()
    (project / "runs" / "result" / "record" / "result.json").write_bytes(bytes(20))
    for name in ("a", "b"):
        sweep_of(project / "sweeps", identity=name)
    (project / "sweeps" / "a" / "record" / "sweep.json").write_text("[]")
    with unreadable(project / "runs" / "locked"):
        done = here("descent", "sync", cwd=project)
    *lines, total = (line.removeprefix(f"{project}/") for line in done.stdout.splitlines())
    says = [
        r"runs/first_version: not synced: .*/runs/first_version was written by the first version of Descent; .*",
        r"runs/header: not synced: .*/run\.json is damaged; restore it, or .*",
        r"runs/locked: not synced: .*[Pp]ermission denied.*",
        r"runs/no_table: not synced: .*/runs/no_table/record/steps\.csv is damaged: .*",
        r"runs/result: not synced: .*/result\.json is damaged: .*",
        r"runs/sound: new, run \w+",
        r"runs/z_sound: new, run \w+",
        r"sweeps/a: not synced: .*/sweep\.json is damaged; .*",
        r"sweeps/b: new, run \w+",
    ]
    for line, pattern in zip(lines, says, strict=True):
        assert re.fullmatch(pattern, line), line
    assert total == "records: 3 new, 0 updated, 0 unchanged"
    assert done.stderr == "descent sync: 6 of 9 records are not in MLflow; the reasons are above\n"
    assert done.returncode == 1
    finished = {name for name, status in runs(f"sqlite:///{project}/mlflow.db") if status == "FINISHED"}
    assert finished == {"sound", "z_sound", "a b"}


@pytest.mark.usefixtures("project")
def test_a_folder_without_a_record_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"^nowhere holds no record \(run\.json or sweep\.json\); name the folder"):
        main(["nowhere"])


def test_an_unreachable_server_is_reported_in_a_line(project: Path) -> None:
    ended_record(project / "runs" / "a")
    said = here("descent", "sync", "--uri", "http://127.0.0.1:9", cwd=project)
    (line,) = said.stderr.splitlines()
    assert line.startswith("descent sync: MLflow store http://127.0.0.1:9: ")
    assert (said.returncode, said.stdout) == (1, "")


def test_it_is_known_without_mlflow() -> None:
    script = "import sys, descent.commands.sync; print({'mlflow', 'numpy', 'torch'} & {*sys.modules})"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
