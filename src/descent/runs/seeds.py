"""Repeats an experiment from many seeds, and writes a row for each run."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from descent.core.build import assemble, data_of, problem_of, sampler_of, shared_settings
from descent.core.config import TrainConfig
from descent.core.training.batching import batches
from descent.core.training.callbacks import Evaluator, ProgressBar
from descent.core.training.evaluation import result_of
from descent.core.training.loop import fit
from descent.core.training.training_run import RunComponents, TrainingRun
from descent.errors import UserError
from descent.project import project_root
from descent.runs.dry_run import dry_run

RUNS, EVALUATIONS = "runs.csv", "evaluations.csv"
Row = dict[str, Any]


def repeat(config: TrainConfig, seeds: Sequence[int]) -> Path:
    """Train an experiment from every seed, as one batch if that is possible, and write how each run ended.

    Returns:
        The folder, seeds/NAME, with runs.csv (a row a seed: its result, the steps it took, its last evaluation),
        evaluations.csv (a row for every evaluation of every run) and config.yaml.

    Raises:
        UserError: if the configuration can't be trained, or the folder exists already.
    """
    folder: Path = project_root() / "seeds" / config.name
    if folder.exists():
        raise UserError(f"{folder} is there already; remove it to repeat {config.name} again")
    config.refuse_early_ends("descent seeds")
    components = assemble(config)
    dry_run(config, components)
    settings, rate = shared_settings(config, components)
    plan = replace(components.plan, snapshots=components.plan.evaluations)  # none but where a run is evaluated anyway
    components = replace(components, plan=plan)
    runs = {
        TrainingRun(_from_seed(components, of_seed), settings=settings, rate=rate): of_seed.seed
        for of_seed in config.with_each("seed", tqdm(seeds, desc="seeds", leave=False))
    }
    evaluations: list[Row] = []
    last: dict[TrainingRun, Row] = {}

    def report(run: TrainingRun, metrics: dict[str, float]) -> None:
        last[run] = {"seed": runs[run], "step": run.state.steps_taken, **metrics}
        evaluations.append(last[run])

    for batch in batches(list(runs), tqdm.write):
        fit(batch, [Evaluator(plan, report), ProgressBar(plan, config.name)], config.trainer.chunk_size)
    ends = [{**last[run], "result": _result(run, config)} for run in runs]
    folder.mkdir(parents=True)
    _write(folder / RUNS, ends)
    _write(folder / EVALUATIONS, sorted(evaluations, key=lambda row: (row["step"], row["seed"])))
    (folder / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    return folder


def _from_seed(components: RunComponents, config: TrainConfig) -> RunComponents:
    """The components with the problem, the data and the sampler that a configuration's seed draws."""
    data = data_of(config)
    sampler = sampler_of(config, data, components.sampler.order)
    return replace(components, problem=problem_of(config), data=data, sampler=sampler, seed=config.seed)


def _result(run: TrainingRun, config: TrainConfig) -> str:
    train_examples = run.components.data.train
    return result_of(run.problem, train_examples, config.tolerance, diverged=run.state.diverged)


def _write(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
