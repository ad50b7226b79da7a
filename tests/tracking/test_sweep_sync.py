import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image
from tracking.failing_store import failing_after_each_call
from tracking.runs import CREATED, contents, ended_record, new_store, rows, runs
from tracking.two_at_once import two_at_once

from descent.records.locks import folder_lock
from descent.records.sweep import GROUPS, RUNS, JobState, Status, SweepHeader, SweepRecord, SweepState, sweep_folders
from descent.tracking.saved_view import VIEW_TAG, saved_views, view_address
from descent.tracking.store import connect
from descent.tracking.sweep_sync import STATE_TAG, sync_record, sync_sweep
from descent.tracking.sync import SyncResult, sync
from descent.tracking.sync_worker import process_records

PARENTS = (
    "select c.name, p.name from runs c join tags t on t.run_uuid = c.run_uuid and t.key = 'mlflow.parentRunId' "
    "join runs p on p.run_uuid = t.value order by 1"
)


def sweep_of(folder: Path, *names: str, status: Status = "FINISHED", identity: str = "sweep") -> SweepRecord:
    """A sweep with a job for each name, whose run is beside the sweep."""
    header = SweepHeader(identity, f"a {identity}", "x squared", CREATED, {"sweep.seed": "range(2)"}, {})
    sweep = SweepRecord.create(folder / identity, header, "lr: 0.1\n")
    for name in names:
        if not (folder / name).exists():
            ended_record(folder / name)
        sweep.write_job(JobState([f"seed={name}"], name, "trained", name, f"id-{name}"))
    sweep.views.mkdir(exist_ok=True)
    (sweep.views / RUNS).write_text("run,seed\n" + "".join(f"{name},{name}\n" for name in names))
    best = names[0] if names else None
    sweep.write_state(SweepState(status, {"runs/finished": float(len(names))}, best, best and f"id-{best}", CREATED))
    return sweep


