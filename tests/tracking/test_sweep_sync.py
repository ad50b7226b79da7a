import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image
from tracking.lost_contact import cut_off_after_each_call
from tracking.runs import CREATED, contents, new_store, rows, runs, whole
from tracking.two_at_once import two_at_once

from descent.records.sweep import RUNS, Job, State, Status, SweepHeader, SweepRecord, sweeps
from descent.tracking.saved_view import SAVED_VIEW, page, saved_in
from descent.tracking.store import connect
from descent.tracking.sweep_sync import STOOD, sync_record, sync_sweep
from descent.tracking.sync import Synced
from descent.tracking.sync_worker import follow

PARENTS = (
    "select c.name, p.name from runs c join tags t on t.run_uuid = c.run_uuid and t.key = 'mlflow.parentRunId' "
    "join runs p on p.run_uuid = t.value order by 1"
)


def sweep_of(folder: Path, *names: str, status: Status = "FINISHED", identity: str = "sweep") -> SweepRecord:
    """A sweep with a job for each name, its run's record beside the sweep's."""
    header = SweepHeader(identity, f"a {identity}", "x squared", CREATED, {"sweep.seed": "range(2)"}, {})
    sweep = SweepRecord.create(folder / identity, header, "lr: 0.1\n")
    for name in names:
        if not (folder / name).exists():
            whole(folder / name)
        sweep.note(Job([f"seed={name}"], name, "trained", name, f"id-{name}"))
    sweep.views.mkdir(exist_ok=True)
    (sweep.views / RUNS).write_text("run,seed\n" + "".join(f"{name},{name}\n" for name in names))
    best = names[0] if names else None
    sweep.stand(State(status, {"runs/finished": float(len(names))}, best, best and f"id-{best}", CREATED))
    return sweep


