"""The trained problem of a finished run, rebuilt from its record."""

import os
import warnings
from collections.abc import Iterator

from descent.api.session import session
from descent.core.build import optimizer_factory, problem_of
from descent.core.components import check_arguments
from descent.core.config import TrainConfig
from descent.core.optim.stepping import has_modes, load_state, set_mode
from descent.core.own_modules import forget_outdated
from descent.core.problems.problem import Problem
from descent.core.training.checkpoint import Checkpoint
from descent.errors import user_errors
from descent.records.code import code_of, own_modules
from descent.records.lineage import run_key
from descent.records.run import CHECKPOINT, CONFIG, RunRecord
from descent.runs.identity import params_of


def trained_problem(record: RunRecord) -> Problem:
    """The problem of a finished run in `eval()` mode, where its last evaluation stood.

    Raises:
        UserError: if it can't be built, or has other weights than the record's.
    """
    config = TrainConfig.read(record.files / CONFIG)
    where = os.path.relpath(record.folder)
    with session():
        differences = "; ".join(_differences(record, config))
        if differences:
            warnings.warn(f"{where} was trained with other code than is here: {differences}", stacklevel=3)
        forget_outdated(own_modules(config.to_dict()))
        content = record.content(CHECKPOINT)
        with user_errors(f"{where}: its checkpoint can't be read"):
            checkpoint = Checkpoint.from_bytes(content)
        check_arguments(config)
        problem = problem_of(config)
        with user_errors(f"{where}: the problem here is not the one that was trained"):
            problem.load_state_dict(checkpoint.state_dict)
        problem.eval()
        optimizer = optimizer_factory(config)(problem.named_parameters())
        if has_modes(optimizer):
            load_state(optimizer, checkpoint.optimizer)
            set_mode(optimizer, "eval")
    return problem


def _differences(record: RunRecord, config: TrainConfig) -> Iterator[str]:
    """What of the code that a record was made by is different here."""
    header = record.header
    before, here = header.code, code_of(config.to_dict())
    for name in sorted({*before, *here}):
        old, new = before.get(name), here.get(name)
        if old != new:
            is_module = len(old or new or "") == 64
            yield f"{name} was edited" if is_module else f"{name} {old or 'not there'} is {new or 'not there'} here"
    if run_key(params_of(config, header.params["trainer.accelerator"]), header.inputs, before) != header.key:
        yield "descent.core was edited"