def test_a_sweep_adopts_the_runs_of_its_jobs(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a", "b")
    for name in "ab":
        sync_record(tmp_path / name, uri, 10)
    assert sync_record(sweep.folder, uri, 10).change == "new"
    assert rows(uri, PARENTS) == [("a", "a sweep"), ("b", "a sweep")]
    assert rows(uri, "select status from runs where name = 'a sweep'") == [("FINISHED",)]
    assert rows(uri, "select value from tags where key = 'descent.best'") == [("a",)]
    best = "select r.name from tags t join runs r on t.value = r.run_uuid where t.key = 'descent.best_run_id'"
    assert rows(uri, best) == [("a",)]
    assert rows(uri, "select value from latest_metrics where key = 'runs/finished'") == [(2.0,)]
    assert rows(uri, "select value from params where key = 'sweep.seed'") == [("range(2)",)]
    assert sync_sweep(sweep.folder, uri).change == "unchanged"


def test_a_sweep_that_is_synced_before_its_runs_adopts_them_in_the_next_sync(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a", "b")
    sync_sweep(sweep.folder, uri)
    assert rows(uri, PARENTS) == []
    for name in "ab":
        sync_record(tmp_path / name, uri, 10)
    assert sync_sweep(sweep.folder, uri).change == "updated"
    assert rows(uri, PARENTS) == [("a", "a sweep"), ("b", "a sweep")]
    assert sync_sweep(sweep.folder, uri).change == "unchanged"


def test_a_sweep_that_is_received_before_and_after_its_runs_is_synced_after_them(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a", "b")
    folders = [sweep.folder, tmp_path / "a", tmp_path / "b", sweep.folder]
    assert process_records([f"{folder}\n" for folder in folders], uri, 10) == []
    assert rows(uri, PARENTS) == [("a", "a sweep"), ("b", "a sweep")]


def test_a_run_stays_a_child_of_the_sweep_that_trained_it(uri: str, tmp_path: Path) -> None:
    for name in "ab":
        sync_record(ended_record(tmp_path / name).folder, uri, 10)
    sync_sweep(sweep_of(tmp_path, "a").folder, uri)
    sync_sweep(sweep_of(tmp_path, "a", "b", identity="wider").folder, uri)
    assert rows(uri, PARENTS) == [("a", "a sweep"), ("b", "a wider")]


def test_the_views_of_all_sweeps_that_a_run_belongs_to_find_it(uri: str, tmp_path: Path) -> None:
    sweeps = [sweep_of(tmp_path, *names, identity=identity) for identity, names in (("one", "ab"), ("two", "bc"))]
    for name in "abc":
        sync_record(tmp_path / name, uri, 10)
    for sweep in sweeps:
        sync_sweep(sweep.folder, uri)
    client = connect(uri)
    (experiment,) = client.search_experiments(filter_string="name = 'x squared'")
    found = {
        name: sorted(
            run.info.run_name
            for run in client.search_runs(
                [experiment.experiment_id],
                json.loads(json.loads(experiment.tags[VIEW_TAG + key])["state"])["searchFilter"],
            )
        )
        for key, name, _ in saved_views(experiment.tags)
    }
    assert found == {"a one": ["a", "b"], "a two": ["b", "c"], "x squared: single runs": ["a", "b", "c"]}


def test_a_run_with_the_tag_of_a_sweep_becomes_its_child(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path)
    sync_sweep(sweep.folder, uri)
    elsewhere = ended_record(tmp_path / "elsewhere", tags={"descent.sweep": sweep.header.id})
    sync_record(elsewhere.folder, uri, 10)
    assert rows(uri, PARENTS) == [("elsewhere", "a sweep")]


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_the_status_of_a_failed_sweep_is_replaced_by_a_later_one(uri: str, tmp_path: Path, status: Status) -> None:
    sweep = sweep_of(tmp_path, "a", status=status)
    sync_sweep(sweep.folder, uri)
    assert rows(uri, "select status from runs") == [(status,)]
    better: tuple[Status, ...] = ("RUNNING", "FINISHED")
    with folder_lock(sweep.folder, "", wait=False):
        for later in better:
            sweep.write_state(SweepState(later))
            sync_sweep(sweep.folder, uri)
            assert rows(uri, "select status from runs") == [(later,)]


def test_a_sweep_that_no_process_runs_is_killed(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a", status="RUNNING")
    sync(tmp_path / "a", uri)
    status = "select status from runs where name = 'a sweep'"
    with folder_lock(sweep.folder, "", wait=False):
        sync_sweep(sweep.folder, uri)
        assert rows(uri, status) == [("RUNNING",)]
    assert [sync_sweep(sweep.folder, uri).change for _ in range(2)] == ["updated", "unchanged"]
    assert rows(uri, status) == [("KILLED",)]


def test_sweeps_are_found_by_their_records(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a")
    assert sweep_folders([tmp_path]) == [sweep.folder]
    assert [job.name for job in SweepRecord(sweep.folder).jobs()] == ["a"]
    assert sweep.swept == ["seed"]


def picture(sweep: SweepRecord, name: str, colour: str) -> None:
    sweep.views.mkdir(exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(sweep.views / f"{name}.png")


def images(uri: str) -> Counter[str]:
    """The number of full-size images in a store, by name."""
    logged = Path(uri.removeprefix("sqlite:///")).parent.glob("mlartifacts/*/*/artifacts/images/*.png")
    return Counter(path.name.partition("+")[0] for path in logged)


def test_a_picture_is_logged_again_only_if_it_changed(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a")
    picture(sweep, "ends", "red")
    picture(sweep, "paths", "red")
    sync_sweep(sweep.folder, uri)
    assert images(uri) == {"ends": 1, "paths": 1}
    for when, colour in enumerate(("red", "blue", "blue"), start=1):
        picture(sweep, "ends", colour)
        sweep.write_state(SweepState("FINISHED", when=CREATED + when))
        assert sync_sweep(sweep.folder, uri).change == "updated"
    assert images(uri) == {"ends": 2, "paths": 1}


@pytest.mark.parametrize(
    ("columns", "column_names"),
    [("run,optimizer.lr,loss/train", ["run", "lr", "loss/train"]), ("run,a.x,b.x", ["run", "a_x", "b_x"])],
)
def test_the_table_of_a_sweep_is_in_the_format_that_mlflow_shows(
    uri: str, tmp_path: Path, columns: str, column_names: list[str]
) -> None:
    sweep = sweep_of(tmp_path)
    for cell in ("1", "2"):
        (sweep.views / RUNS).write_text(f"{columns}\na,{cell},\n")
        sweep.write_state(SweepState("FINISHED", when=CREATED + int(cell)))
        run_id = sync_sweep(sweep.folder, uri).run_id
        table = json.loads(Path(connect(uri).download_artifacts(run_id, "runs.json")).read_text())
        assert table == {"columns": column_names, "data": [["a", cell, ""]]}
    listed = connect(uri).get_run(run_id).data.tags["mlflow.loggedArtifacts"]
    assert json.loads(listed) == [{"path": "runs.json", "type": "table"}]


def test_the_description_of_a_sweep_shows_names_as_they_are(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path)
    sweep.write_state(SweepState("FINISHED", conclusions=["best: [a](https://b.example)\n<img src=c> x_1*2 `d` \\[e"]))
    tags = connect(uri).get_run(sync_sweep(sweep.folder, uri).run_id).data.tags
    note, _, _ = tags["mlflow.note.content"].partition("\n\n")
    assert note == r"best: \[a\](https://b.example)\\n&lt;img src=c> x\_1\*2 \`d\` \\\[e"


def test_the_conclusions_of_a_sweep_are_its_description_and_its_groups_a_table(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path)
    for name in (RUNS, GROUPS):
        (sweep.views / name).write_text("group,seeds\nadam,3\n")
    lines = ["best: adam  loss/train 0.1", "it is not separable from sgd with 3 seeds, p = 0.2"]
    sweep.write_state(SweepState("FINISHED", conclusions=lines))
    run_id = sync_sweep(sweep.folder, uri).run_id
    tags = connect(uri).get_run(run_id).data.tags
    assert tags["mlflow.note.content"].split("\n\n")[:2] == lines
    assert [table["path"] for table in json.loads(tags["mlflow.loggedArtifacts"])] == ["runs.json", "groups.json"]
    groups = json.loads(Path(connect(uri).download_artifacts(run_id, "groups.json")).read_text())
    assert groups == {"columns": ["group", "seeds"], "data": [["adam", "3"]]}


def test_a_sweep_with_runs_has_a_saved_view_and_a_link_to_it(uri: str, tmp_path: Path) -> None:
    sync_record(ended_record(tmp_path / "a").folder, uri, 10)
    sweep = sweep_of(tmp_path, "a")
    sweep.write_state(
        SweepState("FINISHED", {"runs/finished": 1.0, "best/accuracy/test": 0.5}, "a", "id-a", CREATED + 5)
    )
    synced = sync_sweep(sweep.folder, uri)
    client = connect(uri)
    (experiment,) = client.search_experiments(filter_string="name = 'x squared'")
    views = {name: (key, when) for key, name, when in saved_views(experiment.tags)}
    assert views.keys() == {"x squared: single runs", "a sweep"}
    key, when = views["a sweep"]
    assert when == CREATED + 5
    assert view_address(experiment.experiment_id, key) in client.get_run(synced.run_id).data.tags["mlflow.note.content"]
    state = json.loads(json.loads(experiment.tags[f"{VIEW_TAG}{key}"])["state"])
    assert state["searchFilter"] == "tags.`descent.sweep.sweep` = 'true'"
    assert [run.info.run_name for run in client.search_runs([experiment.experiment_id], state["searchFilter"])] == ["a"]
    assert state["orderByKey"] == "metrics.`accuracy/test`"
    assert state["selectedColumns"] == ["params.`seed`", "metrics.`loss/test`"]
    points = rows(uri, "select value, timestamp, step from latest_metrics where key = 'best/accuracy/test'")
    assert points == [(0.5, CREATED + 5, 0)]


def test_other_folders_of_a_sweep_are_not_artifacts(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path)
    (sweep.folder / "0").mkdir()
    (sweep.folder / "0" / "job.log").write_text("a job's own")
    run_id = sync_sweep(sweep.folder, uri).run_id
    assert "0" not in {artifact.path for artifact in connect(uri).list_artifacts(run_id)}


def test_a_sweep_without_a_best_run_has_no_tag_of_it(uri: str, tmp_path: Path) -> None:
    sync_sweep(sweep_of(tmp_path).folder, uri)
    assert rows(uri, "select * from tags where key like 'descent.best%'") == []


def test_a_comparison_has_the_tag_of_the_best_run_without_adopting_it(uri: str, tmp_path: Path) -> None:
    best = sync_record(ended_record(tmp_path / "a").folder, uri, 10).run_id
    comparison = sweep_of(tmp_path)
    comparison.write_state(SweepState("FINISHED", {}, "a", "id-a"))
    sync_sweep(comparison.folder, uri)
    assert rows(uri, "select value from tags where key = 'descent.best_run_id'") == [(best,)]
    assert rows(uri, PARENTS) == []


def test_two_syncs_of_a_sweep_at_once_make_one_run(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path)
    first, second = two_at_once(lambda: sync_sweep(sweep.folder, uri))
    assert (first.change, second) == ("new", SyncResult("unchanged", first.run_id))
    assert runs(uri) == [("a sweep", "FINISHED")]


def test_a_tag_of_a_sweep_that_is_too_long_is_replaced_by_a_reference(uri: str, tmp_path: Path) -> None:
    header = SweepHeader("sweep", "a sweep", "x squared", CREATED, {}, {"hydra.overrides": "x" * 8001})
    sweep = SweepRecord.create(tmp_path, header, "")
    sweep.write_state(SweepState("RUNNING"))
    sync_sweep(tmp_path, uri)
    ((value,),) = rows(uri, "select value from tags where key = 'hydra.overrides'")
    assert str(value).startswith("(8,001 characters, see ")


def test_a_sync_of_a_sweep_that_fails_after_any_call_is_completed_by_the_next(
    empty_store: Path, tmp_path: Path
) -> None:
    sweep = sweep_of(tmp_path, "a", "b")
    picture(sweep, "ends", "red")
    reference, repeated = (new_store(empty_store, tmp_path / name) for name in ("once", "often"))
    for uri in (reference, repeated):
        for name in "ab":
            sync_record(tmp_path / name, uri, 10)
    sync_sweep(sweep.folder, reference)

    def content(uri: str) -> set[tuple[str, ...]]:
        """The content of a store without duplicates: a picture may be logged again after a failure."""
        return set(contents(uri))

    for _ in failing_after_each_call(lambda: sync_sweep(sweep.folder, repeated)):
        if ("a sweep", "FINISHED") in runs(repeated):
            assert {key for _, key, *_ in content(reference) - content(repeated)} <= {STATE_TAG}
    assert content(repeated) == content(reference)
