import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from conftest import ROOT
from end_to_end.commands import run
from tracking.runs import ended_record, rows, start
from tracking.test_sweep_sync import sweep_of

from descent.records.run import RunRecord
from descent.records.sweep import SweepRecord, SweepState
from descent.render import run_views
from descent.tracking.presence import is_settled
from descent.tracking.store import connect
from descent.tracking.sweep_sync import sync_record


@pytest.fixture
def drawn(uri: str, tmp_path: Path) -> RunRecord:
    """A run that is drawn and in the store."""
    record = ended_record(tmp_path / "a")
    run_views.draw(record.folder)
    sync_record(record.folder, uri, 100)
    return record


@pytest.fixture
def sweep(uri: str, tmp_path: Path, drawn: RunRecord) -> SweepRecord:
    """A sweep that is in the store, of that run."""
    sweep = sweep_of(tmp_path, drawn.header.name)
    sync_record(sweep.folder, uri, 100)
    return sweep


def test_a_run_is_settled_once_it_is_drawn_and_in_the_store(uri: str, tmp_path: Path) -> None:
    start(tmp_path / "a", 20)
    assert not is_settled(tmp_path / "a", None)
    ended_record(tmp_path / "b")
    assert not is_settled(tmp_path / "b", None)
    run_views.draw(tmp_path / "b")
    assert is_settled(tmp_path / "b", None)
    assert not is_settled(tmp_path / "b", uri)
    sync_record(tmp_path / "b", uri, 100)
    assert is_settled(tmp_path / "b", uri)
    assert not is_settled(tmp_path / "c", uri)


def delete(uri: str, record: str) -> None:
    ((run,),) = rows(uri, f"select run_uuid from tags where key = 'descent.record' and value = '{record}'")
    connect(uri).delete_run(str(run))


def reopen(uri: str, record: str) -> None:
    ((run,),) = rows(uri, f"select run_uuid from tags where key = 'descent.record' and value = '{record}'")
    connect(uri).update_run(str(run), status="RUNNING")


@pytest.mark.parametrize("change", [delete, reopen])
def test_a_run_that_the_store_lacks_or_has_in_part_is_not_settled(
    uri: str, drawn: RunRecord, change: Callable[[str, str], None]
) -> None:
    change(uri, drawn.header.id)
    assert not is_settled(drawn.folder, uri)


@pytest.mark.parametrize("name", ["descent.png", "drawn.txt"])
def test_a_run_whose_views_are_others_is_not_settled(uri: str, drawn: RunRecord, name: str) -> None:
    with (drawn.views / name).open("ab") as file:
        file.write(b" ")
    assert not is_settled(drawn.folder, uri)
    (drawn.views / name).unlink()
    assert not is_settled(drawn.folder, None)


def test_a_sweep_is_settled_while_the_store_has_its_state(uri: str, sweep: SweepRecord) -> None:
    assert is_settled(sweep.folder, uri)
    state = sweep.state()
    sweep.write_state(SweepState("RUNNING"))
    assert not is_settled(sweep.folder, uri)
    assert is_settled(sweep.folder, None)
    sweep.write_state(state)
    assert is_settled(sweep.folder, uri)
    (sweep.views / "runs.csv").write_text("another")
    assert not is_settled(sweep.folder, uri)
    sync_record(sweep.folder, uri, 100)
    assert is_settled(sweep.folder, uri)
    delete(uri, sweep.header.id)
    assert not is_settled(sweep.folder, uri)


def test_nothing_is_settled_in_a_store_that_cannot_be_read(uri: str, tmp_path: Path, drawn: RunRecord) -> None:
    assert not is_settled(drawn.folder, "http://127.0.0.1:9")
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
        store.execute("begin exclusive")
        assert not is_settled(drawn.folder, uri)
    assert is_settled(drawn.folder, uri)
    (tmp_path / "mlflow.db").write_text("no database")
    assert not is_settled(drawn.folder, uri)
    (tmp_path / "mlflow.db").unlink()
    assert not is_settled(drawn.folder, uri)
    assert not (tmp_path / "mlflow.db").exists()


def test_a_look_imports_neither_mlflow_nor_what_draws(uri: str, drawn: RunRecord) -> None:
    look = (
        "import sys; from pathlib import Path; from descent.tracking.presence import is_settled\n"
        f"print(is_settled(Path({str(drawn.folder)!r}), {uri!r}))\n"
        "print({'mlflow', 'matplotlib', 'numpy'} & {*sys.modules})"
    )
    assert run(sys.executable, "-c", look, cwd=ROOT).stdout == "True\nset()\n"
