import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.utils import validation
from PIL import Image
from tracking.failing_store import failing_after_each_call
from tracking.runs import (
    CREATED,
    contents,
    ended_record,
    evaluate,
    everything,
    new_store,
    points,
    rows,
    runs,
    start,
    step,
)
from tracking.two_at_once import two_at_once

from descent.records.locks import folder_lock
from descent.records.run import COMMITTED, EVALUATIONS, STEPS, RunRecord
from descent.tracking.store import connect
from descent.tracking.sync import SyncResult, sync


def view(folder: Path, name: str = "descent.png") -> Path:
    """The path of a view of a run."""
    (folder / "views").mkdir(exist_ok=True)
    return folder / "views" / name


def test_a_complete_record_is_complete_in_mlflow(uri: str, tmp_path: Path) -> None:
    record = start(
        tmp_path / "a",
        3,
        params={"optimizer.lr": "0.1", "optimizer.mode": "", "optimizer.long": "x" * 6001, "run_dir": "a"},
    )
    evaluate(record, 0)
    step(record, 0, 3)
    evaluate(record, 3)
    Image.new("RGB", (8, 8)).save(view(tmp_path / "a"))
    (record.files / "checkpoint").mkdir()
    (record.files / "checkpoint" / "last.ckpt").write_bytes(b"weights")
    record.append_bytes("path.f32", b"1234")
    record.finish("converged", 3, {"loss/test": 0.25, "diverged": 0.0})

    run_id = sync(tmp_path / "a", uri).run_id

    client = connect(uri)
    run = client.get_run(run_id)
    ending = record.ending()
    assert ending is not None
    assert client.get_experiment(run.info.experiment_id).name == "x squared"
    assert (run.info.run_name, run.info.status) == ("a", "FINISHED")
    assert (run.info.start_time, run.info.end_time) == (CREATED, ending.ended)
    assert run.data.params == {
        "optimizer.lr": "0.1", "optimizer.mode": "", "optimizer.long": "(6,001 characters, see config.yaml)",
    }  # fmt: skip
    assert (
        run.data.tags.items()
        >= {
            "git": "abc",
            "descent.record": "id-a",
            "descent.key": "0123",
            "descent.result": "converged",
        }.items()
    )
    assert run.inputs is not None
    (source,) = run.inputs.dataset_inputs
    assert (source.dataset.name, source.dataset.digest) == ("control points", "0" * 32)
    assert [(at.step, at.timestamp, at.value) for at in client.get_metric_history(run_id, "loss/step")] == [
        (n, CREATED + n, 1 / (n + 1)) for n in range(3)
    ]
    # The last evaluation has logged the final loss already, and has no accuracy.
    assert [at.timestamp for at in client.get_metric_history(run_id, "loss/test")] == [CREATED, CREATED + 3]
    assert [at.step for at in client.get_metric_history(run_id, "diverged")] == [3]
    assert set(run.data.metrics) == {"loss/step", "grad_norm", "loss/test", "diverged", "optimizer.lr"}
    assert sorted(artifact.path for artifact in client.list_artifacts(run_id)) == ["images", "record", "views"]
    assert sorted(artifact.path for artifact in client.list_artifacts(run_id, "record")) == [
        "record/checkpoint",
        "record/config.yaml",
        "record/evaluations.csv",
        "record/metrics.json",
        "record/result.json",
        "record/run.json",
        "record/steps.csv",
    ]
    inner = client.list_artifacts(run_id, "record/checkpoint")
    assert [artifact.path for artifact in inner] == ["record/checkpoint/last.ckpt"]
    assert [artifact.path for artifact in client.list_artifacts(run_id, "views")] == ["views/descent.png"]
    full, small = sorted(artifact.path for artifact in client.list_artifacts(run_id, "images"))
    assert full.startswith("images/descent+step+0+")
    assert small.startswith("images/descent+step+0+")


def test_a_second_sync_changes_nothing(uri: str, tmp_path: Path) -> None:
    ended_record(tmp_path / "a")
    first = sync(tmp_path / "a", uri)
    before = everything(uri)
    assert first.change == "new"
    assert sync(tmp_path / "a", uri) == SyncResult("unchanged", first.run_id)
    assert everything(uri) == before


