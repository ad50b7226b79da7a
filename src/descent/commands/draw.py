"""Draw the views of runs, sweeps, benchmarks, repeats and gradient checks again, from their records alone."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from descent.errors import UserError


def main(words: Sequence[str]) -> None:
    """Draw what the command line names; views of runs and sweeps that are up to date stay."""
    parser = argparse.ArgumentParser("descent draw", description=__doc__)
    parser.add_argument("folders", metavar="FOLDER", nargs="+", type=Path, help="of a run, a sweep or a gradient check")
    parser.add_argument("--gif", action="store_true", help="draw the animation of each run as descent.gif too")
    arguments = parser.parse_args(words)
    for folder in arguments.folders:
        _draw(folder, animate=arguments.gif)


def _draw(folder: Path, *, animate: bool) -> None:
    """Draw the views of every record at or below a folder."""
    from descent.records.folder import RECORD
    from descent.records.run import run_folders
    from descent.records.seeds import SeedsRecord, seeds_folders
    from descent.records.sweep import SweepRecord, sweep_folders
    from descent.render import gradients, run_views
    from descent.render.basins import draw_basins

    runs, multiruns, repeats = run_folders([folder]), sweep_folders([folder]), seeds_folders(folder)
    checks = sorted(path.parent.parent for path in folder.rglob(f"{RECORD}/{gradients.GRADIENTS}"))
    if not (runs or multiruns or repeats or checks):
        raise UserError(f"{folder} holds no record; name the folder of a run, a sweep or a gradient check")
    for run in runs:
        _print_done(run, is_new=run_views.draw(run, animate=animate))
    for path in multiruns:
        sweep = SweepRecord(path)
        if "suite.name" in sweep.header.params:
            from descent.comparisons.benchmark_views import draw_benchmark
            from descent.report.benchmark import write_benchmark_page

            is_new = draw_benchmark(sweep)
            write_benchmark_page(sweep)
            _print_done(path, is_new=is_new)
        elif sweep.basins() is None:
            from descent.comparisons.comparison import compare_sweep

            _print_done(path, is_new=compare_sweep(sweep).is_new)
        else:
            draw_basins(sweep)
            _print_done(path)
    for path in repeats:
        from descent.comparisons.seed_ends import draw_seeds

        draw_seeds(SeedsRecord(path))
        _print_done(path)
    for check in checks:
        gradients.draw_gradients(check)
        _print_done(check)


def _print_done(folder: Path, *, is_new: bool = True) -> None:
    print(f"{folder}: {'drawn' if is_new else 'up to date'}")
