from pathlib import Path

import numpy as np
import pytest
from conftest import Composed

from descent.errors import UserError
from descent.records.lesson import AT_REST, SurfaceDescents, read_lesson
from descent.records.run import RunRecord
from descent.runs.lesson import train_lesson
from descent.runs.lesson_config import LessonConfig
from descent.runs.train import train
from descent.schema import checked

STEPS = 30
HIMMELBLAU = {"about": "Four minima.", "rates": [0.001, 0.1], "starts": [[0, -1], [5.0, -4.5]]}
OPTIMIZERS = {"sgd": {}, "momentum": {"rates": [0.003, 0.3]}, "adam": {"rates": [0.1, 1.0]}}
SMALL = {"steps": STEPS, "rates": 3, "surfaces": {"himmelblau": HIMMELBLAU}, "optimizers": OPTIMIZERS}


@pytest.fixture
def descents(project: Path) -> SurfaceDescents:
    """Descents on Himmelblau's surface by three optimizers at three rates from two starts."""
    return read_lesson(train_lesson(checked(LessonConfig, SMALL)))["himmelblau"]


def test_each_descent_is_the_run_that_descent_train_makes(descents: SurfaceDescents, composed: Composed) -> None:
    assert descents.rates.tolist() == [[0.001, 0.01, 0.1], [0.003, 0.03, 0.3], [0.1, 0.3162, 1]]
    results = set()
    for optimizer, rate, start in ((0, 0, 0), (0, 2, 1), (1, 0, 1), (1, 2, 0), (2, 1, 0), (2, 2, 1)):
        x, y = descents.starts[start]
        words = (f"optimizer={descents.optimizers[optimizer]}", f"optimizer.lr={descents.rates[optimizer, rate]}")
        result = train(composed("problem=himmelblau", f"problem.start=[{x},{y}]", *words, f"trainer.max_steps={STEPS}"))
        path = RunRecord(result.folder).path().astype(np.float32)
        place = optimizer, rate, start
        assert descents.steps[place] == len(path) - 1
        assert descents.diverged[place] == (result.result == "diverged")
        ours = descents.positions[place]
        assert ours.dtype == np.float32
        np.testing.assert_array_equal(ours[: len(path)], path)
        assert np.isnan(ours[len(path) :]).all()
        losses = RunRecord(result.folder).table("steps.csv").values("loss/step")[:, 0]
        expected = np.append(losses, result.metrics["loss/train"]).astype(np.float32)
        np.testing.assert_array_equal(descents.losses[place][: len(path)], expected)
        results.add(result.result)
    assert results == {"finished", "diverged"}


def test_it_says_which_minimum_is_within_reach_and_knows_the_surface_around(descents: SurfaceDescents) -> None:
    distances = np.linalg.norm(descents.positions[..., None, :] - descents.minima, axis=-1)
    for number in range(1, 5):
        np.testing.assert_array_equal(descents.reached == number, distances[..., number - 1] <= 0.05)
    assert not (descents.reached == AT_REST).any()
    assert {0, 4} <= set(np.unique(descents.reached))
    at = np.ix_([0, -1], [0, -1])
    first, second = np.meshgrid(descents.first[[0, -1]], descents.second[[0, -1]])
    expected = (first**2 + second - 11) ** 2 + (first + second**2 - 7) ** 2
    assert descents.heights[at] == pytest.approx(expected)


def test_a_descent_at_rest_in_a_dip_that_is_no_minimum_is_said_to_be(project: Path) -> None:
    rastrigin = {"about": "", "rates": [0.001, 0.002], "starts": [[2.0, 1.0]]}
    small = SMALL | {"rates": 2, "surfaces": {"rastrigin": rastrigin}, "optimizers": {"sgd": {}}}
    (descents,) = read_lesson(train_lesson(checked(LessonConfig, small))).values()
    assert descents.reached[..., 0].tolist() == [[[0], [0]]]
    assert descents.reached[..., -1].tolist() == [[[AT_REST], [AT_REST]]]


def test_a_surface_of_one_coordinate_is_refused_in_a_line(project: Path) -> None:
    surfaces = {"parabola": {"about": "", "rates": [0.1, 1.0], "starts": [[1.0, 1.0]]}}
    with pytest.raises(UserError, match=r"^surfaces\.parabola: a lesson takes a surface of two coordinates$"):
        train_lesson(checked(LessonConfig, SMALL | {"surfaces": surfaces}))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"steps": 0}, r"steps=0: choose a whole number from 1"),
        ({"rates": "many"}, r"rates=many: choose a whole number from 1"),
        ({"optimizers": {"sgd": {"rate": [1.0]}}}, r"optimizers.sgd.rate=\[1.0\]: .* did you mean 'rates'\?"),
        ({"optimizers": {"sgd": {"rates": [1.0]}}}, r"optimizers.sgd.rates=\[1.0\]: choose two numbers above 0.*"),
        ({"optimizers": {"sgd": 3}}, "optimizers=.*: choose sections by the name of their file"),
        ({"surfaces": {"bowl": HIMMELBLAU | {"starts": [[1.0]]}}}, r"surfaces.bowl.starts=.*: choose points of two .*"),
        ({"surfaces": {"bowl": {"about": ""}}}, "surfaces.bowl.rates is missing: choose two numbers above 0.*"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_refused_in_a_line(changed: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=f"^{message}$"):
        checked(LessonConfig, SMALL | changed)


def test_without_a_lesson_it_says_what_trains_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lesson.npz is missing; `descent lesson` writes it$"):
        read_lesson(tmp_path)
