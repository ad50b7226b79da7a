"""The identity of a sweep: the same command, configuration and source are the same sweep again."""

import hashlib
import json
import os

from hydra.core.override_parser.types import ChoiceSweep, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from descent.errors import UserError
from descent.records.code import code_of
from descent.records.folder import now
from descent.records.label import RATE, run_label
from descent.records.lineage import NO_EFFECT, RANKING, canonical, flattened, source_hash, source_tags
from descent.records.run import OVERRIDES
from descent.records.sweep import SEVERAL, SWEPT, SweepHeader, SweepRecord
from descent.runs.composition import without_hydra
from descent.runs.overrides import parsed, quoted

NO_EFFECT_ON_SWEEP = tuple(name for name in NO_EFFECT if name not in RANKING)
"""Keys of the common configuration that change neither a run nor how runs are ranked."""
SWEEP_ID, SWEPT_NAMES = "DESCENT_SWEEP", "DESCENT_SWEPT"
"""The environment variables that identify the sweep to jobs on machines that can't see its folder."""


def header_of(config: DictConfig) -> SweepHeader:
    """The header of a multirun's sweep, by the configuration that its jobs have in common, with Hydra's section."""
    swept = swept_params(config)
    container = OmegaConf.to_container(without_hydra(config))
    assert isinstance(container, dict)
    common = {str(name): value for name, value in container.items()}
    params = {
        name: value
        for name, value in flattened(common).items()
        if name not in swept and not name.startswith(NO_EFFECT_ON_SWEEP)
    }
    identity = {
        "params": params | {f"{SWEPT}{name}": _values(name, text) for name, text in swept.items()},
        "sweeper": config.hydra.sweeper._target_,
        "source": source_hash(),
        "code": code_of(common),
    }
    overrides = _overrides(config)
    has_problem = not OmegaConf.is_missing(config, "problem_name")
    subject = str(config.name) if has_problem else "several"
    return SweepHeader(
        id=hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest(),
        name=f"{subject}: {' × '.join(name.rpartition('.')[2] for name in swept) or 'nothing swept'}",
        problem=str(config.problem_name) if has_problem else SEVERAL,
        created=now(),
        params=params | {f"{SWEPT}{name}": text for name, text in swept.items()},
        tags={**source_tags(["-m", *overrides]), OVERRIDES: " ".join(overrides)},
    )


def swept_params(config: DictConfig) -> dict[str, str]:
    """The swept parameters of a multirun, each with its values as they were given.

    Raises:
        UserError: if a map is swept over.
    """
    params = OmegaConf.to_container(OmegaConf.create(config.hydra.sweeper.get("params") or {}))
    assert isinstance(params, dict)
    swept = {str(name): str(values) for name, values in params.items()}
    if "basin" in config:
        swept |= {"problem.start": str(config.basin.starts), "optimizer.lr": str(config.basin.rates)}
    for override in parsed(_overrides(config)):
        if override.is_sweep_override():
            if "basin" in config:
                raise UserError(f"{override.input_line}: sweep=basin draws one map; choose one value")
            swept[override.get_key_element().lstrip("+")] = (override.input_line or "").partition("=")[2]
    if "rates" in config.hydra.sweeper and RATE not in (
        *swept,
        *(word.partition("=")[0] for word in _overrides(config)),
    ):
        swept[RATE] = f"{config.hydra.sweeper.rates} rates of each optimizer"
    return swept


def _values(name: str, text: str) -> list[str] | str:
    """The values of a swept parameter, however they are written; the text itself where it does not list them."""
    try:
        (override,) = parsed([f"{name}={text}"])
    except HydraException:  # "5 rates of each optimizer"
        return text
    values = override.value()
    if isinstance(values, ChoiceSweep | RangeSweep) and not values.shuffle:
        return [canonical(value) for value in override.sweep_string_iterator()]
    return canonical(text)


def identity_overrides(sweep: SweepRecord) -> list[str]:
    """The overrides that identify the sweep to its jobs, in any process and on any machine."""
    folder = str(sweep.folder)
    if "${" in folder:  # which is an interpolation in every configuration that the folder comes into
        folder = os.path.relpath(folder)
    return [
        f"hydra.sweep.dir={quoted(folder)}",
        f"+hydra.job.env_set.{SWEEP_ID}={sweep.header.id}",
        f"+hydra.job.env_set.{SWEPT_NAMES}={quoted(' '.join(sweep.swept))}",
    ]


def _overrides(config: DictConfig) -> list[str]:
    """The overrides of the command line with their interpolations, which each job resolves for itself."""
    overrides = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    assert isinstance(overrides, list)
    return [str(override) for override in overrides]


def job_name(overrides: list[str], swept: list[str]) -> str:
    """The name of a job in its sweep: its values of the swept parameters."""
    values = {
        override.get_key_element().lstrip("+"): override.get_value_element_as_str() for override in parsed(overrides)
    }
    return run_label({name: str(value) for name, value in values.items() if name in swept})
