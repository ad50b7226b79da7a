"""An experiment repeated from many seeds: how its runs end, one row for each."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from descent.assembly import assemble, data_of, minibatches_of, problem_of
from descent.data.examples import Data
from descent.errors import UserError
from descent.optim.gradients import Autograd
from descent.problems.problem import Problem
from descent.project import project_root
from descent.training.evaluation import evaluate, result_of
from descent.training.together import Member, Together

RUNS, EVALUATIONS = "runs.csv", "evaluations.csv"
Row = dict[str, Any]


@dataclass(frozen=True)
class Repeated:
    """One of the runs."""

    seed: int
    problem: Problem
    data: Data


def repeat(config: DictConfig, seeds: Sequence[int]) -> Path:
    """Train an experiment from every seed, all together, and write what became of each run.

    Returns:
        The folder, repeats/NAME, with runs.csv (a row a seed: its result, the steps it took, its last evaluation),
        evaluations.csv (a row for every evaluation of every run) and config.yaml.

    Raises:
        UserError: for a configuration that can't be trained, or a folder that is there already.
    """
    folder: Path = project_root() / "repeats" / config.name
    if folder.exists():
        raise UserError(f"{folder} is there already; remove it to repeat {config.name} again")
    parts = assemble(config)
    if not isinstance(parts.gradient, Autograd):
        raise UserError("runs are repeated together, which takes gradient=autograd")
    runs, members = _members(config, seeds)
    together = Together(members, parts.optimizer, parts.schedule, config.bound)

    evaluations: list[Row] = []
    stops = tqdm(together.descend(parts.plan), desc=config.name, total=len(parts.plan.evaluations), unit="evaluation")
    for step in stops:
        for run, metrics in zip(runs, _evaluated(runs), strict=True):
            evaluations.append({"seed": run.seed, "step": step, **metrics})
    ends: list[Row] = []
    for run, last, diverged, steps in zip(
        runs, evaluations[-len(runs) :], together.diverged.tolist(), together.steps_taken.tolist(), strict=True
    ):
        result = result_of(run.problem, run.data.train, config.tolerance, diverged=diverged)
        ends.append({**last, "step": steps, "result": result})
    folder.mkdir(parents=True)
    _write(folder / RUNS, ends)
    _write(folder / EVALUATIONS, evaluations)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True), encoding="utf-8")
    return folder


def _members(config: DictConfig, seeds: Sequence[int]) -> tuple[list[Repeated], list[Member]]:
    """The runs, those with the same data sharing it in memory."""
    read: dict[str, Data] = {}
    runs, members = [], []
    own = config.copy()
    for seed in tqdm(seeds, desc="seeds", leave=False):
        own.seed = seed
        source = str(OmegaConf.to_container(own.data, resolve=True))
        data = read[source] if source in read else read.setdefault(source, data_of(own))
        run = Repeated(seed, problem_of(own), data)
        runs.append(run)
        members.append(Member(run.problem, data.train, minibatches_of(own, data)))
    return runs, members


def _evaluated(runs: Sequence[Repeated]) -> list[dict[str, float]]:
    if all(run.data is runs[0].data for run in runs):
        return evaluate([run.problem for run in runs], runs[0].data)
    return [evaluate([run.problem], run.data)[0] for run in runs]


def _write(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
