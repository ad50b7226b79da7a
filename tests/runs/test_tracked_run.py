import json
import math
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Composed
from PIL import Image
from waiting import eventually

from descent.core.build import data_of
from descent.core.config import TrainConfig
from descent.errors import UserError
from descent.records.header import Header
from descent.records.lineage import flattened, run_key
from descent.records.run import EVALUATIONS, STEPS, RunRecord
from descent.render.run_views import draw
from descent.runs.identity import RunRequest
from descent.runs.tracked_run import tracked_run
from descent.runs.train import train, train_runs

SMALL = ("experiment=mnist_two_layer", "trainer.max_steps=40", "evaluation.every=10", "data.batch_size=50")


def test_a_run_leaves_a_whole_record(composed: Composed, project: Path) -> None:
    result = train(composed(*SMALL, "run_dir=runs/here"), RunRequest(["experiment=mnist_two_layer"]))
    assert result.folder == project / "runs" / "here"
    assert result.result == "finished"
    record = RunRecord(result.folder)
    assert [row[0] for row in record.read(STEPS).rows] == list(range(1, 41))
    assert [row[0] for row in record.read(EVALUATIONS).rows] == [0, 1, 11, 21, 31, 40]
    assert record.metrics() == result.metrics
    assert set(result.metrics) == {
        "loss/train", "accuracy/train", "loss/test", "accuracy/test", "seconds_per_step", "diverged",
        "best/loss/train", "best/step",
    }  # fmt: skip
    assert sorted(path.name for path in record.files.iterdir()) == [
        "checkpoint.ckpt", "config.yaml", "evaluations.csv", "landscape.npz", "metrics.json", "result.json", "run.json",
        "steps.csv",
    ]  # fmt: skip
    assert list(result.folder.iterdir()) == [record.files]
    assert list((project / "runs").iterdir()) == [result.folder]


def test_the_best_evaluation_is_kept_beside_the_last_and_is_not_picked_on_the_test_set(composed: Composed) -> None:
    held_out = train(composed(*SMALL, "data.validation=100", "optimizer.lr=5"))
    evaluations = RunRecord(held_out.folder).read(EVALUATIONS)
    accuracies = evaluations.column("accuracy/validation").tolist()
    assert held_out.metrics["best/accuracy/validation"] == max(accuracies)
    best = accuracies.index(max(accuracies))
    assert held_out.metrics["best/step"] == evaluations.rows[best][0]
    told = train(composed(*SMALL, "objective.metric=accuracy/test"))
    assert told.metrics["best/accuracy/test"] == max(RunRecord(told.folder).read(EVALUATIONS).column("accuracy/test"))


def test_held_out_examples_have_a_curve_of_their_own_in_picture_and_player(composed: Composed) -> None:
    result = train(composed(*SMALL, "data.validation=100"))
    draw(result.folder)
    player = (result.folder / "views" / "descent.html").read_text(encoding="utf-8")
    assert all(f'class="line {split}"' in player for split in ("train", "validation", "test"))
    assert ".validation { stroke: var(--green)" in player


def test_examples_are_held_out_by_the_seed_of_the_split_and_not_by_the_runs(composed: Composed) -> None:
    def evaluations(*words: str) -> list[list[float | None]]:
        rows = RunRecord(train(composed(*SMALL, "data.validation=100", *words)).folder).read(EVALUATIONS).rows
        return [row[2:] for row in rows]

    first, *_ = evaluations()
    assert evaluations("data.split_seed=1")[0] != first
    data = [data_of(composed(*SMALL, "data.validation=100", seed)) for seed in ("seed=0", "seed=1")]
    assert data[0] is data[1]