def test_a_sweep_takes_in_the_runs_of_its_jobs(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a", "b")
    for name in "ab":
        sync_record(tmp_path / name, uri, 10)
    assert sync_record(sweep.folder, uri, 10).what == "new"
    assert rows(uri, PARENTS) == [("a", "a sweep"), ("b", "a sweep")]
    assert rows(uri, "select status from runs where name = 'a sweep'") == [("FINISHED",)]
    assert rows(uri, "select value from tags where key = 'descent.best'") == [("a",)]
    best = "select r.name from tags t join runs r on t.value = r.run_uuid where t.key = 'descent.best_run_id'"
    assert rows(uri, best) == [("a",)]
    assert rows(uri, "select value from latest_metrics where key = 'runs/finished'") == [(2.0,)]
    assert rows(uri, "select value from params where key = 'sweep.seed'") == [("range(2)",)]
    assert sync_sweep(sweep.folder, uri).what == "unchanged"


def test_a_sweep_that_comes_before_its_runs_takes_them_in_when_it_comes_again(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a", "b")
    sync_sweep(sweep.folder, uri)
    assert rows(uri, PARENTS) == []
    for name in "ab":
        sync_record(tmp_path / name, uri, 10)
    assert sync_sweep(sweep.folder, uri).what == "updated"
    assert rows(uri, PARENTS) == [("a", "a sweep"), ("b", "a sweep")]
    assert sync_sweep(sweep.folder, uri).what == "unchanged"


def test_named_before_and_after_its_runs_it_is_brought_after_them(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a", "b")
    said = [sweep.folder, tmp_path / "a", tmp_path / "b", sweep.folder]
    assert follow([f"{folder}\n" for folder in said], uri, 10) == []
    assert rows(uri, PARENTS) == [("a", "a sweep"), ("b", "a sweep")]


def test_a_run_stays_under_the_sweep_that_trained_it(uri: str, tmp_path: Path) -> None:
    for name in "ab":
        sync_record(whole(tmp_path / name).folder, uri, 10)
    sync_sweep(sweep_of(tmp_path, "a").folder, uri)
    sync_sweep(sweep_of(tmp_path, "a", "b", identity="wider").folder, uri)
    assert rows(uri, PARENTS) == [("a", "a sweep"), ("b", "a wider")]


def test_a_run_whose_job_did_not_see_the_sweeps_folder_comes_under_it(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path)
    sync_sweep(sweep.folder, uri)
    elsewhere = whole(tmp_path / "elsewhere", tags={"descent.sweep": sweep.header.id})
    sync_record(elsewhere.folder, uri, 10)
    assert rows(uri, PARENTS) == [("elsewhere", "a sweep")]


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_a_sweep_that_did_not_go_well_says_so_until_it_does(uri: str, tmp_path: Path, status: Status) -> None:
    sweep = sweep_of(tmp_path, "a", status=status)
    sync_sweep(sweep.folder, uri)
    assert rows(uri, "select status from runs") == [(status,)]
    better: tuple[Status, ...] = ("RUNNING", "FINISHED")
    for later in better:
        sweep.stand(State(later))
        sync_sweep(sweep.folder, uri)
        assert rows(uri, "select status from runs") == [(later,)]


def test_sweeps_are_found_by_their_records(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a")
    assert sweeps([tmp_path]) == [sweep.folder]
    assert [job.name for job in SweepRecord(sweep.folder).jobs()] == ["a"]
    assert sweep.swept == ["seed"]


def picture(sweep: SweepRecord, name: str, colour: str) -> None:
    sweep.views.mkdir(exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(sweep.views / f"{name}.png")


def images(uri: str) -> Counter[str]:
    """How many full-size images a store has under each name."""
    shown = Path(uri.removeprefix("sqlite:///")).parent.glob("mlartifacts/*/*/artifacts/images/*.png")
    return Counter(path.name.partition("+")[0] for path in shown)


def test_a_picture_is_shown_once_and_again_only_if_it_is_another(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a")
    picture(sweep, "ends", "red")
    picture(sweep, "paths", "red")
    sync_sweep(sweep.folder, uri)
    assert images(uri) == {"ends": 1, "paths": 1}
    for when, colour in enumerate(("red", "blue", "blue"), start=1):
        picture(sweep, "ends", colour)
        sweep.stand(State("FINISHED", when=CREATED + when))
        assert sync_sweep(sweep.folder, uri).what == "updated"
    assert images(uri) == {"ends": 2, "paths": 1}


@pytest.mark.parametrize(
    ("columns", "shown"),
    [("run,optimizer.lr,loss/train", ["run", "lr", "loss/train"]), ("run,a.x,b.x", ["run", "a_x", "b_x"])],
)
def test_the_table_of_a_sweep_is_one_that_mlflow_shows_whole(
    uri: str, tmp_path: Path, columns: str, shown: list[str]
) -> None:
    sweep = sweep_of(tmp_path)
    for cell in ("1", "2"):
        (sweep.views / RUNS).write_text(f"{columns}\na,{cell},\n")
        sweep.stand(State("FINISHED", when=CREATED + int(cell)))
        run_id = sync_sweep(sweep.folder, uri).run_id
        table = json.loads(Path(connect(uri).download_artifacts(run_id, "runs.json")).read_text())
        assert table == {"columns": shown, "data": [["a", cell, ""]]}
    listed = connect(uri).get_run(run_id).data.tags["mlflow.loggedArtifacts"]
    assert json.loads(listed) == [{"path": "runs.json", "type": "table"}]


def test_a_sweep_with_runs_has_a_view_of_them_that_its_description_leads_to(uri: str, tmp_path: Path) -> None:
    sync_record(whole(tmp_path / "a").folder, uri, 10)
    sweep = sweep_of(tmp_path, "a")
    sweep.stand(State("FINISHED", {"runs/finished": 1.0, "best/accuracy/test": 0.5}, "a", "id-a", CREATED + 5))
    synced = sync_sweep(sweep.folder, uri)
    client = connect(uri)
    (experiment,) = client.search_experiments(filter_string="name = 'x squared'")
    ((key, *named),) = saved_in(experiment.tags)
    assert named == ["a sweep", CREATED + 5]
    assert page(experiment.experiment_id, key) in client.get_run(synced.run_id).data.tags["mlflow.note.content"]
    state = json.loads(json.loads(experiment.tags[f"{SAVED_VIEW}{key}"])["state"])
    assert state["searchFilter"] == f"tags.`mlflow.parentRunId` = '{synced.run_id}'"
    assert state["orderByKey"] == "metrics.`accuracy/test`"
    assert state["selectedColumns"] == ["params.`seed`", "metrics.`loss/test`"]
    said = rows(uri, "select value, timestamp, step from latest_metrics where key = 'best/accuracy/test'")
    assert said == [(0.5, CREATED + 5, 0)]


def test_folders_in_a_sweeps_are_no_artifacts_of_it(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path)
    (sweep.folder / "0").mkdir()
    (sweep.folder / "0" / "job.log").write_text("a job's own")
    run_id = sync_sweep(sweep.folder, uri).run_id
    assert "0" not in {artifact.path for artifact in connect(uri).list_artifacts(run_id)}


def test_a_sweep_of_which_no_run_is_the_best_names_none(uri: str, tmp_path: Path) -> None:
    sync_sweep(sweep_of(tmp_path).folder, uri)
    assert rows(uri, "select * from tags where key like 'descent.best%'") == []


def test_a_comparison_names_the_best_of_runs_that_are_not_its_own(uri: str, tmp_path: Path) -> None:
    best = sync_record(whole(tmp_path / "a").folder, uri, 10).run_id
    comparison = sweep_of(tmp_path)
    comparison.stand(State("FINISHED", {}, "a", "id-a"))
    sync_sweep(comparison.folder, uri)
    assert rows(uri, "select value from tags where key = 'descent.best_run_id'") == [(best,)]
    assert rows(uri, PARENTS) == []


def test_two_syncs_of_a_sweep_at_once_make_one_run(uri: str, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path)
    first, second = two_at_once(lambda: sync_sweep(sweep.folder, uri))
    assert (first.what, second) == ("new", Synced("unchanged", first.run_id))
    assert runs(uri) == [("a sweep", "FINISHED")]


def test_a_tag_of_a_sweep_that_is_too_long_says_where_it_stands(uri: str, tmp_path: Path) -> None:
    header = SweepHeader("sweep", "a sweep", "x squared", CREATED, {}, {"hydra.overrides": "x" * 8001})
    sweep = SweepRecord.create(tmp_path, header, "")
    sweep.stand(State("RUNNING"))
    sync_sweep(tmp_path, uri)
    ((told,),) = rows(uri, "select value from tags where key = 'hydra.overrides'")
    assert str(told).startswith("(8,001 characters, see ")


def test_a_sync_of_a_sweep_that_loses_the_store_after_any_call_is_made_good(empty_store: Path, tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "a", "b")
    picture(sweep, "ends", "red")
    once, often = (new_store(empty_store, tmp_path / name) for name in ("once", "often"))
    for uri in (once, often):
        for name in "ab":
            sync_record(tmp_path / name, uri, 10)
    sync_sweep(sweep.folder, once)

    def held(uri: str) -> set[tuple[str, ...]]:
        """All that a store holds, but for how often it holds it: a picture that was cut off is shown again."""
        return set(contents(uri))

    for _ in cut_off_after_each_call(lambda: sync_sweep(sweep.folder, often)):
        if ("a sweep", "FINISHED") in runs(often):
            assert {key for _, key, *_ in held(once) - held(often)} <= {STOOD}
    assert held(often) == held(once)
