"""Summarizes the results of the stages for the report."""

from descent.articles import article_000, article_001, article_004
from descent.articles.published_value import mean_with_interval
from descent.articles.results import Results
from descent.articles.summary import Summary

NETWORKS = {"mnist_two_layer": 9601, "mnist_three_layer": 6_000}
"""The steps after which the networks' accuracies are compared over seeds."""


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
        accuracies=[
            _accuracy(results, name, step, part) for name, step in NETWORKS.items() for part in ("train", "test")
        ],
    )


def _accuracy(results: Results, name: str, step: int, part: str) -> tuple[str, str, int, str, str, int]:
    values = results.over_seeds(name, step, f"accuracy/{part}")
    return name, part, step, mean_with_interval(values), f"{min(values):.4f} to {max(values):.4f}", len(values)
