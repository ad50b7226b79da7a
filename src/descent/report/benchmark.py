"""What a benchmark says, as sections of a page, and as a page of its own."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from descent.comparisons.advantages import Advantage
from descent.comparisons.benchmark_pictures import benchmark_pictures
from descent.comparisons.benchmark_views import BenchmarkResult, read_benchmark
from descent.comparisons.benchmarks import rank_rows
from descent.records.sweep import SweepRecord
from descent.render.stamp import new_views
from descent.report.page import Section, SectionTable, picture_of, render_page

PAGE = "index.html"
"""The name of a benchmark's page, among its views."""


def benchmark_sections(benchmark: SweepRecord) -> list[Section]:
    """The sections of a benchmark: its conclusions, its problems, and advantages if it has any."""
    result = read_benchmark(benchmark)
    name = benchmark.header.params["suite.name"]
    pictures = benchmark_pictures(benchmark.header.name, result.problems)
    description = benchmark.header.params["suite.description"]
    sections = [_ranks(name, description, result, pictures["profile"]), _cells(name, result, pictures["heat_map"])]
    if result.advantages:
        baseline, rate = (benchmark.header.params[f"suite.baseline.{key}"] for key in ("optimizer", "lr"))
        sections.append(_advantages(name, result.advantages, baseline, float(rate)))
    return sections


def write_benchmark_page(benchmark: SweepRecord) -> Path:
    """Write the page of a benchmark, among its views."""
    title, sections = f"Benchmark: {benchmark.header.params['suite.name']}", benchmark_sections(benchmark)
    with new_views(benchmark.views) as folder:
        render_page("benchmark.html.j2", folder / PAGE, title=title, sections=sections)
    return benchmark.views / PAGE


def _ranks(name: str, description: str, result: BenchmarkResult, profile: Figure) -> Section:
    rows = [
        [
            str(row["optimizer"]),
            f"{row['mean rank']:.2f} ({row['low']:.2f} to {row['high']:.2f})",
            f"{row['solved']:.0%}",
            f"{row['score']:.2f}",
            f"{row['AlgoPerf score']:.2f}",
        ]
        for row in rank_rows(result.problems)
    ]
    return Section(
        id=f"benchmark-{name}",
        title=f"Which optimizer: the benchmark {name}",
        paragraphs=[description, " ".join(result.conclusions)],
        picture=picture_of(
            profile,
            "For each optimizer, the share of the starts of all problems from which it reaches the target in at most a "
            "multiple of the steps of the fastest optimizer",
        ),
        table=SectionTable(
            caption="Optimizers by mean rank, with 95 % intervals over the problems; the scores are the areas under "
            "their profiles up to 4 times the fastest one's steps",
            header=["optimizer", "mean rank", "solved", "score", "AlgoPerf score"],
            rows=rows,
        ),
    )


def _cells(name: str, result: BenchmarkResult, heat_map: Figure) -> Section:
    rates = [
        [problem.name, *(f"{problem.best[optimizer]:g}" for optimizer in problem.best)] for problem in result.problems
    ]
    return Section(
        id=f"benchmark-{name}-problems",
        title=f"On which problem: the benchmark {name}",
        paragraphs=[
            "An optimizer solves a problem from a start if it reaches the target. At its best rate it does so from the "
            "most starts and, of rates that are equal in that, in the fewest steps.",
        ],
        picture=picture_of(
            heat_map,
            "For each optimizer and problem, the median of the steps to the target and the share of starts solved",
        ),
        table=SectionTable("The best learning rate of each optimizer", ["problem", *result.problems[0].best], rates),
    )


def _advantages(name: str, rows: Sequence[Advantage], baseline: str, rate: float) -> Section:
    return Section(
        id=f"benchmark-{name}-advantages",
        title=f"How much of an advantage over {baseline} is left when it is tuned as well",
        paragraphs=[
            f"Wen et al. (2025) find that most of what optimizers are said to be faster than AdamW is due to its rate, "
            f"which was not tuned. Here each optimizer is tuned, and compared with {baseline} at its own rate of "
            f"{rate:g}, and with {baseline} tuned in the same way: how many times as fast it is, with Student's 95 % "
            "intervals over the seeds, and over the problems in the rows of all. Where only one of the two reaches the "
            "target from a start, there is no such number: the optimizer reaches it more often, less often, or from "
            "other starts.",
        ],
        table=SectionTable(
            caption="How many times as fast as the baseline, untuned and tuned",
            header=["problem", "optimizer", f"{baseline} at {rate:g}", f"{baseline} tuned"],
            rows=[[row.problem, row.optimizer, str(row.untuned), str(row.tuned)] for row in rows],
        ),
    )
