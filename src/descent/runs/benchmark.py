"""Runs a suite: a sweep for each problem, whose runs are rows of a table, and the best runs tracked."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import yaml
from hydra.types import RunMode

from descent.comparisons.benchmark_views import draw_benchmark, read_benchmark
from descent.comparisons.benchmarks import SolvedProblem, solved_problem
from descent.comparisons.comparison import compare_sweep
from descent.comparisons.grouping import runs_of_outcomes
from descent.core.config import TrainConfig
from descent.errors import UserError, suggestion
from descent.project import project_root
from descent.records.folder import RECORD, now
from descent.records.label import RATE, run_label
from descent.records.lineage import flattened, source_hash, without
from descent.records.listener import RecordListener
from descent.records.locks import folder_lock
from descent.records.run import SWEEP_OF, RunRecord
from descent.records.sweep import SWEEP, JobState, SweepHeader, SweepRecord, SweepState
from descent.runs.composition import CommandLine, typed, without_hydra
from descent.runs.identity import RunRequest, finished_run
from descent.runs.outcomes import train_outcomes
from descent.runs.suite import BenchmarkConfig, Suite, rates_between
from descent.runs.sweep import remove_another
from descent.runs.train import train

SUITES = "suites"
"""The folder of benchmarks, and the MLflow experiment of their runs."""


def run_benchmark(config: BenchmarkConfig, listener: RecordListener) -> SweepRecord:
    """Run a suite, or what is left of it.

    Args:
        config: of the suite.
        listener: is called with the folders of sweeps and runs when their records change.

    Returns:
        The record of the benchmark, which has those of its sweeps below it.

    Raises:
        UserError: if another process runs it, or a problem can't be trained.
    """
    suite = config.suite
    benchmark = _opened(config)
    with folder_lock(benchmark.folder, f"another process is running this benchmark ({benchmark.folder})", wait=False):
        benchmark.write_state(SweepState("RUNNING"))
        listener.on_complete(benchmark.folder)
        try:
            for name in suite.problems:
                solved = _solve(name, config, benchmark, listener)
                print(f"{name}: {_summary(solved)}", flush=True)
        except UserError as error:
            benchmark.write_state(SweepState("FAILED"))
            listener.on_complete(benchmark.folder)
            raise UserError(f"{name}: {error}") from error
        except BaseException:
            benchmark.write_state(SweepState("KILLED"))
            listener.on_complete(benchmark.folder)
            raise
        draw_benchmark(benchmark)
        conclusions = read_benchmark(benchmark).conclusions
        benchmark.write_state(SweepState("FINISHED", conclusions=conclusions))
        listener.on_complete(benchmark.folder)
    return benchmark


def _opened(config: BenchmarkConfig) -> SweepRecord:
    """The record of a benchmark, new if there is none.

    Raises:
        UserError: if the folder holds another one, and `replace` is not set.
    """
    suite = config.suite
    _check_baseline(suite)
    params = flattened(suite.to_dict(), "suite.")
    params |= {"suite.problems": " ".join(suite.problems), "suite.optimizers": " ".join(suite.optimizers)}
    identity = {"suite": without(flattened(suite.to_dict()), ["description"]), "source": source_hash()}
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    folder = project_root() / (config.folder or f"{SUITES}/{suite.name}-{key[:8]}")
    if config.replace:
        remove_another(folder, key)
    if (folder / RECORD / SWEEP).exists():
        benchmark = SweepRecord(folder)
        if benchmark.header.id != key:
            raise UserError(f"{folder} holds another benchmark; remove it or choose another folder=FOLDER")
        return benchmark
    header = SweepHeader(key, f"benchmark {suite.name}", SUITES, now(), params, {})
    return SweepRecord.create(folder, header, "")


def _check_baseline(suite: Suite) -> None:
    """Refuse a baseline that is none of the suite's optimizers, or whose rate is not tried."""
    if suite.baseline is None:
        return
    name, rate = suite.baseline.optimizer, suite.baseline.lr
    if name not in suite.optimizers:
        raise UserError(f"suite.baseline.optimizer={name}: {suggestion(name, suite.optimizers)}")
    ends = suite.optimizers[name].rates
    if ends is None:
        raise UserError(f"suite.optimizers.{name}.rates is missing: the baseline's rate has to be one of those tried")
    rates = rates_between(ends[0], ends[1], suite.rates)
    if rate not in rates:
        raise UserError(f"suite.baseline.lr={rate:g}: choose one that is tried: {', '.join(f'{r:g}' for r in rates)}")


