"""Makes the cards of the report from run records."""

import shlex
from collections.abc import Mapping, Sequence

import yaml

from descent.errors import UserError
from descent.records.header import Termination
from descent.records.run import CONFIG, OVERRIDES, RunRecord
from descent.render.run_views import PLAYER, SMALL
from descent.report.page import Card

BACKGROUNDS = {
    "curve": "on the curve of the loss",
    "field": "over contours of the loss and arrows of its negative gradient",
    "plane": "over contours of the loss, in the plane that the path spans",
}
"""The background of the path in a picture, by the kind of the landscape."""


def cards(runs: Sequence[RunRecord], run_ids: Mapping[str, str]) -> list[Card]:
    """A card for each run, in their order.

    Args:
        runs: records of runs that have ended.
        run_ids: MLflow run ids by record id; runs that are not in MLflow are left out.

    Raises:
        UserError: if a run has no views.
    """
    return [_card(run, run_ids) for run in runs]


def _card(record: RunRecord, run_ids: Mapping[str, str]) -> Card:
    if not ((record.views / PLAYER).exists() and (record.views / SMALL).exists()):
        raise UserError(f"{record.folder} has no views; `descent draw {record.folder}` draws them")
    header, ending = record.header, record.ending()
    assert ending is not None
    config = yaml.safe_load((record.files / CONFIG).read_text(encoding="utf-8"))
    return Card(
        name=header.name,
        description=config.get("description", ""),
        article=config.get("article"),
        result=ending.result,
        steps=ending.step,
        metrics=record.metrics(),
        picture=record.views / SMALL,
        player=(record.views / PLAYER).read_text(encoding="utf-8"),
        alt=_alt(record, ending),
        config=(record.files / CONFIG).read_text(encoding="utf-8"),
        run_id=run_ids.get(header.id),
        command=_command(header.tags[OVERRIDES]),
    )


def _alt(record: RunRecord, ending: Termination) -> str:
    """The alternative text of a run's picture."""
    metrics = record.metrics()
    position = ", ".join(f"{axis} = {metrics[axis]:.4g}" for axis in ("x", "y") if axis in metrics)
    at = f" at {position}" if position else ""
    background = BACKGROUNDS.get(str(record.landscape()["kind"]), "over its loss")
    return f"The path of {record.header.name} {background}: {ending.result} after {ending.step:,} steps{at}."


def _command(overrides: str) -> str:
    """The command that repeats a run, without its folder, as a shell takes it that runs nothing else."""
    words = (word for word in overrides.split() if not word.startswith("run_dir="))
    return shlex.join(["descent", "train", *words])
