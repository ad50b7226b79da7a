"""The cards of the report, from run records."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from descent.errors import UserError
from descent.records.run import RunRecord, Termination
from descent.report.page import Card

PICTURE, ANIMATION = "descent.png", "descent.gif"
GROUNDS = {
    "curve": "on the curve of the loss",
    "field": "over contours of the loss and arrows of its negative gradient",
    "plane": "over contours of the loss, in the plane that the path spans",
}
"""What the path is seen on, by the function of `descent.runs.pictures` that draws it."""


def cards(folders: Sequence[Path], run_ids: Mapping[str, str]) -> list[Card]:
    """A card for each run record, in the order given.

    Args:
        folders: of run records.
        run_ids: from a record's id to that of its MLflow run, where it has one.

    Raises:
        UserError: for a folder that holds no finished run.
    """
    return [_card(folder, run_ids) for folder in folders]


def _card(folder: Path, run_ids: Mapping[str, str]) -> Card:
    if not (folder / "result.json").exists():
        raise UserError(f"{folder} holds no finished run; `dvc repro` trains what is missing")
    record = RunRecord(folder)
    header, ending = record.header, record.ending()
    assert ending is not None
    config = OmegaConf.load(folder / "config.yaml")
    assert isinstance(config, DictConfig)
    return Card(
        name=header.name,
        about=config.get("description", ""),
        article=config.get("article"),
        result=ending.result,
        steps=ending.step,
        metrics=record.metrics(),
        picture=folder / PICTURE,
        animation=folder / ANIMATION,
        shows=_shows(record, ending),
        config=(folder / "config.yaml").read_text(encoding="utf-8"),
        run_id=run_ids.get(header.id),
        command=_command(header.tags["hydra.overrides"]),
    )


def _shows(record: RunRecord, ending: Termination) -> str:
    drawn = record.header.params.get("picture._target_", "").rpartition(".")[2]
    metrics = record.metrics()
    position = ", ".join(f"{axis} = {metrics[axis]:.4g}" for axis in ("x", "y") if axis in metrics)
    at = f" at {position}" if position else ""
    ground = GROUNDS.get(drawn, "over its loss")
    return f"The path of {record.header.name} {ground}: {ending.result} after {ending.step:,} steps{at}."


def _command(overrides: str) -> str:
    """The command line of a run, less the folder that holds it now."""
    return " ".join(["descent train", *(word for word in overrides.split() if not word.startswith("run_dir="))])
