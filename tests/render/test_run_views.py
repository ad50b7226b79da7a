import json
import os
from pathlib import Path

import numpy as np
import pytest
from conftest import Composed
from PIL import Image
from tracking.runs import plane, start, step

from descent.errors import UserError
from descent.records.run import EVALUATIONS, RunRecord
from descent.render import stamp
from descent.render.animation import MAX_FRAMES
from descent.render.run_views import curve_descent, draw, field_of, plane_descent, player_of, title_of
from descent.runs.train import train


def frames(folder: Path) -> int:
    with Image.open(folder / "views" / "descent.gif") as image:
        return getattr(image, "n_frames", 1)


@pytest.mark.parametrize("experiment", ["himmelblau", "parabola_002", "noisy_polynomial", "chained_rosenbrock"])
def test_a_thumbnail_has_the_path_alone_and_is_small(composed: Composed, experiment: str) -> None:
    is_experiment = experiment != "chained_rosenbrock"
    words = (f"experiment={experiment}",) if is_experiment else ("problem=chained_rosenbrock", "optimizer.lr=1e-4")
    folder = train(composed(*words, "trainer.max_steps=20")).folder
    assert draw(folder)
    with Image.open(folder / "views" / "descent_small.png") as picture:
        assert picture.width == 320
        assert 160 <= picture.height <= 640
        red, _, blue = np.moveaxis(np.asarray(picture.convert("RGB")).astype(int), 2, 0)
    assert (red - blue > 80).any()  # the path
    assert (folder / "views" / "descent_small.png").stat().st_size < 60_000


def test_the_title_says_to_which_minimum_a_run_converged_or_how_far_above_the_lowest(composed: Composed) -> None:
    himmelblau = composed("experiment=himmelblau", "problem.start=[-2.7,3]")
    first, second = title_at(train(himmelblau).folder)
    assert first == "himmelblau: lr=0.01 from (-2.7, 3)"
    assert second == "converged to the minimum at (-2.805, 3.131), one of 4, after 200 steps"
    local = composed("experiment=rastrigin", "problem.start=[1.1,0.1]", "optimizer.lr=0.002", "trainer.max_steps=400")
    assert title_at(train(local).folder)[1] == "converged 0.995 above the lowest minimum, after 400 steps"
    bowl = composed("problem=bowl", "problem.start=[1,0]", "optimizer.lr=0.25", "trainer.max_steps=1", "tolerance=0.1")
    assert title_at(train(bowl).folder) == ["bowl: lr=0.25 from (1, 0)", "finished after 1 step"]


def title_at(folder: Path) -> list[str]:
    """The lines of the title of a run's picture."""
    return title_of(RunRecord(folder)).split("\n")


@pytest.mark.parametrize("rate", ["0.1", "1", "10", "1e-10"])
def test_a_run_of_two_parameters_has_its_picture_still_and_animated(composed: Composed, rate: str) -> None:
    result = train(composed("problem=bowl", f"optimizer.lr={rate}", "trainer.max_steps=40"))
    assert draw(result.folder, animate=True)
    with Image.open(result.folder / "views" / "descent.png") as picture:
        red, _, blue = np.moveaxis(np.asarray(picture.convert("RGB")).astype(int), 2, 0)
        assert (red - blue > 80).any()  # the path, from orange to dark red
    assert frames(result.folder) == (2 if rate == "10" else 41)


def test_a_run_of_one_parameter_is_animated_from_its_start_to_its_end(composed: Composed) -> None:
    result = train(composed("problem=parabola", "optimizer.lr=0.1", "trainer.max_steps=20"))
    draw(result.folder, animate=True)
    assert frames(result.folder) == 21


def test_a_run_on_minibatches_has_a_frame_for_each_step_curve(composed: Composed) -> None:
    result = train(composed("experiment=noisy_polynomial", "trainer.max_steps=20"))
    draw(result.folder, animate=True)
    assert frames(result.folder) == 20
    longer = train(composed("experiment=noisy_polynomial", "trainer.max_steps=200", "optimizer.lr=0.01"))
    draw(longer.folder, animate=True)
    assert MAX_FRAMES < frames(longer.folder) <= 100


