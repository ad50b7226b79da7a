"""Tune optimizers on the problems of a suite, and say which solves how many of them how soon."""

import os
from collections.abc import Sequence

from descent.runs.composition import CommandLine
from descent.runs.suite import BenchmarkConfig


def main(words: Sequence[str]) -> None:
    """Run the suite that the command line composes, or what is left of it, into suites/NAME-KEY."""
    line = CommandLine("benchmark", BenchmarkConfig, words)
    if not line.show():
        line.run(_run)


def _run(config: BenchmarkConfig) -> None:
    from descent.core import numerics
    from descent.report.benchmark import write_benchmark_page
    from descent.runs.benchmark import run_benchmark
    from descent.runs.syncing import background_sync

    numerics.configure_torch()
    with background_sync(config.tracking) as listener:
        listener.start()
        benchmark = run_benchmark(config, listener)
        page = write_benchmark_page(benchmark)
        listener.on_complete(benchmark.folder)
    where = os.path.relpath(benchmark.folder)
    print(*benchmark.state().conclusions, sep="\n")
    print(f"tables {where}/views/*.csv  pictures {where}/views/*.png  page {os.path.relpath(page)}")
