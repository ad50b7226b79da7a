"""Summarizes the results of the stages for the report."""

from descent.articles import article_000, article_001, article_004
from descent.articles.configs import other_images
from descent.articles.published_value import mean_with_interval
from descent.articles.results import Results
from descent.articles.summary import Summary

NETWORKS = {"mnist_two_layer": 9601, "mnist_three_layer": 6_000}
"""The steps after which the networks' accuracies are compared over seeds, or the last before where there are fewer."""


def summarize(results: Results) -> Summary:
    """The numbers of the report's sections."""
    minima, _ = article_000.extrema(article_000.polynomial(results))
    shares = article_000.end_shares(results)
    return Summary(
        rates={"001": article_001.RATES, "004": article_004.RATES},
        grid=article_004.GRID.tolist(),
        minima=minima.tolist(),
        ends=[(name, share.count, str(share)) for name, share in shares.items()],
        diverged=shares[article_000.DIVERGED].count,
        images=other_images(results, next(iter(NETWORKS))) or "MNIST",
        accuracies=[_accuracy(results, name, part) for name in NETWORKS for part in ("train", "test")],
    )


def _accuracy(results: Results, name: str, part: str) -> tuple[str, str, int, str, str, int]:
    steps = [int(row["step"]) for row in results.seed_rows(name, "evaluations.csv")]
    step = max(step for step in steps if step <= NETWORKS[name])
    values = results.over_seeds(name, step, f"accuracy/{part}")
    return name, part, step, mean_with_interval(values), f"{min(values):.4f} to {max(values):.4f}", len(values)
