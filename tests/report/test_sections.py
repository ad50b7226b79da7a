import csv
import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, composed_in, make_project
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from matplotlib.quiver import Quiver
from PIL import Image
from tracking.runs import start

from descent.articles.results import Results
from descent.articles.summarize import summarize
from descent.records.run import CONFIG, EVALUATIONS
from descent.report.page import Section
from descent.report.sections import maps, sections
from descent.runs.train import train

BOWLS = {"bowl_001": 0.1, "bowl_001_too_large": 1.0, "bowl_001_too_small": 1e-6}
BOWLS |= {"bowl_004": 0.1, "bowl_004_too_large": 10.0, "bowl_004_too_small": 1e-10}
ENDS = [("finished", x) for x in (0.0, 0.1, -0.1, 0.2, 4.0)] + [("diverged", 1e9)]
"""Results on the noisy polynomial: four in the basin of the best minimum, near 0, one in another, one diverged."""
ACCURACIES = [0.94, 0.95, 0.96]


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def evaluated(project: Path, name: str, step: int, *overrides: str) -> None:
    """Write an experiment's run and two runs from other seeds, with these accuracies after a step."""
    config = composed_in(project, f"experiment={name}", *overrides).to_yaml()
    metrics = [{f"accuracy/{part}": value for part in ("train", "test")} for value in ACCURACIES]
    with start(project / "runs" / name, step) as record:
        record.append(EVALUATIONS, [{"step": at, "timestamp": 0, **metrics[0]} for at in (0, step)])
        (record.files / CONFIG).write_text(config)
        record.finish("finished", step, {})
    repeats = [{"seed": seed, "step": step, **metrics[seed]} for seed in (1, 2)]
    write(project / "seeds" / name / "evaluations.csv", repeats)


@pytest.fixture(scope="module")
def figures() -> list[Figure]:
    """The figures of the sections, in their order."""
    return []


@pytest.fixture(scope="module")
def page_sections(
    tmp_path_factory: pytest.TempPathFactory, small_data: Path, figures: list[Figure]
) -> dict[str, Section]:
    """The sections on a project in which all stages have run, by their ids."""
    project = make_project(tmp_path_factory.mktemp("project"), small_data)
    shutil.copytree(ROOT / "data" / "source", project / "data" / "source")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        for name in BOWLS:
            train(composed_in(project, f"experiment={name}", "trainer.max_steps=20", f"run_dir=runs/{name}"))
        write(
            project / "seeds" / "noisy_polynomial" / "runs.csv",
            [{"seed": seed, "result": result, "x": x} for seed, (result, x) in enumerate(ENDS)],
        )
        evaluated(project, "mnist_two_layer", 9601)
        evaluated(project, "mnist_three_layer", 6000)
        gradient = {"parameter": "weight", "shape": "(50, 784)", "components": 39200}
        write(
            project / "gradients" / "two_layer_gradient" / "record" / "differences.csv",
            [{**gradient, "largest_absolute": 1.234e-9, "largest_relative": 5.678e-7, "agrees": True}],
        )
        for picture in ("gradients/two_layer_gradient/views/gradients", "sweeps/basin_himmelblau/views/basin"):
            (project / picture).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), "red").save(project / f"{picture}.png")
        shutil.copytree(project / "sweeps" / "basin_himmelblau", project / "sweeps" / "basin_noisy_polynomial")
        save = Figure.savefig

        def noted(figure: Figure, *to: Any, **how: Any) -> None:
            figures.append(figure)
            save(figure, *to, **how)

        patch.setattr(Figure, "savefig", noted)
        results = Results(project)
        return {section.id: section for section in [*maps(results), *sections(results, summarize(results))]}


def table(section: Section) -> list[list[str]]:
    assert section.table is not None
    return [list(section.table.header), *map(list, section.table.rows)]


def test_the_sections_are_those_of_the_page_in_its_order(page_sections: dict[str, Section]) -> None:
    assert list(page_sections) == [
        "basin-himmelblau", "basin-noisy-polynomial", "rates-001", "rates-004", "field-004", "chance-000",
        "seeds-mnist", "gradient-check",
    ]  # fmt: skip
    for section in page_sections.values():
        assert section.title
        assert all(section.paragraphs)