def test_an_incomplete_sync_is_completed_by_the_next(uri: str, tmp_path: Path) -> None:
    ended_record(tmp_path / "a")
    Image.new("RGB", (8, 8)).save(view(tmp_path / "a"))
    run_id = sync(tmp_path / "a", uri).run_id
    before = everything(uri)
    client = connect(uri)
    noted = client.get_run(run_id).data.tags["descent.synced"]
    client.delete_tag(run_id, "descent.synced")
    client.update_run(run_id, status="RUNNING")
    assert sync(tmp_path / "a", uri) == SyncResult("updated", run_id)
    assert sorted(everything(uri)) == sorted(before)
    assert client.get_run(run_id).data.tags["descent.synced"] == noted


def test_changed_views_of_a_finished_run_are_logged(uri: str, tmp_path: Path) -> None:
    ended_record(tmp_path / "a")
    Image.new("RGB", (8, 8), "red").save(view(tmp_path / "a"))
    run_id = sync(tmp_path / "a", uri).run_id
    client = connect(uri)
    Image.new("RGB", (8, 8), "blue").save(view(tmp_path / "a"))
    view(tmp_path / "a", "descent.html").write_text("a player")
    assert sync(tmp_path / "a", uri) == SyncResult("updated", run_id)
    assert sync(tmp_path / "a", uri) == SyncResult("unchanged", run_id)
    with Image.open(client.download_artifacts(run_id, "views/descent.png")) as picture:
        assert picture.getpixel((0, 0)) == (0, 0, 255)
    assert Path(client.download_artifacts(run_id, "views/descent.html")).read_text() == "a player"
    images = [artifact.path for artifact in client.list_artifacts(run_id, "images")]
    assert len([path for path in images if path.endswith(".png")]) == 2


def failed(folder: Path) -> RunRecord:
    """The record of a run that an error stopped."""
    record = start(folder, 20)
    evaluate(record, 0)
    step(record, 0, 10)
    record.commit(record.position())
    record.fail("Traceback: out of paint\n")
    return record


@pytest.mark.parametrize("make_record", [ended_record, failed])
def test_a_sync_that_fails_after_any_call_is_completed_by_the_next(
    empty_store: Path, tmp_path: Path, make_record: Callable[[Path], RunRecord]
) -> None:
    folder = make_record(tmp_path / "a").folder
    Image.new("RGB", (8, 8)).save(view(folder))
    reference, repeated = (new_store(empty_store, tmp_path / name) for name in ("once", "often"))
    sync(folder, reference)
    for _ in failing_after_each_call(lambda: sync(folder, repeated)):
        # The status is set last.
        assert runs(repeated) in ([], [("a", "RUNNING")]) or contents(repeated) == contents(reference)
    assert contents(repeated) == contents(reference)


def test_a_run_that_is_killed_and_resumed_has_each_step_once(uri: str, tmp_path: Path) -> None:
    record = start(tmp_path / "a", 30)
    evaluate(record, 0)
    step(record, 0, 10)
    position = record.position()
    record.commit(position)
    step(record, 10, 17)
    record.position()
    first = sync(tmp_path / "a", uri, max_points=30)
    assert points(uri) == list(range(10))
    record.fail("Traceback: killed\n")
    assert sync(tmp_path / "a", uri).change == "updated"
    assert sync(tmp_path / "a", uri).change == "unchanged"
    assert runs(uri) == [("a", "FAILED")]
    assert connect(uri).get_run(first.run_id).data.tags["descent.result"] == "failed"

    record = RunRecord(tmp_path / "a")
    with folder_lock(record.folder, "", wait=False):
        record.rewind(position)
        assert sync(tmp_path / "a", uri).change == "updated"
        assert runs(uri) == [("a", "RUNNING")]
        assert "descent.result" not in connect(uri).get_run(first.run_id).data.tags
    step(record, 10, 20, clock=CREATED + 1000)
    record.commit(record.position())
    assert sync(tmp_path / "a", uri) == SyncResult("updated", first.run_id)
    assert points(uri) == list(range(20))
    step(record, 20, 30, clock=CREATED + 2000)
    evaluate(record, 30)
    record.finish("finished", 30, {"loss/test": 1 / 31})
    assert sync(tmp_path / "a", uri) == SyncResult("updated", first.run_id)
    assert points(uri) == list(range(30))
    assert points(uri, "loss/test") == [0, 30]
    assert runs(uri) == [("a", "FINISHED")]


