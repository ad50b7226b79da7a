"""An experiment repeated from many seeds: how its runs end, one row for each."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from descent.core.build import RunComponents, assemble, data_of, problem_of, shared_settings
from descent.core.config import TrainConfig
from descent.core.data.batch_sampler import BatchSampler
from descent.core.data.examples import Data
from descent.core.optim.gradients import Autograd
from descent.core.training.evaluation import evaluate, result_of
from descent.core.training.together import BatchedRun, RunBatch
from descent.errors import UserError
from descent.project import project_root

RUNS, EVALUATIONS = "runs.csv", "evaluations.csv"
Row = dict[str, Any]


@dataclass(frozen=True)
class Repeated:
    """One of the runs."""

    seed: int
    data: Data
    member: BatchedRun


def repeat(config: TrainConfig, seeds: Sequence[int]) -> Path:
    """Train an experiment from every seed, all together, and write what became of each run.

    Returns:
        The folder, seeds/NAME, with runs.csv (a row a seed: its result, the steps it took, its last evaluation),
        evaluations.csv (a row for every evaluation of every run) and config.yaml.

    Raises:
        UserError: for a configuration that can't be trained, or a folder that is there already.
    """
    folder: Path = project_root() / "seeds" / config.name
    if folder.exists():
        raise UserError(f"{folder} is there already; remove it to repeat {config.name} again")
    parts = assemble(config)
    if not isinstance(parts.gradient, Autograd):
        raise UserError("runs are repeated together, which takes gradient=autograd")
    runs = _runs(config, parts, seeds)
    together = RunBatch([run.member for run in runs], config.divergence_threshold)

    evaluations: list[Row] = []

    def evaluated(step: int) -> None:
        for run, metrics in zip(runs, _evaluated(runs), strict=True):
            evaluations.append({"seed": run.seed, "step": step, **metrics})

    evaluated(0)
    with tqdm(desc=config.name, total=parts.plan.steps, unit="step") as bar:
        for _ in together.descend(replace(parts.plan, snapshots=parts.plan.evaluations)):
            bar.update(together.steps_taken - bar.n)
            if together.steps_taken in parts.plan.evaluations or not together.members:
                evaluated(together.steps_taken)
    ends: list[Row] = []
    for run, last in zip(runs, evaluations[-len(runs) :], strict=True):
        standing = run.member.standing
        result = result_of(run.member.problem, run.data.train, config.tolerance, diverged=standing.diverged)
        ends.append({**last, "step": standing.steps_taken, "result": result})
    folder.mkdir(parents=True)
    _write(folder / RUNS, ends)
    _write(folder / EVALUATIONS, evaluations)
    (folder / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    return folder


def _runs(config: TrainConfig, parts: RunComponents, seeds: Sequence[int]) -> list[Repeated]:
    """The runs."""
    settings, rate = shared_settings(config, parts)
    runs = []
    for seed in tqdm(seeds, desc="seeds", leave=False):
        own = config.replaced("seed", seed)
        data = data_of(own)
        minibatches = BatchSampler(len(data.train), config.data.batch_size, parts.minibatches.order, seed)
        member = BatchedRun(problem_of(own), data.train, minibatches, parts.optimizer, parts.schedule, settings, rate)
        runs.append(Repeated(seed, data, member))
    return runs


def _evaluated(runs: Sequence[Repeated]) -> list[dict[str, float]]:
    if all(run.data is runs[0].data for run in runs):
        return evaluate([run.member.problem for run in runs], runs[0].data)
    return [evaluate([run.member.problem], run.data)[0] for run in runs]


def _write(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