@pytest.mark.parametrize("article", ["001", "004"])
def test_the_picture_of_an_articles_rates_names_each_result(page_sections: dict[str, Section], article: str) -> None:
    section = page_sections[f"rates-{article}"]
    assert section.picture is not None
    results = {
        "001": "lr 0.1: finished; lr 1: finished; lr 1e-06: finished",
        "004": "lr 0.1: finished; lr 10: diverged; lr 1e-10: finished",
    }
    assert section.picture.alt.endswith(results[article])
    assert {"001": "from (3, 2)", "004": "from (-3, 4)"}[article] in section.paragraphs[0]
    with Image.open(io.BytesIO(section.picture.png)) as picture:
        assert picture.size == (1200, 560)


def test_the_field_has_a_picture(page_sections: dict[str, Section]) -> None:
    picture = page_sections["field-004"].picture
    assert picture is not None
    with Image.open(io.BytesIO(picture.png)) as image:
        assert image.size == (700, 600)
        assert len(image.convert("RGB").getcolors(2**24) or ()) > 10


def test_pictures_have_the_articles_grid_the_minimum_and_the_range_of_ends(
    page_sections: dict[str, Section], figures: list[Figure]
) -> None:
    *_, field, ends = figures
    (arrows,) = (artist for artist in field.axes[0].collections if isinstance(artist, Quiver))
    positions = np.asarray(arrows.XY)
    assert len(positions) == 18**2 - 1  # none at the minimum
    assert np.unique(positions)[[0, 1, -1]].tolist() == [-2, -1.75, 2.25]
    (minimum,) = field.axes[0].lines
    assert np.array(minimum.get_xydata()).tolist() == [[0, 0]]
    (bars,) = (patch for patch in ends.axes[0].patches if isinstance(patch, StepPatch))
    _, edges, _ = bars.get_data()
    np.testing.assert_allclose(np.asarray(edges, float), np.arange(-70, 71) / 10, atol=1e-12)


def test_the_ends_of_the_noisy_polynomial_have_wilsons_intervals(page_sections: dict[str, Section]) -> None:
    section = page_sections["chance-000"]
    assert section.title == "How reliably: article 000 from 6 seeds"
    assert table(section) == [
        ["end", "runs", "rate"],
        ["reached the best minimum", "4", "66.7% (30.0% to 90.3%)"],
        ["stayed in a local minimum", "1", "16.7% (3.0% to 56.4%)"],
        ["diverged", "1", "16.7% (3.0% to 56.4%)"],
    ]


def test_the_accuracies_over_seeds_have_students_intervals(page_sections: dict[str, Section]) -> None:
    assert page_sections["seeds-mnist"].title == "How reliably: the networks on MNIST from other seeds"
    # Three values 0.01 apart: 4.303 standard errors of 0.01 / sqrt(3).
    numbers = ["0.9500 ± 0.0248", "0.9400 to 0.9600", "3"]
    assert table(page_sections["seeds-mnist"]) == [
        ["experiment", "images", "step", "mean", "range", "seeds"],
        *(
            [name, part, step, *numbers]
            for name, step in (("mnist_two_layer", "9,601"), ("mnist_three_layer", "6,000"))
            for part in ("train", "test")
        ),
    ]


def test_accuracies_on_other_images_are_those_after_the_last_step_that_there_is(project: Path) -> None:
    shutil.copytree(ROOT / "data" / "source", project / "data" / "source")
    write(project / "seeds" / "noisy_polynomial" / "runs.csv", [{"seed": 1, "result": "finished", "x": 0.0}])
    evaluated(project, "mnist_two_layer", 9601, "data=digits")
    evaluated(project, "mnist_three_layer", 290, "data=digits")
    summary = summarize(Results(project))
    assert summary.images == "digits"
    assert [row[:3] for row in summary.accuracies] == [
        (name, part, step)
        for name, step in (("mnist_two_layer", 9601), ("mnist_three_layer", 290))
        for part in ("train", "test")
    ]


def test_the_gradient_check_and_the_maps_are_those_of_their_stages(page_sections: dict[str, Section]) -> None:
    assert table(page_sections["gradient-check"]) == [
        ["parameter", "shape", "components", "largest difference", "relative to the largest component"],
        ["weight", "(50, 784)", "39,200", "1.2e-09", "5.7e-07"],
    ]
    for section in ("gradient-check", "basin-himmelblau", "basin-noisy-polynomial"):
        picture = page_sections[section].picture
        assert picture is not None
        with Image.open(io.BytesIO(picture.png)) as image:
            assert image.size == (4, 4)