def test_a_run_that_no_process_trains_is_killed_since_its_last_checkpoint_until_it_is_resumed(
    uri: str, tmp_path: Path
) -> None:
    record = start(tmp_path / "a", 30)
    with folder_lock(record.folder, "", wait=False):
        run_id = sync(tmp_path / "a", uri).run_id
        assert runs(uri) == [("a", "RUNNING")]
    assert sync(tmp_path / "a", uri).change == "updated"
    assert rows(uri, "select status, end_time from runs") == [("KILLED", CREATED)]
    step(record, 0, 10)
    record.commit(record.position())
    os.utime(record.files / COMMITTED, (CREATED / 1000 + 60, CREATED / 1000 + 60))
    assert [sync(tmp_path / "a", uri).change for _ in range(2)] == ["updated", "unchanged"]
    with folder_lock(record.folder, "", wait=False):
        assert sync(tmp_path / "a", uri) == SyncResult("updated", run_id)
        assert runs(uri) == [("a", "RUNNING")]
    assert sync(tmp_path / "a", uri).change == "updated"
    assert rows(uri, "select status, end_time from runs") == [("KILLED", CREATED + 60_000)]
    step(record, 10, 30)
    evaluate(record, 30)
    record.finish("finished", 30, {})
    assert sync(tmp_path / "a", uri) == SyncResult("updated", run_id)
    assert runs(uri) == [("a", "FINISHED")]


def test_a_metric_has_at_most_max_points_points(uri: str, tmp_path: Path) -> None:
    ended_record(tmp_path / "a", 10_000)
    sync(tmp_path / "a", uri, max_points=1000)
    steps = points(uri)
    assert len(steps) == 1000
    assert (steps[0], steps[-1]) == (0, 9999)


def test_no_batch_is_larger_than_mlflow_allows(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, int]] = []
    log = MlflowClient.log_batch

    def counted(
        client: MlflowClient,
        run_id: str,
        metrics: Sequence[Any] = (),
        params: Sequence[Any] = (),
        tags: Sequence[Any] = (),
    ) -> None:
        sizes.append((len(metrics), len(params) + len(tags)))
        log(client, run_id, metrics, params, tags)

    monkeypatch.setattr(MlflowClient, "log_batch", counted)
    sync(ended_record(tmp_path / "a", 3_000).folder, uri, max_points=2_500)
    assert sum(metrics for metrics, _ in sizes) > 2_500
    assert max(metrics for metrics, _ in sizes) <= validation.MAX_METRICS_PER_BATCH
    assert max(others for _, others in sizes) <= validation.MAX_PARAMS_TAGS_PER_BATCH
    assert max(map(sum, sizes)) <= validation.MAX_ENTITIES_PER_BATCH


def test_max_points_of_the_first_sync_stays_in_force(uri: str, tmp_path: Path) -> None:
    record = start(tmp_path / "a", 100)
    evaluate(record, 0)
    step(record, 0, 50)
    record.commit(record.position())
    sync(tmp_path / "a", uri, max_points=10)
    step(record, 50, 100)
    record.finish("finished", 100, {})
    sync(tmp_path / "a", uri, max_points=50)
    assert points(uri) == [0, 11, 22, 33, 44, 55, 66, 77, 88, 99]


def test_the_last_step_of_a_run_that_diverged_early_is_logged(uri: str, tmp_path: Path) -> None:
    record = start(tmp_path / "a", 10_000)
    evaluate(record, 0)
    step(record, 0, 122)
    record.append(STEPS, [{"step": 122, "timestamp": CREATED, "loss/step": math.nan, "grad_norm": math.nan}])
    record.commit(record.position())
    sync(tmp_path / "a", uri, max_points=100)
    assert points(uri) == [0, 101]
    record.finish("diverged", 123, {"diverged": 1.0})
    sync(tmp_path / "a", uri, max_points=100)
    assert points(uri) == [0, 101, 122]
    assert rows(uri, "SELECT is_nan FROM metrics WHERE step = 122 AND key = 'loss/step'") == [(1,)]


