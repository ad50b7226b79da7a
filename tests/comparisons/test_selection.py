import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ROOT
from tracking.runs import ended_record, start

from descent.comparisons.selection import select_runs
from descent.errors import UserError
from descent.records.run import RunRecord
from descent.records.sweep import JobState, SweepHeader, SweepRecord, SweepState
from descent.tracking.sweep_sync import sync_sweep
from descent.tracking.sync import sync

KEYS = {"a": "0123456789abcdef" * 4, "b": "0123456789abcdff" * 4, "c": "c" * 64, "d": "d" * 64}


@dataclass(frozen=True)
class Store:
    """A store with runs `a` to `d`, of which `c` and `d` are the jobs of a sweep; the ids are by name."""

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
        record = ended_record(folder / "runs" / name, 3, key=key, params={"seed": name})
        ids[name] = sync(record.folder, uri).run_id
    sweep = SweepRecord.create(folder / "sweeps" / "s", SweepHeader("s", "a sweep", "x squared", 0, {}, {}), "")
    for name in "cd":
        sweep.write_job(JobState([f"seed={name}"], name, "trained", f"runs/{name}", f"id-{name}"))
    sweep.write_state(SweepState("FINISHED"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ids["sweep"] = sync_sweep(sweep.folder, uri).run_id
    return Store(folder, uri, ids)


@pytest.fixture(autouse=True)
def _in_the_project(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store.folder)


def names(store: Store, *selectors: str) -> list[str]:
    return [record.header.name for record in select_runs(selectors, store.uri)]


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        (["runs/b"], "b"),
        (["runs"], "abcd"),
        (["sweeps"], "cd"),
        (["sweeps/s"], "cd"),
        (["runs/b", "runs", "sweeps"], "bacd"),  # no duplicates, in the order of the selectors
        ([KEYS["a"]], "a"),
        ([KEYS["a"][:16]], "a"),
        ([KEYS["a"][:32]], "a"),  # as long as an MLflow run id
        ([KEYS["a"][:14]], "ab"),  # the beginning of both keys
        ([KEYS["a"][:8]], "ab"),
        (["params.seed = 'b'"], "b"),
        (["params.seed != 'b' and tags.descent.result = 'finished'"], "acd"),
        (["params.seed = 'd'", KEYS["c"], "runs/a"], "dca"),
    ],
)
def test_a_selector_matches_runs(store: Store, selectors: list[str], expected: str) -> None:
    matches = names(store, *selectors)
    assert len(matches) == len(expected)
    if len(selectors) == 1 and not Path(selectors[0]).is_dir():
        matches = sorted(matches)  # MLflow orders by time
    assert "".join(matches) == expected


def test_an_mlflow_run_id_selects_the_run_or_the_jobs_of_the_sweep(store: Store) -> None:
    assert names(store, store.ids["b"]) == ["b"]
    assert sorted(names(store, store.ids["sweep"])) == ["c", "d"]


def test_a_run_that_is_only_in_mlflow_is_read_from_there(store: Store) -> None:
    (record,) = select_runs([store.ids["a"]], store.uri)
    assert record.header == RunRecord(store.folder / "runs" / "a").header
    assert record.read("steps.csv") == RunRecord(store.folder / "runs" / "a").read("steps.csv")


@pytest.mark.parametrize("selector", ["0123456789abcdfe", KEYS["a"][1:16], "f" * 32, "params.seed = 'e'", "empty"])
def test_a_selector_without_a_match_is_an_error_in_one_line(store: Store, selector: str) -> None:
    with pytest.raises(UserError, match=rf"^{selector}: no run matches; name a folder"):
        names(store, "runs/a", selector)


def test_a_sweep_without_runs_does_not_match(store: Store) -> None:
    sweep = SweepRecord.create(store.folder / "new", SweepHeader("new", "a sweep", "x squared", 0, {}, {}), "")
    sweep.write_state(SweepState("FAILED"))
    with pytest.raises(UserError, match="no run matches"):
        names(store, sync_sweep(sweep.folder, store.uri).run_id)


def test_any_other_selector_is_an_mlflow_filter(store: Store) -> None:
    # A key needs at least eight digits.
    with pytest.raises(UserError, match=r"Invalid clause\(s\) in filter string"):
        names(store, KEYS["a"][:7])


def test_a_job_without_a_record_is_not_selected(store: Store) -> None:
    sweep = SweepRecord.create(store.folder / "other" / "s", SweepHeader("t", "t", "x squared", 0, {}, {}), "")
    start(store.folder / "begun", 3)
    for name, folder in (("begun", "begun"), ("nowhere", "nowhere"), ("waiting", None)):
        sweep.write_job(JobState([f"seed={name}"], name, "running", folder))
    assert names(store, "other") == ["begun"]
