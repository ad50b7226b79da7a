"""The cards of the report, from run records."""

from collections.abc import Mapping, Sequence

import yaml

from descent.errors import UserError
from descent.records.run import CONFIG, RunRecord, Termination
from descent.render.run_views import PLAYER, STILL
from descent.report.page import Card

GROUNDS = {
    "curve": "on the curve of the loss",
    "field": "over contours of the loss and arrows of its negative gradient",
    "plane": "over contours of the loss, in the plane that the path spans",
}
"""What the path is seen on, by the kind of its landscape."""


def cards(runs: Sequence[RunRecord], run_ids: Mapping[str, str]) -> list[Card]:
    """A card for each run that has ended, in the order given.

    Args:
        runs: their records.
        run_ids: from a record's id to that of its MLflow run, where it has one.

    Raises:
        UserError: for a run that is not drawn.
    """
    return [_card(run, run_ids) for run in runs]


def _card(record: RunRecord, run_ids: Mapping[str, str]) -> Card:
    if not (record.views / PLAYER).exists():
        raise UserError(f"{record.folder} has no views; `descent draw {record.folder}` draws them")
    header, ending = record.header, record.ending()
    assert ending is not None
    config = yaml.safe_load((record.files / CONFIG).read_text(encoding="utf-8"))
    return Card(
        name=header.name,
        about=config.get("description", ""),
        article=config.get("article"),
        result=ending.result,
        steps=ending.step,
        metrics=record.metrics(),
        picture=record.views / STILL,
        player=(record.views / PLAYER).read_text(encoding="utf-8"),
        shows=_shows(record, ending),
        config=(record.files / CONFIG).read_text(encoding="utf-8"),
        run_id=run_ids.get(header.id),
        command=_command(header.tags["hydra.overrides"]),
    )


def _shows(record: RunRecord, ending: Termination) -> str:
    drawn = str(record.landscape()["kind"])
    metrics = record.metrics()
    position = ", ".join(f"{axis} = {metrics[axis]:.4g}" for axis in ("x", "y") if axis in metrics)
    at = f" at {position}" if position else ""
    ground = GROUNDS.get(drawn, "over its loss")
    return f"The path of {record.header.name} {ground}: {ending.result} after {ending.step:,} steps{at}."


def _command(overrides: str) -> str:
    """The command line of a run, less the folder that holds it now."""
    return " ".join(["descent train", *(word for word in overrides.split() if not word.startswith("run_dir="))])
