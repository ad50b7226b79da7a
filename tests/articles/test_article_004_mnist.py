"""The figures of two layers, from measured accuracies of right and wrong programs, and from small images."""

import csv
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
from articles.breaks import CURVE, MNIST, RIGHT, Break, composed, power_table, powers, read_curves
from conftest import ROOT, make_project
from tracking.runs import start

from descent.articles import article_004_mnist as figures
from descent.articles.results import Array, Results
from descent.records.run import EVALUATIONS
from descent.runs.seeds import repeat
from descent.runs.train import train

DOCS = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
TWO_LAYERS = [fault for fault in MNIST if fault.experiment == figures.NAME]


def recorded(folder: Path, runs: Array, steps: list[int]) -> Results:
    """Results with accuracies, (runs, steps, components), of an experiment's run and its runs from other seeds."""
    columns = [f"accuracy/{part}" for part in figures.PARTS]
    curve, *repeats = ([dict(zip(columns, values, strict=True)) for values in run.tolist()] for run in runs)
    with start(folder / "runs" / figures.NAME, 10_000) as record:
        record.append(EVALUATIONS, [{"step": s, "timestamp": 1, **row} for s, row in zip(steps, curve, strict=True)])
        record.finish("finished", 10_000, {})
    table = folder / "seeds" / figures.NAME / "evaluations.csv"
    table.parent.mkdir(parents=True)
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["seed", "step", *columns])
        writer.writeheader()
        for seed, run in enumerate(repeats, start=1):
            writer.writerows({"seed": seed, "step": s, **row} for s, row in zip(steps, run, strict=True))
    return Results(folder)


def curves_of(program: str) -> Array:
    return read_curves()[program].reshape(-1, len(figures.ACCURACIES), 2)


def with_curves(folder: Path, runs: Array) -> Results:
    return recorded(folder, runs, list(figures.ACCURACIES))


def test_the_articles_curve_is_typical_of_the_right_program(tmp_path: Path) -> None:
    figure = figures.curve_value(with_curves(tmp_path, curves_of(RIGHT)))
    assert figure.verdict == "reproduced"
    published = " ".join(figure.published.split())
    assert published.startswith("601: 0.7885/0.7935, 1,201: 0.8773/0.8810")
    assert published.endswith("9,601: 0.9468/0.9455")
    assert figure.computed.endswith("; means of 20 seeds")


@pytest.mark.parametrize("fault", TWO_LAYERS, ids=str)
def test_the_articles_curve_is_not_typical_of_the_wrong_programs_that_it_can_notice(
    fault: Break, tmp_path: Path
) -> None:
    figure = figures.curve_value(with_curves(tmp_path, curves_of(" ".join(fault.overrides))))
    assert (figure.verdict == "differs") is (CURVE in fault.rows)


def test_fewer_seeds_or_a_diverged_one_differ(tmp_path: Path) -> None:
    runs = curves_of(RIGHT)
    assert figures.curve_value(with_curves(tmp_path / "fewer", runs[:19])).verdict == "differs"
    runs[3, 5:] = np.nan
    assert figures.curve_value(with_curves(tmp_path / "away", runs)).verdict == "differs"


def test_the_row_has_the_measured_detection_rates(tmp_path: Path) -> None:
    measured = {program: f"{share:.0%}" for program, share in powers(read_curves()).items()}
    assert measured == {RIGHT: figures.FALSE_ALARM_RATE, **figures.DETECTION_RATES}
    assert power_table(read_curves()) in DOCS
    cause = figures.curve_value(with_curves(tmp_path, curves_of(RIGHT))).cause
    assert all(f"{program} in {share}" in cause for program, share in figures.DETECTION_RATES.items())
    assert f"by chance, in {figures.FALSE_ALARM_RATE}" in cause


@pytest.mark.parametrize(
    ("train", "test", "verdict"),
    [(0.95, 0.9401, "reproduced"), (0.95, 0.9399, "differs"), (0.93, 0.9401, "differs"), (0.95, np.nan, "differs")],
)
def test_the_accuracies_of_no_seed_are_a_percent_apart(train: float, test: float, verdict: str, tmp_path: Path) -> None:
    runs = np.full((3, 1, 2), 0.95)
    runs[1, 0] = train, test
    results = recorded(tmp_path, runs, [9601])
    with start(tmp_path / "runs" / "mnist_three_layer", 1) as record:
        record.append(EVALUATIONS, [{"step": 60_000, "timestamp": 1, "accuracy/train": 0.99, "accuracy/test": 0.98}])
        record.finish("finished", 1, {})
    assert figures.overfitting_value(results).verdict == verdict


@pytest.fixture(scope="module")
def one_step(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Path:
    """A project with a step from each of five seeds, and the folder `wrong` with the same at rate 3."""
    project = make_project(tmp_path_factory.mktemp("one_step"), small_data)
    make_project(project / "wrong", small_data)
    for folder, rate in ((project, 0.1), (project / "wrong", 3)):
        with chdir(folder):
            config = composed(folder, figures.NAME, "trainer.max_steps=1", f"optimizer.lr={rate}")
            train(config)
            repeat(config, range(1, 5))
    return project


@pytest.mark.parametrize(
    ("published", "verdict"),
    [
        (("0.1100", "0.1000"), "reproduced"),  # a tenth of the images, which is what one step comes to
        (("0.0000", "0.0000"), "explained"),
        (("0.0000", "1.0000"), "differs"),
        (("1.0000", "0.0000"), "differs"),
        (("nan", "0.0000"), "differs"),
    ],
)
def test_accuracies_after_a_step_are_within_those_of_the_seeds_or_below_the_rare_seeds(
    published: tuple[str, str], verdict: str, one_step: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(one_step)
    assert figures.first_step_value(Results(one_step), published).verdict == verdict


@pytest.mark.parametrize("end", [np.min, np.max])
def test_the_range_of_accuracies_after_a_step_includes_its_ends(
    end: Callable[[list[float]], float], one_step: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(one_step)
    results = Results(one_step)
    ends = [float(end(results.over_seeds(figures.NAME, 1, f"accuracy/{part}"))) for part in ("train", "test")]
    figure = figures.first_step_value(results, [repr(value) for value in ends])
    assert figure.verdict == "reproduced"
    assert "/".join(f"{value:.4f}" for value in ends) in figure.computed.partition(" over 5 seeds")[0].split(" to ")


def test_a_rare_seed_explains_nothing_if_its_step_differs_from_plain_numpy(
    one_step: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(one_step / "wrong")
    assert figures.first_step_value(Results(one_step / "wrong"), ("0.0000", "0.0000")).verdict == "differs"


def test_draws_with_replacement_are_distinguished_from_others() -> None:
    generator = np.random.default_rng(0)
    count, shape = 6_000, (60, 100)
    assert figures.replacement_check(generator.integers(count, size=shape), count)[1]
    without_replacement = np.array([generator.choice(count, 100, replace=False) for _ in range(60)])
    repeated = np.tile(generator.integers(count, size=(30, 100)), (2, 1))
    wrong_draws = (
        generator.permutation(count).reshape(shape),
        without_replacement,
        repeated,
        generator.integers(count // 2, size=shape),
    )
    assert [figures.replacement_check(indices, count)[1] for indices in wrong_draws] == [False] * 4