def _solve(name: str, config: BenchmarkConfig, benchmark: SweepRecord, listener: RecordListener) -> SolvedProblem:
    """Train a problem of a suite, unless it is trained already, and then the best run of each optimizer."""
    suite = config.suite
    compositions = {optimizer: _composition(name, optimizer, config) for optimizer in suite.optimizers}
    sweep = _opened_sweep(name, benchmark, next(iter(compositions.values())).config)
    outcomes = sweep.outcomes()
    if outcomes is None:
        rates = {
            optimizer: _rates(suite, optimizer, composition.config) for optimizer, composition in compositions.items()
        }
        configs = {optimizer: composition.config for optimizer, composition in compositions.items()}
        outcomes = train_outcomes(configs, rates, range(suite.seeds))
        sweep.write_outcomes(outcomes)
    solved = solved_problem(name, runs_of_outcomes(outcomes, sweep.header.problem))
    with folder_lock(sweep.folder, f"another process is running this sweep ({sweep.folder})", wait=False):
        sweep.write_state(SweepState("RUNNING"))
        listener.on_complete(sweep.folder)
        for optimizer, composition in compositions.items():
            _track_best(solved, optimizer, composition, sweep, listener)
        sweep.write_state(compare_sweep(sweep).state("FINISHED"))
    listener.on_complete(sweep.folder)
    return solved


@dataclass(frozen=True)
class Composition:
    """A configuration with the overrides and the choices that compose it."""

    config: TrainConfig
    overrides: Sequence[str]
    choices: Mapping[str, str]


def _composition(name: str, optimizer: str, config: BenchmarkConfig, *more: str) -> Composition:
    """A problem of a suite by one of its optimizers."""
    suite, problem = config.suite, config.suite.problems[name]
    chosen = suite.optimizers[optimizer]
    if problem.target.value is None:
        raise UserError(f"suite.problems.{name}.target.value is missing: choose what a run has to reach")
    target = {"target.value": problem.target.value, "target.metric": problem.target.metric or "null"}
    overrides = [
        *suite.overrides,
        *problem.overrides,
        f"optimizer={optimizer}",
        *chosen.overrides,
        *(f"{key}={value}" for key, value in target.items()),
        f"tracking.uri={config.tracking.uri or 'null'}",
        *more,
    ]
    line = CommandLine("train", TrainConfig, overrides)
    with line.hydra() as hydra:
        composed = hydra.compose_config("train", overrides, RunMode.RUN)
    choices = {key: str(choice) for key, choice in composed.hydra.runtime.choices.items() if "hydra/" not in key}
    return Composition(typed(TrainConfig, without_hydra(composed)), overrides, choices)


def _rates(suite: Suite, optimizer: str, config: TrainConfig) -> list[float]:
    """The learning rates at which a suite tries an optimizer."""
    ends = suite.optimizers[optimizer].rates or config.optimizer.rates
    if ends is None:
        raise UserError(f"suite.optimizers.{optimizer}.rates is missing: choose the lowest and the highest")
    low, high = ends
    return rates_between(low, high, suite.rates)


def _opened_sweep(name: str, benchmark: SweepRecord, config: TrainConfig) -> SweepRecord:
    """The record of the sweep of a problem, new if there is none."""
    folder = benchmark.folder / name
    if (folder / RECORD / SWEEP).exists():
        return SweepRecord(folder)
    header = SweepHeader(
        id=hashlib.sha256(f"{benchmark.header.id} {name}".encode()).hexdigest(),
        name=f"{name}: optimizer × lr",
        problem=config.problem_name,
        created=now(),
        params={"sweep.optimizer": "", "sweep.optimizer.lr": "", "sweep.seed": ""},
        tags={SWEEP_OF: benchmark.header.id},
    )
    compared_by = {
        "objective": config.objective.to_dict(), "target": config.target.to_dict(), "stop_at_target": True,
    }  # fmt: skip
    return SweepRecord.create(folder, header, yaml.safe_dump(compared_by))


def _track_best(
    solved: SolvedProblem, optimizer: str, composition: Composition, sweep: SweepRecord, listener: RecordListener
) -> None:
    """Train the run of an optimizer at its best rate, from the seed of which half of the others do better."""
    rate, steps = solved.best[optimizer], solved.steps[optimizer]
    seed = int(np.argsort(steps, kind="stable")[(len(steps) - 1) // 2])
    folder = (sweep.folder / optimizer).relative_to(project_root())
    values = {RATE: f"{rate:.4g}", "seed": str(seed), "run_dir": folder}
    config = composition.config
    for key, value in {RATE: rate, "seed": seed, "run_dir": str(folder)}.items():
        config = config.replaced(key, value)
    name = run_label({"optimizer": optimizer, RATE: f"{rate:.4g}"})
    overrides = [*composition.overrides, *(f"{key}={value}" for key, value in values.items())]
    result = finished_run(config) or train(
        config, RunRequest(overrides, composition.choices, name, sweep.header.id), listener
    )
    where = str(result.folder.relative_to(project_root()))
    sweep.write_job(JobState(overrides, name, "trained", where, RunRecord(result.folder).header.id))


def _summary(solved: SolvedProblem) -> str:
    """How the optimizers do on a problem, in a line: the soonest first."""
    parts = []
    for optimizer, steps in solved.steps.items():
        arrived = steps[np.isfinite(steps)]
        median = float(np.median(arrived)) if len(arrived) else math.inf
        text = f"{optimizer} lr={solved.best[optimizer]:g} {len(arrived)} of {len(steps)}"
        parts.append((-len(arrived), median, text + (f" in {median:,.0f} steps" if len(arrived) else "")))
    return "; ".join(text for *_, text in sorted(parts))