def test_a_table_that_is_empty_while_the_run_ends_changes_nothing(uri: str, tmp_path: Path) -> None:
    with start(tmp_path / "a", 10) as record:
        step(record, 0, 10)
        record.commit(record.position())
    sync(tmp_path / "a", uri)
    before = everything(uri)
    (tmp_path / "a" / "record" / "committed.json").unlink()
    assert sync(tmp_path / "a", uri).change == "unchanged"
    assert everything(uri) == before


def test_two_syncs_at_once_make_one_run(uri: str, tmp_path: Path) -> None:
    ended_record(tmp_path / "a")
    first, second = two_at_once(lambda: sync(tmp_path / "a", uri))
    assert (first.change, second) == ("new", SyncResult("unchanged", first.run_id))
    assert runs(uri) == [("a", "FINISHED")]


def test_more_metrics_than_a_batch_holds_are_all_logged(uri: str, tmp_path: Path) -> None:
    ended_record(tmp_path / "a", 2001)
    sync(tmp_path / "a", uri, max_points=3000)
    assert points(uri) == list(range(2001))


def test_a_tag_that_is_too_long_is_replaced_by_a_reference(uri: str, tmp_path: Path) -> None:
    tags = {"fits": "x" * 8000, "hydra.overrides": "x" * 8001}
    params = {"optimizer.fits": "x" * 6000, "problem.start": "y" * 9000}
    run_id = sync(ended_record(tmp_path / "a", tags=tags, params=params).folder, uri).run_id
    run = connect(uri).get_run(run_id)
    assert run.data.tags.items() >= {**tags, "hydra.overrides": "(8,001 characters, see run.json)"}.items()
    assert run.data.params == {"optimizer.fits": "x" * 6000, "problem.start": "(9,000 characters, see config.yaml)"}
    assert run.data.tags["mlflow.note.content"].endswith("characters, see run.json)")


def test_the_traceback_of_a_failed_run_is_an_artifact(uri: str, tmp_path: Path) -> None:
    run_id = sync(failed(tmp_path / "a").folder, uri).run_id
    fault = Path(connect(uri).download_artifacts(run_id, "traceback.txt"))
    assert fault.read_text() == "Traceback: out of paint\n"
    assert runs(uri) == [("a", "FAILED")]
    (ended,) = rows(uri, "select end_time from runs")
    assert ended == (int((tmp_path / "a" / "record" / "traceback.txt").stat().st_mtime * 1000),)


def test_final_metrics_without_an_evaluation_are_logged_at_the_last_step(uri: str, tmp_path: Path) -> None:
    with start(tmp_path / "a", 20) as record:
        step(record, 0, 20)
        evaluate(record, 10)
        record.finish("finished", 20, {"loss/test": 0.5})
    sync(tmp_path / "a", uri)
    points_of_metric = rows(uri, "select step, value from metrics where key = 'loss/test' order by step")
    assert points_of_metric == [(10, 1 / 11), (20, 0.5)]


def test_runs_of_one_problem_are_separate_runs_with_one_dataset(uri: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        ended_record(tmp_path / name)
        sync(tmp_path / name, uri)
    assert runs(uri) == [("a", "FINISHED"), ("b", "FINISHED")]
    assert rows(uri, "SELECT count(*) FROM datasets") == [(1,)]


def test_a_position_that_is_in_both_tables_is_logged_once_a_step(uri: str, tmp_path: Path) -> None:
    with start(tmp_path / "a", 10, rows={STEPS: 10, EVALUATIONS: 3}) as record:
        record.append(STEPS, [{"step": n, "timestamp": n, "loss/step": 1.0, "x": 0.5**n} for n in range(1, 11)])
        record.append(EVALUATIONS, [{"step": n, "timestamp": 99, "loss/train": 1.0, "x": 0.5**n} for n in (0, 5, 10)])
        record.finish("finished", 10, {"loss/train": 1.0, "x": 0.5**10})
    sync(tmp_path / "a", uri)
    assert points(uri, "x") == list(range(1, 11))
    assert points(uri, "loss/train") == [0, 5, 10]
