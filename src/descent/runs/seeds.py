"""Repeats an experiment from many seeds, each of which leaves a row."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tqdm import tqdm

from descent.comparisons.seed_ends import draw_seeds
from descent.core.build import assemble, data_of, problem_of, sampler_of, shared_settings
from descent.core.config import TrainConfig
from descent.core.training.batching import batches
from descent.core.training.callbacks import Evaluator, ProgressBar
from descent.core.training.evaluation import result_of
from descent.core.training.loop import fit
from descent.core.training.training_run import RunComponents, TrainingRun
from descent.errors import UserError
from descent.project import project_root
from descent.records.code import code_of
from descent.records.lineage import effective_params, hashed_examples, hashed_inputs, source_hash
from descent.records.seeds import Origin, SeedsRecord
from descent.runs.dry_run import dry_run
from descent.runs.identity import params_of

Row = dict[str, Any]


@dataclass(frozen=True)
class Repeated:
    """An experiment that was repeated.

    Args:
        record: of its runs.
        trained: how many of them were trained now; the others were there.
    """

    record: SeedsRecord
    trained: int


def repeat(config: TrainConfig, seeds: Sequence[int]) -> Repeated:
    """Train an experiment from every seed that is not there yet, as one batch if that is possible, and draw the ends.

    Returns:
        What is then in the folder seeds/NAME (`descent.records.seeds`): a run from every one of the seeds.

    Raises:
        UserError: if the configuration can't be trained, or the folder holds other runs, which it does not replace.
    """
    record = SeedsRecord(project_root() / "seeds" / config.name)
    config.refuse_early_ends("descent seeds")
    components = assemble(config)
    origin = _origin(config, components)
    before = _seeds_before(record, origin, seeds, replace=config.replace)
    missing = [seed for seed in seeds if seed not in before]
    if missing or before - {*seeds}:
        tables = _train(config, components, missing) if missing else ([], [])
        if before:
            tables = [*record.runs(), *tables[0]], [*record.evaluations(), *tables[1]]
        runs, evaluations = ([row for row in table if int(row["seed"]) in seeds] for table in tables)
        record.write(origin, config.to_yaml(), runs, evaluations)
    draw_seeds(record)
    return Repeated(record, len(missing))


def _origin(config: TrainConfig, components: RunComponents) -> Origin:
    """What the runs from all seeds have in common."""
    data = components.data
    inputs = [*hashed_inputs(data.files, project_root()), *hashed_examples(data.digest)]
    params = effective_params(params_of(config, components.accelerator))
    return Origin(params, [source.digest for source in inputs], source_hash(), code_of(config.to_dict()))


def _seeds_before(record: SeedsRecord, origin: Origin, seeds: Sequence[int], *, replace: bool) -> set[int]:
    """The seeds of the runs that are there and need no training."""
    there, where = record.origin(), os.path.relpath(record.folder)
    if there == origin:
        before = record.seeds()
        if before - {*seeds} and not replace:
            raise UserError(
                f"{where} holds {len(before):,} seeds, and --count asks for {len(seeds):,}; "
                "ask for as many or more, or add replace=true to keep no others"
            )
        return before
    if record.exists() and not replace:
        what = (
            "runs of which it does not say what they are" if there is None else f"other runs: {there.differs(origin)}"
        )
        raise UserError(f"{where} holds {what}; remove it, or add replace=true to train in their place")
    return set()


def _train(config: TrainConfig, components: RunComponents, seeds: Sequence[int]) -> tuple[list[Row], list[Row]]:
    """Train from every seed; how each run ended, and its evaluations."""
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
    return [{**last[run], "result": _result(run, config)} for run in runs], evaluations


def _from_seed(components: RunComponents, config: TrainConfig) -> RunComponents:
    """The components with the problem, the data and the sampler that a configuration's seed draws."""
    data = data_of(config)
    sampler = sampler_of(config, data, components.sampler.order)
    return replace(components, problem=problem_of(config), data=data, sampler=sampler, seed=config.seed)


def _result(run: TrainingRun, config: TrainConfig) -> str:
    train_examples = run.components.data.train
    return result_of(run.problem, train_examples, config.tolerance, diverged=run.state.diverged)
