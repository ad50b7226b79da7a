import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ROOT
from tracking.runs import start, whole

from descent.compare.picking import picked
from descent.errors import UserError
from descent.records.run import RunRecord
from descent.records.sweep import Job, State, SweepHeader, SweepRecord
from descent.tracking.sweep_sync import sync_sweep
from descent.tracking.sync import sync

KEYS = {"a": "0123456789abcdef" * 4, "b": "0123456789abcdff" * 4, "c": "c" * 64, "d": "d" * 64}


@dataclass(frozen=True)
class Store:
    """Runs `a` to `d` in MLflow, of which `c` and `d` are the jobs of a sweep; the ids there by name."""

    folder: Path
    uri: str
    ids: dict[str, str]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Store:
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(empty_store, folder / "mlflow.db")
    shutil.copy(ROOT / "dvc.yaml", folder)
    (folder / "empty").mkdir()
    uri = f"sqlite:///{folder}/mlflow.db"
    ids = {}
    for name, key in KEYS.items():
        record = whole(folder / "runs" / name, 3, key=key, params={"seed": name})
        ids[name] = sync(record.folder, uri).run_id
    sweep = SweepRecord.create(folder / "sweeps" / "s", SweepHeader("s", "a sweep", "x squared", 0, {}, {}), "")
    for name in "cd":
        sweep.note(Job([f"seed={name}"], name, "trained", f"runs/{name}", f"id-{name}"))
    sweep.stand(State("FINISHED"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ids["sweep"] = sync_sweep(sweep.folder, uri).run_id
    return Store(folder, uri, ids)


@pytest.fixture(autouse=True)
def _in_the_project(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store.folder)


def names(store: Store, *picks: str) -> list[str]:
    return [record.header.name for record in picked(picks, store.uri)]


@pytest.mark.parametrize(
    ("picks", "expected"),
    [
        (["runs/b"], "b"),
        (["runs"], "abcd"),
        (["sweeps"], "cd"),
        (["sweeps/s"], "cd"),
        (["runs/b", "runs", "sweeps"], "bacd"),  # each once, where it was picked first
        ([KEYS["a"]], "a"),
        ([KEYS["a"][:16]], "a"),
        ([KEYS["a"][:32]], "a"),  # as many digits as an id has
        ([KEYS["a"][:14]], "ab"),  # of whatever run it begins the key
        ([KEYS["a"][:8]], "ab"),
        (["params.seed = 'b'"], "b"),
        (["params.seed != 'b' and tags.descent.result = 'finished'"], "acd"),
        (["params.seed = 'd'", KEYS["c"], "runs/a"], "dca"),
    ],
)
def test_a_pick_means_runs(store: Store, picks: list[str], expected: str) -> None:
    found = names(store, *picks)
    assert len(found) == len(expected)
    if len(picks) == 1 and not Path(picks[0]).is_dir():
        found = sorted(found)  # MLflow's order is that of time
    assert "".join(found) == expected


def test_the_id_of_an_mlflow_run_means_it_and_that_of_a_sweep_its_jobs(store: Store) -> None:
    assert names(store, store.ids["b"]) == ["b"]
    assert sorted(names(store, store.ids["sweep"])) == ["c", "d"]


def test_runs_that_are_in_mlflow_alone_are_read_from_there(store: Store) -> None:
    (found,) = picked([store.ids["a"]], store.uri)
    assert found.header == RunRecord(store.folder / "runs" / "a").header
    assert found.read("steps.csv") == RunRecord(store.folder / "runs" / "a").read("steps.csv")


@pytest.mark.parametrize("pick", ["0123456789abcdfe", KEYS["a"][1:16], "f" * 32, "params.seed = 'e'", "empty"])
def test_a_pick_that_means_no_run_is_told_in_a_line(store: Store, pick: str) -> None:
    with pytest.raises(UserError, match=rf"^{pick}: no finished run answers to it; name a folder"):
        names(store, "runs/a", pick)


def test_a_sweep_without_runs_is_none(store: Store) -> None:
    sweep = SweepRecord.create(store.folder / "new", SweepHeader("new", "a sweep", "x squared", 0, {}, {}), "")
    sweep.stand(State("FAILED"))
    with pytest.raises(UserError, match="no finished run answers to it"):
        names(store, sync_sweep(sweep.folder, store.uri).run_id)


def test_what_is_none_of_these_is_a_filter_that_mlflow_does_not_understand(store: Store) -> None:
    # Seven digits could begin the keys of many runs.
    with pytest.raises(UserError, match=r"Invalid clause\(s\) in filter string"):
        names(store, KEYS["a"][:7])


def test_a_job_that_has_no_record_yet_is_none_of_a_sweeps_runs(store: Store) -> None:
    sweep = SweepRecord.create(store.folder / "other" / "s", SweepHeader("t", "t", "x squared", 0, {}, {}), "")
    start(store.folder / "there", 3)
    for name, folder in (("there", "there"), ("nowhere", "nowhere"), ("waiting", None)):
        sweep.note(Job([f"seed={name}"], name, "running", folder))
    assert names(store, "other") == ["there"]
