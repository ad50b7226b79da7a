import csv
import shutil
from pathlib import Path

import pytest
from conftest import composed_in, make_project
from report.test_lesson import bowl_descents
from tracking.test_sqlite_store import ODD

from descent.articles import article_000, article_001, article_002, article_003, article_004, summarize
from descent.articles.published_value import PublishedValue, not_compared
from descent.articles.summary import Summary
from descent.commands import articles, report
from descent.errors import UserError
from descent.records.lesson import write_lesson
from descent.render.run_views import draw
from descent.report import sections
from descent.runs.identity import RunRequest
from descent.runs.train import train

EXPERIMENTS = ("parabola_003", "bowl_001", "ackley")
FIGURES = [
    PublishedValue("001", "right", "1", "1", "0", "reproduced"),
    PublishedValue("001", "known", "1", "2", "1", "explained", "it is a fault"),
    PublishedValue("003", "wrong", "1", "3", "2", "differs"),
]


@pytest.fixture(scope="module")
def experiments(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Path:
    """A project of three experiments, all trained."""
    project = make_project(tmp_path_factory.mktemp("project"), small_data)
    for path in (project / "conf" / "experiment").iterdir():
        if path.stem not in EXPERIMENTS:
            path.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        for name in EXPERIMENTS:
            overrides = (f"experiment={name}", "trainer.max_steps=3", f"run_dir=runs/{name}")
            draw(train(composed_in(project, *overrides), RunRequest(overrides)).folder)
    return project


@pytest.fixture
def trained(experiments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, the current folder; what articles' figures and sections come to is said above."""
    project = shutil.copytree(experiments, tmp_path / ODD)  # a report may be in a folder of any name
    monkeypatch.chdir(project)
    for article in (article_000, article_001, article_002, article_003, article_004):
        own = [figure for figure in FIGURES if figure.article == article.ARTICLE]
        monkeypatch.setattr(article, "published_values", lambda results, own=own: own)
    nothing = Summary({}, [], [], [], 0, "MNIST", [])
    monkeypatch.setattr(summarize, "summarize", lambda results: nothing)
    monkeypatch.setattr(sections, "sections", lambda results, summary: [])
    monkeypatch.setattr(sections, "maps", lambda results: [])
    write_lesson(project / "lesson", {"bowl": bowl_descents()}, "")
    return project


def test_the_figures_are_written_counted_and_those_that_differ_said(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    articles.main([])
    with (trained / "reports" / "figures.csv").open(newline="", encoding="utf-8") as file:
        assert [(row["article"], row["figure"]) for row in csv.DictReader(file)] == [
            ("001", "right"), ("001", "known"), ("003", "wrong"),
        ]  # fmt: skip
    assert capsys.readouterr() == (
        "3 published figures: 1 reproduced, 1 explained\ndiffers: 003, wrong: published 1, ours 3\n", "",
    )  # fmt: skip


def test_figures_of_other_images_are_said_to_be_not_compared(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(article_004, "published_values", lambda _: [not_compared("004", "curve", "0.9", "digits")])
    articles.main([])
    assert capsys.readouterr().out.splitlines() == [
        "4 published figures: 1 reproduced, 1 explained, 1 not compared",
        "differs: 003, wrong: published 1, ours 3",
        "not compared: 004, curve: Trained on digits; the article's figure is of MNIST.",
    ]
    report.main([])
    assert "not compared" in (trained / "reports" / "index.html").read_text(encoding="utf-8")


def test_the_page_has_a_card_for_each_experiment_the_articles_first(trained: Path) -> None:
    articles.main([])
    report.main([])
    page = (trained / "reports" / "index.html").read_text(encoding="utf-8")
    places = [page.index(f"descent train experiment={name}") for name in ("bowl_001", "parabola_003", "ackley")]
    assert places == sorted(places)


def test_an_experiment_that_is_not_trained_has_no_card(trained: Path) -> None:
    shutil.rmtree(trained / "runs" / "ackley")
    articles.main([])
    report.main([])
    page = (trained / "reports" / "index.html").read_text(encoding="utf-8")
    assert "experiment=bowl_001" in page
    assert "experiment=ackley" not in page


def test_the_lesson_is_on_the_page_and_without_its_record_it_says_what_trains_it(trained: Path) -> None:
    articles.main([])
    report.main([])
    page = (trained / "reports" / "index.html").read_text(encoding="utf-8")
    assert page.index('id="try"') < page.index('id="figures"') < page.index('id="experiments"')
    shutil.rmtree(trained / "lesson")
    with pytest.raises(UserError, match=r"lesson.npz is missing; `descent lesson` writes it$"):
        report.main([])


def test_without_the_articles_values_it_says_what_writes_them(trained: Path) -> None:
    with pytest.raises(UserError, match=r"reports/figures.csv is missing; `descent articles` writes it$"):
        report.main([])
