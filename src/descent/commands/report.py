"""Write the report: every published figure beside ours, and a card for each run."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from descent.errors import UserError
from descent.project import project_root

if TYPE_CHECKING:
    from descent.report.page import Card, Section

BENCHMARKS = ("suites/surfaces", "suites/small")
"""The folders of benchmarks that are shown if they are there: the main job's, and one that takes longer."""


def main(words: Sequence[str]) -> None:
    """Write reports/index.html from what the other stages left."""
    parser = argparse.ArgumentParser("descent report", description=__doc__)
    parser.parse_args(words)
    from descent.articles.results import Results
    from descent.articles.summary import Summary
    from descent.articles.table import read_table
    from descent.records.lesson import LESSON, read_lesson
    from descent.records.run import RunRecord, run_folders
    from descent.report.cards import cards
    from descent.report.lesson import lesson_of
    from descent.report.page import write_page
    from descent.report.sections import maps, sections
    from descent.tracking.lookup import mlflow_run_ids
    from descent.tracking.store import DEFAULT_URI

    root = project_root()
    reports = root / "reports"
    values = read_table(reports / "figures.csv")
    experiments = {path.stem for path in (root / "conf" / "experiment").glob("*.yaml")}
    folders = [folder for folder in run_folders([root / "runs"]) if folder.parent == root / "runs"]
    runs = [run for run in map(RunRecord, folders) if run.folder.name in experiments and run.ending()]
    ids: dict[str, str] = {}
    try:
        ids = mlflow_run_ids(DEFAULT_URI, [run.header.id for run in runs])
    except UserError as error:
        print(f"the report is without MLflow's run ids: {error}", file=sys.stderr)
    summary = Summary.load(reports / "articles.json")
    results = Results(root)
    answers = [*_benchmarks(root), *maps(results)]
    lesson = lesson_of(read_lesson(root / LESSON))
    write_page(
        reports / "index.html", answers, values, sections(results, summary), _by_article(cards(runs, ids)), lesson
    )


def _benchmarks(root: Path) -> list["Section"]:
    """The sections of the benchmarks that have ended."""
    from descent.records.folder import RECORD
    from descent.records.sweep import SWEEP, SweepRecord
    from descent.report.benchmark import benchmark_sections

    benchmarks = [SweepRecord(root / name) for name in BENCHMARKS if (root / name / RECORD / SWEEP).exists()]
    finished = (benchmark for benchmark in benchmarks if benchmark.state().status == "FINISHED")
    return [section for benchmark in finished for section in benchmark_sections(benchmark)]


def _by_article(cards: Sequence["Card"]) -> list["Card"]:
    """The articles' runs first, in the articles' order."""
    return sorted(cards, key=lambda card: (card.article is None, card.article, card.name))
