"""The views of a benchmark: its tables, its pictures, and what may be concluded."""

from dataclasses import dataclass

from descent.comparisons.advantages import Advantage, advantage_conclusions, advantage_rows, advantages
from descent.comparisons.benchmarks import SolvedProblem, benchmark_conclusions, rank_rows, solved_problem
from descent.comparisons.grouping import runs_of_outcomes
from descent.comparisons.table import write_csv
from descent.records.sweep import RANKS, SweepRecord
from descent.render.stamp import drawing, is_current, stamp_of

ADVANTAGES = "advantages.csv"


@dataclass(frozen=True)
class BenchmarkResult:
    """What a benchmark says.

    Args:
        problems: how soon each optimizer solves each problem.
        advantages: over the suite's baseline, if it has one.
        conclusions: in sentences.
    """

    problems: list[SolvedProblem]
    advantages: list[Advantage]
    conclusions: list[str]


def read_benchmark(benchmark: SweepRecord) -> BenchmarkResult:
    """What the sweeps of a benchmark say that are there, in the order of its suite."""
    params = benchmark.header.params
    problems = []
    for name in params["suite.problems"].split():
        sweep = SweepRecord(benchmark.folder / name)
        problems.append(solved_problem(name, runs_of_outcomes(sweep.outcomes() or [], sweep.header.problem)))
    lines = benchmark_conclusions(problems)
    if "suite.baseline.optimizer" not in params:
        return BenchmarkResult(problems, [], lines)
    baseline = params["suite.baseline.optimizer"], float(params["suite.baseline.lr"])
    rows = advantages(problems, *baseline)
    return BenchmarkResult(problems, rows, [*lines, *advantage_conclusions(rows, *baseline)])


def draw_benchmark(benchmark: SweepRecord) -> bool:
    """Write the tables and the pictures of a benchmark whose runs have all ended, unless they are up to date.

    Returns:
        Whether they are new.
    """
    stamp = stamp_of(f"benchmark {benchmark.header.id}", "comparisons", "render")
    if is_current(benchmark.views, stamp):
        return False
    from descent.comparisons.benchmark_pictures import benchmark_pictures  # Matplotlib takes a second to import
    from descent.comparisons.pictures import save_pictures

    result = read_benchmark(benchmark)
    with drawing(benchmark.views, stamp) as folder:
        write_csv(folder / RANKS, rank_rows(result.problems))
        if result.advantages:
            write_csv(folder / ADVANTAGES, advantage_rows(result.advantages))
        save_pictures(benchmark_pictures(benchmark.header.name, result.problems), folder)
    return True
