"""Trains programs that are wrong on purpose: their figures must say `differs`."""

import csv
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
from articles.breaks import BOTH, HEADER, MNIST, PARTS, SMALL, Break, beside, broken, composed, table_row
from conftest import ROOT, make_project

from descent.articles import article_000, article_001, article_002, article_003, article_004, article_004_mnist
from descent.articles.published_value import PublishedValue
from descent.articles.results import Array, Results
from descent.core.data.control_points import read_control_points
from descent.core.data.noisy_polynomial import fit, generate
from descent.core.data.points import write_points
from descent.runs.seeds import repeat
from descent.runs.train import train

PROGRAMS = {"mnist_two_layer": article_004_mnist.program_value, "mnist_three_layer": article_003.three_layer_program}
FRESH = ("data=fresh_noisy_points", "evaluation.every=100")
STEPS = 12
"""The steps on MNIST in these tests: two epochs of the small images."""
DIFFERENCES = """parameter,shape,components,largest_absolute,largest_relative,agrees
network.0.weight,"(100, 784)",78400,1e-11,1e-08,True
network.0.bias,"(100,)",100,1e-11,1e-08,True
network.2.weight,"(10, 100)",1000,1e-11,1e-09,True
network.2.bias,"(10,)",10,1e-11,1e-10,True
"""
"""As `descent check-gradient experiment=two_layer_gradient` writes it, which takes a minute."""


def differ(figures: Iterable[PublishedValue]) -> list[str]:
    return [figure.name for figure in figures if figure.verdict == "differs"]


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Path:
    """A project with the runs of right programs."""
    project = make_project(tmp_path_factory.mktemp("right"), small_data)
    shutil.copytree(ROOT / "data" / "source", project / "data" / "source")
    write_noise(project, 0.2)
    (project / "gradients" / "two_layer_gradient" / "record").mkdir(parents=True)
    (project / "gradients" / "two_layer_gradient" / "record" / "differences.csv").write_text(DIFFERENCES)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        for name in PARTS:
            short = (f"trainer.max_steps={STEPS}",) if name in PROGRAMS else ()
            train(composed(project, name, *short))
        repeat(composed(project, "patterns", "evaluation.every=80"), range(2, 6))
        repeat(composed(project, "mnist_two_layer", f"trainer.max_steps={STEPS}"), range(1, 3))
        repeat(composed(project, "noisy_polynomial", *FRESH), range(3, 503))
    return project


def write_noise(project: Path, noise: float) -> None:
    control_points = read_control_points(project / "data" / "source" / "control_points.csv", article_000.DEGREE)
    points = generate(fit(control_points, article_000.DEGREE), 100, -10, 10, noise, seed=0)
    write_points(project / "data" / "noisy_polynomial" / "points.csv", points)


