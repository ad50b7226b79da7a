from pathlib import Path

import pytest
from tracking.runs import rows, whole

from descent.errors import UserError
from descent.tracking.lookup import run_ids
from descent.tracking.store import connect
from descent.tracking.sync import sync


def test_runs_are_found_by_their_records_in_whichever_experiment(uri: str, tmp_path: Path) -> None:
    synced = {f"id-{name}": sync(whole(tmp_path / name).folder, uri).run_id for name in ("a", "b", "c")}
    assert run_ids(uri, ["id-a", "id-nowhere", "id-c"]) == {name: synced[name] for name in ("id-a", "id-c")}
    assert run_ids(uri, []) == {}


def test_a_run_that_was_deleted_is_none(uri: str, tmp_path: Path) -> None:
    connect(uri).delete_run(sync(whole(tmp_path / "a").folder, uri).run_id)
    assert run_ids(uri, ["id-a"]) == {}


def test_a_look_makes_no_store(tmp_path: Path) -> None:
    assert run_ids(f"sqlite:///{tmp_path}/new/mlflow.db", ["id-a"]) == {}
    assert not list(tmp_path.iterdir())


def test_a_look_leaves_a_store_as_it_is(uri: str) -> None:
    assert run_ids(uri, ["id-a"]) == {}
    assert rows(uri, "SELECT * FROM runs") == []


def test_a_server_that_is_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^MLflow store http://127\.0\.0\.1:9: .*Connection refused"):
        run_ids("http://127.0.0.1:9", ["id-a"])
