"""Write the report: every published figure beside ours, and a card for each run."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from descent.errors import UserError
from descent.project import project_root

if TYPE_CHECKING:
    from descent.report.page import Card


def main(words: Sequence[str]) -> None:
    """Write reports/index.html and reports/figures.csv from what the other stages left."""
    parser = argparse.ArgumentParser("descent report", description=__doc__)
    parser.parse_args(words)
    from descent.articles import article_000, article_001, article_002, article_003, article_004
    from descent.articles.results import Results
    from descent.report.cards import cards
    from descent.report.figures_csv import write_figures
    from descent.report.page import write_page
    from descent.report.sections import sections
    from descent.tracking.lookup import run_ids
    from descent.tracking.store import DEFAULT_URI

    root = project_root()
    results = Results(root)
    articles = (article_000, article_001, article_002, article_003, article_004)
    figures = [figure for article in articles for figure in article.figures(results)]
    names = sorted(path.stem for path in (root / "conf" / "experiment").glob("*.yaml"))
    runs = [results.record(name) for name in names]
    ids: dict[str, str] = {}
    try:
        ids = run_ids(DEFAULT_URI, [run.header.id for run in runs])
    except UserError as error:
        print(f"the report is without MLflow's run ids: {error}", file=sys.stderr)
    reports = root / "reports"
    reports.mkdir(exist_ok=True)
    write_figures(reports / "figures.csv", figures)
    write_page(
        reports / "index.html", figures, sections(results), _by_article(cards([run.folder for run in runs], ids))
    )
    counts = Counter(figure.verdict for figure in figures)
    print(f"{len(figures)} published figures: {counts['reproduced']} reproduced, {counts['explained']} explained")
    for figure in figures:
        if figure.verdict == "differs":
            print(f"differs: {figure.article}, {figure.name}: published {figure.published}, ours {figure.ours}")


def _by_article(cards: Sequence["Card"]) -> list["Card"]:
    """The articles' runs first, in the articles' order."""
    return sorted(cards, key=lambda card: (card.article is None, card.article, card.name))