def test_a_run_counts_its_steps_to_the_target_and_ends_there_if_it_is_to(composed: Composed) -> None:
    target = ("problem=bowl", "trainer.max_steps=30", "optimizer.lr=0.1", "target.value=0.1")
    counted = train(composed(*target))
    # Each step multiplies the loss by 0.64: from 25, 0.1 is reached after log(0.1 / 25) / log(0.64) = 12.4.
    assert (counted.metrics["steps_to_target"], RunRecord(counted.folder).ending().step) == (13, 30)  # type: ignore[union-attr]
    assert train(composed(*target[:-1])).folder == counted.folder  # which a target does not change
    stopped = train(composed(*target, "stop_at_target=true"))
    record = RunRecord(stopped.folder)
    assert (stopped.metrics["steps_to_target"], stopped.result) == (13, "finished")
    assert record.read(STEPS).rows[-1][0] == record.read(EVALUATIONS).rows[-1][0] == 13
    assert stopped.metrics["loss/train"] == pytest.approx(25 * 0.64**13)
    missed = train(composed(*target, "optimizer.lr=0.001"))
    assert missed.metrics["steps_to_target"] == math.inf


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stop_at_target=true"], "stop_at_target=true: there is no target; set target.value"),
        (
            ["target.value=1", "target.metric=loss/tain"],
            "target.metric=loss/tain: the run does not measure it; did you",
        ),
        (
            ["target.value=1", "target.metric=loss/validation"],
            "target.metric=loss/validation: the run does not measure it; data.validation=N holds out N examples",
        ),
        (["target.value=1", "target.metric=x"], "x: is a higher value better, or a lower one? make it the objective"),
        (["data.validation=1"], "data.validation=1: there are 0 training examples; choose fewer"),
        (["halving={after: 10, keep: 0.5}"], "halving compares the runs of a batch, and this run is alone: hydra/laun"),
    ],
)
def test_targets_and_held_out_examples_that_cannot_be_are_refused(
    composed: Composed, words: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        train(composed("problem=bowl", "trainer.max_steps=30", *words))


def test_a_record_says_where_the_run_comes_from(composed: Composed) -> None:
    header = RunRecord(train(composed(*SMALL), RunRequest(["a=1", "b=2"])).folder).header
    assert header.params["optimizer.lr"] == "0.1"
    assert header.params["network.sizes"] == "[784, 50, 10]"
    assert header.tags["hydra.overrides"] == "a=1 b=2"
    assert header.tags["git.dirty"] == "not in a git checkout"
    assert [source.path for source in header.inputs] == [
        f"data/mnist/{name}-idx{kind}-ubyte"
        for name, kind in (("train-images", 3), ("train-labels", 1), ("t10k-images", 3), ("t10k-labels", 1))
    ]
    assert all(header.tags[f"dvc.{source.path}"] == source.digest for source in header.inputs)


def test_a_run_that_is_finished_is_not_trained_again(composed: Composed) -> None:
    first, second = train(composed(*SMALL)), train(composed(*SMALL, "trainer.chunk_size=7"))
    assert not first.was_finished
    assert second.was_finished
    assert (second.folder, second.metrics) == (first.folder, first.metrics)


class NotTrainedError(Exception):
    """Ends a run before its first step."""


def header_of(config: TrainConfig, request: RunRequest | None = None) -> Header:
    """The header of the record of a run that is opened, and takes no step."""
    with pytest.raises(NotTrainedError), tracked_run(config, request) as run:
        raise NotTrainedError
    return run.record.header


@pytest.mark.parametrize("change", ["seed=1", "optimizer.lr=0.2", "trainer.max_steps=41", "schedule=cosine"])
def test_what_can_change_a_result_makes_another_run(composed: Composed, change: str) -> None:
    assert header_of(composed(*SMALL)).key != header_of(composed(*SMALL, change)).key


@pytest.mark.parametrize(
    "change", ["run_dir=there", "tracking=mlflow", "tracking.max_points=9", "trainer.chunk_size=7"]
)
def test_what_cannot_change_a_result_does_not(composed: Composed, change: str) -> None:
    assert header_of(composed(*SMALL)).key == header_of(composed(*SMALL, change)).key


def test_the_key_is_of_the_whole_configuration_and_all_data(composed: Composed) -> None:
    """So that what `tests/records/test_lineage.py` says of the key of parameters holds for a run."""
    config = composed(*SMALL, "trainer=cpu")
    header = header_of(config)
    whole = config.to_dict()
    for described in ("description", "article"):  # which are in its config.yaml
        whole.pop(described)
    for section, described in [
        ("optimizer", "sharing"), ("optimizer", "rates"), ("data", "features"), ("data", "classes"),
    ]:  # fmt: skip
        whole[section].pop(described)
    assert header.params == flattened(whole)
    assert header.key == run_key(header.params, header.inputs, header.code)


def test_the_key_does_not_depend_on_how_the_run_was_requested(composed: Composed) -> None:
    request = RunRequest(["a=1"], {"optimizer": "sgd"}, "a job", "0123")
    assert header_of(composed(*SMALL), request).key == header_of(composed(*SMALL)).key


def test_the_key_is_of_the_accelerator_that_is_chosen_not_of_how(
    composed: Composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    keys = {}
    for has_gpu in (False, True):
        monkeypatch.setattr("torch.cuda.is_available", lambda answer=has_gpu: answer)
        for trainer in ("auto", "cpu"):
            header = header_of(composed(*SMALL, f"trainer={trainer}"))
            keys[has_gpu, trainer] = header.key
            assert header.params["trainer.accelerator"] == ("cuda" if has_gpu and trainer == "auto" else "cpu")
    assert keys[False, "auto"] == keys[False, "cpu"] == keys[True, "cpu"] != keys[True, "auto"]


def test_other_data_make_another_run(composed: Composed, project: Path) -> None:
    first = header_of(composed("experiment=noisy_polynomial")).key
    points = project / "data/noisy_polynomial/points.csv"
    points.write_text(points.read_text().replace("\n", "\n0.5,0.5\n", 1))
    assert header_of(composed("experiment=noisy_polynomial")).key != first


def test_a_folder_that_holds_another_run_is_left_alone(composed: Composed, project: Path) -> None:
    first = train(composed(*SMALL, "run_dir=runs/here"))
    with pytest.raises(UserError, match=r"runs/here holds another run \(key \w{8}\); remove it"):
        train(composed(*SMALL, "run_dir=runs/here", "seed=1"))
    assert RunRecord(first.folder).header.params["seed"] == "0"
    (project / "mine").mkdir()
    (project / "mine" / "letter.txt").write_text("dear")
    for folder in ("mine", "conf"):
        with pytest.raises(UserError, match=rf"{folder} is there, and is not the folder of a run; choose another run"):
            train(composed(*SMALL, f"run_dir={folder}"))
    (first.folder / "record" / "result.json").unlink()
    with pytest.raises(UserError, match="here is there and holds no finished run; remove it"):
        train(composed(*SMALL, "run_dir=runs/here"))


def test_a_finished_run_is_replaced_where_that_is_asked_for_and_not_before_the_other_is_finished(
    composed: Composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("problem=bowl", "trainer.max_steps=5", "run_dir=runs/here", "replace=true")
    first = train(composed(*words))
    kept = (first.folder / "record" / "run.json").read_bytes()
    (first.folder / "views").mkdir()
    assert train(composed(*words)).was_finished
    with monkeypatch.context() as patch:
        patch.setattr(RunRecord, "finish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(composed(*words, "seed=1"))
    assert (first.folder / "record" / "run.json").read_bytes() == kept
    second = train(composed(*words, "seed=1"))
    assert (second.folder, second.was_begun) == (first.folder, True)
    assert RunRecord(first.folder).header.params["seed"] == "1"
    assert not (first.folder / "views").exists()
    assert list(first.folder.parent.iterdir()) == [first.folder]


def test_pictures_of_a_run_whose_record_was_removed_do_not_stay_beside_another(
    composed: Composed, project: Path
) -> None:
    """DVC removes a record that it is to make anew, and leaves the pictures and the .gitignore that it wrote."""
    folder = project / "runs" / "here"
    (folder / "views").mkdir(parents=True)
    (folder / "views" / "descent.png").touch()
    (folder / ".gitignore").touch()
    assert train(composed("problem=bowl", "trainer.max_steps=5", "run_dir=runs/here")).folder == folder
    assert {path.name for path in folder.iterdir()} == {"record", ".gitignore"}


def test_an_error_is_recorded_and_the_run_can_be_resumed(
    composed: Composed, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("out of paint")

    with monkeypatch.context() as patch:
        patch.setattr("descent.core.training.landscape.plane", faulty)
        with pytest.raises(RuntimeError, match="out of paint"):
            train(composed(*SMALL, "run_dir=runs/here"))
    (left,) = (project / "runs").iterdir()
    assert left.name.endswith(".unfinished")
    assert RunRecord(left).failed()
    assert "RuntimeError: out of paint" in (left / "record" / "traceback.txt").read_text()

    run_id = RunRecord(left).header.id
    result = train(composed(*SMALL, "run_dir=runs/here"))
    assert RunRecord(result.folder).header.id == run_id
    assert not RunRecord(result.folder).failed()
    assert len(RunRecord(result.folder).read(STEPS).rows) == 40


def test_a_run_that_was_killed_on_its_way_to_its_folder_gets_there(composed: Composed, project: Path) -> None:
    config = composed(*SMALL, "run_dir=runs/here")
    result = train(config)
    result.folder.rename(project / "runs" / f"here.{RunRecord(result.folder).header.key[:8]}.unfinished")
    again = train(config)
    assert not again.was_finished
    assert (again.folder, again.metrics) == (result.folder, result.metrics)
    assert [path.name for path in (project / "runs").iterdir()] == ["here"]


def test_a_run_that_another_process_trains_is_waited_for(
    composed: Composed, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = composed(*SMALL, "run_dir=runs/here")
    with ThreadPoolExecutor(1) as pool:  # a thread waits as another process would
        with tracked_run(config) as run:
            other = pool.submit(train, config)
            assert eventually(lambda: "another process is training this run" in capsys.readouterr().err)
            train_runs([run])
        ours, theirs = run.result, other.result(60)
    assert ours is not None
    assert theirs.was_finished
    assert (theirs.folder, theirs.metrics) == (ours.folder, ours.metrics)
    assert [path.name for path in (project / "runs").iterdir()] == ["here"]


def test_a_descent_that_comes_to_rest_has_converged(composed: Composed) -> None:
    # Every step sees all points, so that the curve stands still.
    still = ("experiment=noisy_polynomial", "data.batch_size=100", "optimizer.lr=0.1", "trainer.max_steps=300")
    result = train(composed(*still))
    assert result.result == "converged"
    assert train(composed(*still, "trainer.max_steps=2")).result == "finished"


def test_a_descent_that_diverges_is_an_answer(composed: Composed) -> None:
    result = train(composed("experiment=noisy_polynomial", "optimizer.lr=50"))
    assert result.result == "diverged"
    assert result.metrics["diverged"] == 1
    assert abs(result.metrics["x"]) > 100
    assert len(RunRecord(result.folder).read(STEPS).rows) < 100
    assert draw(result.folder)


def test_a_network_that_diverges_has_its_picture_too(composed: Composed) -> None:
    result = train(composed(*SMALL, "optimizer.lr=1e38"))
    assert result.result == "diverged"
    draw(result.folder)
    with Image.open(result.folder / "views" / "descent.png") as picture:
        assert np.asarray(picture).std() > 0


def test_central_difference_takes_the_steps_of_autograd(composed: Composed) -> None:
    by = {
        name: train(composed("experiment=noisy_polynomial", f"gradient={name}", "trainer.max_steps=20")).metrics["x"]
        for name in ("autograd", "central_difference")
    }
    assert by["central_difference"] == pytest.approx(by["autograd"], abs=1e-5)


def test_the_final_metrics_are_json_that_dvc_reads(composed: Composed) -> None:
    result = train(composed(*SMALL))
    assert json.loads((result.folder / "record" / "metrics.json").read_text()) == result.metrics