def test_views_are_drawn_again_only_if_the_record_or_the_source_changed(
    composed: Composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = train(composed("problem=parabola", "optimizer.lr=0.1", "trainer.max_steps=20"))
    still = result.folder / "views" / "descent.png"
    assert draw(result.folder)
    image = still.read_bytes()
    os.utime(still, (0, 0))
    assert not draw(result.folder)
    assert still.stat().st_mtime == 0
    still.unlink()
    assert draw(result.folder)
    assert still.read_bytes() == image
    monkeypatch.setattr(stamp, "source_hash", lambda package: f"another of {package}")
    assert draw(result.folder)
    assert still.stat().st_mtime > 0


def test_the_animation_is_drawn_on_request_and_only_once(composed: Composed) -> None:
    folder = train(composed("problem=parabola", "optimizer.lr=0.1", "trainer.max_steps=20")).folder
    draw(folder)
    assert not (folder / "views" / "descent.gif").exists()
    assert draw(folder, animate=True)
    assert (folder / "views" / "descent.gif").exists()
    assert not draw(folder, animate=True)
    assert not draw(folder)
    assert (folder / "views" / "descent.gif").exists()


def test_a_run_that_has_not_ended_is_not_drawn(tmp_path: Path) -> None:
    start(tmp_path / "running", 20)
    with pytest.raises(UserError, match=r"running holds no finished run"):
        draw(tmp_path / "running")


def test_drawing_instantiates_no_target_of_a_configuration(composed: Composed, tmp_path: Path) -> None:
    folder = train(composed("problem=parabola", "optimizer.lr=0.1", "trainer.max_steps=20")).folder
    config = folder / "record" / "config.yaml"
    trace = tmp_path / "trace"
    text = config.read_text(encoding="utf-8")
    config.write_text(text + f"landscape:\n  _target_: os.mkdir\n  path: {trace}\n", encoding="utf-8")
    header = json.loads((folder / "record" / "run.json").read_text(encoding="utf-8"))
    header["params"]["landscape._target_"] = "os.mkdir"
    (folder / "record" / "run.json").write_text(json.dumps(header), encoding="utf-8")
    assert draw(folder)
    assert not trace.exists()


def test_descents_are_read_from_the_record(composed: Composed) -> None:
    bowl = RunRecord(train(composed("problem=bowl", "optimizer.lr=0.1", "trainer.max_steps=3")).folder)
    field = field_of(bowl.landscape())
    x, y = np.meshgrid(*field.grid)
    np.testing.assert_allclose(field.heights, x**2 + y**2, atol=1e-9)
    polynomial = RunRecord(train(composed("experiment=noisy_polynomial", "trainer.max_steps=5")).folder)
    descent = curve_descent(polynomial, polynomial.landscape())
    assert [step for step, _ in descent.frames] == [0, 1, 2, 3, 4]
    assert descent.examples is not None
    assert descent.title == "noisy_polynomial: lr=0.3 seed=2\nfinished after 5 steps"
    network = RunRecord(train(composed("experiment=mnist_two_layer", "trainer.max_steps=5")).folder)
    plane = plane_descent(network, network.landscape())
    assert plane.steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert plane.losses_of == "loss over 600 training examples"
    assert {*plane.loss} == {"step", "train", "test"}
    assert {*plane.accuracy} == {"train", "test"}


def test_the_name_of_a_column_is_a_text_in_the_player(tmp_path: Path) -> None:
    record = start(tmp_path / "run", 3)
    record.append(EVALUATIONS, [{"step": 0, "timestamp": 0, 'loss/"><b>his': 1.0}])
    step(record, 0, 3)
    record.save_landscape(plane(3))
    record.finish("finished", 3, {})
    assert "<b>" not in player_of(record)
