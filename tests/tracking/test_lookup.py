from pathlib import Path

import pytest
from tracking.runs import ended_record, rows

from descent.errors import UserError
from descent.tracking.lookup import mlflow_run_ids
from descent.tracking.store import connect
from descent.tracking.sync import sync


def test_runs_are_found_by_their_records_in_any_experiment(uri: str, tmp_path: Path) -> None:
    synced = {f"id-{name}": sync(ended_record(tmp_path / name).folder, uri).run_id for name in ("a", "b", "c")}
    assert mlflow_run_ids(uri, ["id-a", "id-nowhere", "id-c"]) == {name: synced[name] for name in ("id-a", "id-c")}
    assert mlflow_run_ids(uri, []) == {}


def test_a_deleted_run_is_not_found(uri: str, tmp_path: Path) -> None:
    connect(uri).delete_run(sync(ended_record(tmp_path / "a").folder, uri).run_id)
    assert mlflow_run_ids(uri, ["id-a"]) == {}


def test_a_lookup_creates_no_store(tmp_path: Path) -> None:
    assert mlflow_run_ids(f"sqlite:///{tmp_path}/new/mlflow.db", ["id-a"]) == {}
    assert not list(tmp_path.iterdir())


def test_a_lookup_does_not_change_a_store(uri: str) -> None:
    assert mlflow_run_ids(uri, ["id-a"]) == {}
    assert rows(uri, "SELECT * FROM runs") == []


def test_an_unreachable_server_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^MLflow store http://127\.0\.0\.1:9: .*Connection refused"):
        mlflow_run_ids("http://127.0.0.1:9", ["id-a"])