@pytest.fixture
def right_project(right: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(right)
    return right


def test_no_figure_of_a_right_program_differs(right_project: Path) -> None:
    results = Results(right_project)
    parts = dict.fromkeys(part for name, part in PARTS.items() if name not in PROGRAMS)
    assert [name for part in parts for name in differ(part(results))] == []
    assert differ(program(results, STEPS) for program in PROGRAMS.values()) == []


def test_every_published_figure_has_a_row(right_project: Path) -> None:
    articles = (article_000, article_001, article_002, article_003, article_004)
    figures = [figure for article in articles for figure in article.published_values(Results(right_project))]
    assert Counter(figure.article for figure in figures) == {"000": 8, "001": 5, "002": 9, "003": 7, "004": 16}
    assert len({(figure.article, figure.name) for figure in figures}) == len(figures)


def test_rows_name_our_choices_and_seeds_that_were_searched(right_project: Path) -> None:
    results = Results(right_project)
    parts = dict.fromkeys(part for name, part in PARTS.items() if name not in PROGRAMS)
    causes = {figure.name: figure.cause for part in parts for figure in part(results) if figure.verdict == "reproduced"}
    assert {name for name, text in causes.items() if "looked for" in text} == {
        "the descent that is shown",
        "right on pattern A at 999999999, before",
        "right on pattern A at 999999999, after",
    }
    assert {name for name, text in causes.items() if "our choice" in text} == {
        "x² from 1, 25,000 steps",
        "x³ - 0.75x + 1 from 1, 25,000 steps",
    }
    assert "rounding" in causes["the training of the network"]
    assert "depend on three numbers" in causes["the first errors"]
    assert "eight digits" in causes["the 2x3 layer: its output"]
    assert "could not agree" in causes["two layers: numerical gradient and backpropagation"]


def test_every_wrong_program_is_in_the_table_of_the_docs() -> None:
    table = "\n".join([HEADER, *(table_row(fault, fault.rows) for fault in (*SMALL, *MNIST))])
    assert table in (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")


def test_descents_on_a_bowl_end_at_the_closed_form(right_project: Path) -> None:
    results = Results(right_project)
    ends = {
        figure.name: figure.computed
        for figure in (*article_001.published_values(results), *article_004.descent_values(results))
    }
    assert {name: end for name, end in ends.items() if name.startswith("from")} == {
        "from (3, 2) at rate 0.1": "6.11110793e-10, 4.07407195e-10",  # 0.8^100
        "from (3, 2) at rate 1": "3, 2",
        "from (3, 2) at rate 0.000001": "2.99940006, 1.99960004",  # 0.999998^100
        "from (-3, 4) at rate 0.1": "-6.11110793e-10, 8.14814391e-10",
        "from (-3, 4) at rate 10": "-1083, 1444",  # 19^2
        "from (-3, 4) at rate 1e-10": "-2.99999994, 3.99999992",  # (1 - 2e-10)^100
    }


def test_another_number_of_steps_on_mnist_differs(right_project: Path) -> None:
    assert len(differ(program(Results(right_project), STEPS - 1) for program in PROGRAMS.values())) == len(PROGRAMS)


def test_repeats_that_are_not_configured_as_the_run_differ(right: Path, tmp_path: Path) -> None:
    beside(right, tmp_path, "seeds/mnist_two_layer")
    with chdir(tmp_path):
        repeat(composed(right, "mnist_two_layer", f"trainer.max_steps={STEPS}", "optimizer.lr=0.11"), range(1, 3))
        assert article_004_mnist.program_value(Results(tmp_path), STEPS).verdict == "differs"


@pytest.mark.parametrize("fault", SMALL, ids=str)
def test_a_wrong_program_differs(fault: Break, right: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = broken(right, tmp_path, fault)
    monkeypatch.chdir(tmp_path)
    assert differ(PARTS[fault.experiment](results)) == list(fault.rows)


@pytest.mark.parametrize("name", [name for name in PARTS if name not in PROGRAMS])
def test_a_run_that_overflows_differs(name: str, right: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = broken(right, tmp_path, Break(name, ("optimizer.lr=1e30",), ()), "divergence_threshold=inf")
    monkeypatch.chdir(tmp_path)
    is_held = name != "two_layer_gradient"  # whose first step alone is looked at
    assert bool(differ(PARTS[name](results))) is is_held


@pytest.mark.parametrize("fault", MNIST, ids=str)
def test_another_program_on_mnist_differs(
    fault: Break, right: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = broken(right, tmp_path, fault, f"trainer.max_steps={STEPS}", seeds=2)
    monkeypatch.chdir(tmp_path)
    assert differ([PROGRAMS[fault.experiment](results, STEPS)]) == [fault.rows[0]]


@pytest.mark.parametrize(
    ("draw", "verdict"),
    [
        (lambda generator: generator.normal(0, 0.2, 100), "explained"),
        (lambda generator: generator.normal(0, 0.3, 100), "differs"),
        (lambda generator: generator.normal(0, 0.1, 100), "differs"),
        (lambda generator: generator.normal(0.1, 0.2, 100), "differs"),
        (lambda generator: generator.uniform(0, 0.2, 100), "reproduced"),
        (lambda generator: generator.uniform(0, 0.3, 100), "differs"),
    ],
)
def test_the_noise_has_the_normal_distribution_of_the_articles_program(
    draw: Callable[[np.random.Generator], Array], verdict: str, right: Path, tmp_path: Path
) -> None:
    beside(right, tmp_path, "data/noisy_polynomial")
    x = np.linspace(-10, 10, 100)
    curve = np.polyfit(*article_000.CONTROL_POINTS, article_000.DEGREE)
    on_the_curve = np.array(np.polyval(curve, x), dtype=np.float64)
    (tmp_path / "data" / "noisy_polynomial").mkdir()
    points = tmp_path / "data" / "noisy_polynomial" / "points.csv"
    write_points(points, (x, on_the_curve + draw(np.random.default_rng(0))))
    verdicts = {figure.name: figure.verdict for figure in article_000.data_values(Results(tmp_path))}
    assert verdicts["the noise"] == verdict
    write_points(points, (x[:99], on_the_curve[:99]))
    assert "the data" in differ(article_000.data_values(Results(tmp_path)))


def test_other_control_points_differ(right: Path, tmp_path: Path) -> None:
    beside(right, tmp_path, "data/source")
    shutil.copytree(right / "data" / "source", tmp_path / "data" / "source")
    points = tmp_path / "data" / "source" / "control_points.csv"
    header, *rows = csv.reader(points.read_text().splitlines())
    points.write_text("\n".join([",".join(header), *(f"{float(x) + 1},{y}" for x, y in rows)]))
    assert differ(article_000.data_values(Results(tmp_path))) == ["the control points", "the minima"]


def test_the_best_minimum_is_reached_as_often_as_in_plain_numpy(right: Path, tmp_path: Path) -> None:
    assert article_000.seeds_value(Results(right)).verdict == "reproduced"
    beside(right, tmp_path, "seeds/noisy_polynomial")
    with chdir(tmp_path):
        config = composed(right, "noisy_polynomial", *FRESH, "optimizer.lr=0.2")
        repeat(config, range(3, 503))
    assert article_000.seeds_value(Results(tmp_path)).verdict == "differs"


@pytest.mark.parametrize(
    ("line", "was", "became", "rows"),
    [
        (1, "True", "False", [BOTH]),
        (4, "True", "False", [BOTH]),
        (2, "(100,)", "(50,)", ["two layers: the shapes of the gradients", BOTH]),
        (4, "1e-11,1e-10,True", "nan,nan,False", [BOTH]),
    ],
)
def test_gradients_that_do_not_agree_differ(
    line: int, was: str, became: str, rows: list[str], right: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside(right, tmp_path, "gradients/two_layer_gradient")
    monkeypatch.chdir(tmp_path)
    lines = DIFFERENCES.splitlines()
    assert was in lines[line]
    lines[line] = lines[line].replace(was, became)
    (tmp_path / "gradients" / "two_layer_gradient" / "record").mkdir(parents=True)
    (tmp_path / "gradients" / "two_layer_gradient" / "record" / "differences.csv").write_text("\n".join(lines))
    assert differ(article_004.gradient_check_values(Results(tmp_path))) == rows
