"""Compare every figure that the source articles publish with ours."""

import argparse
from collections import Counter
from collections.abc import Sequence

from descent.project import project_root


def main(words: Sequence[str]) -> None:
    """Write reports/figures.csv and reports/articles.json from the records of the experiments."""
    argparse.ArgumentParser("descent articles", description=__doc__).parse_args(words)
    from descent.articles import article_000, article_001, article_002, article_003, article_004
    from descent.articles.results import Results
    from descent.articles.summarize import summarize
    from descent.articles.table import write_table

    root = project_root()
    results = Results(root)
    articles = (article_000, article_001, article_002, article_003, article_004)
    values = [value for article in articles for value in article.published_values(results)]
    write_table(root / "reports" / "figures.csv", values)
    summarize(results).save(root / "reports" / "articles.json")
    counts = Counter(value.verdict for value in values)
    left = f", {counts['not compared']} not compared" if counts["not compared"] else ""
    print(f"{len(values)} published figures: {counts['reproduced']} reproduced, {counts['explained']} explained{left}")
    for value in values:
        if value.verdict == "not compared":
            print(f"not compared: {value.article}, {value.name}: {value.cause}")
        if value.verdict == "differs":
            print(f"differs: {value.article}, {value.name}: published {value.published}, ours {value.computed}")
