"""The pictures that compare runs: final metrics, curves over the steps, and paths."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from descent.comparisons.grouping import GroupedRuns, SeedGroup, group_label
from descent.comparisons.statistics import CONFIDENCE, interquartile_mean, interval, interval_kind
from descent.records.criterion import STEPS_TO_TARGET, TRAIN_LOSS, Criterion
from descent.records.run import EVALUATIONS, STEPS, RunRecord
from descent.render.bands import Band, bands_picture
from descent.render.curve import LossCurve
from descent.render.paths import Background, LabelledPath, paths_picture
from descent.render.rates import RateLine, rates_picture
from descent.render.run_views import field_of, loss_curve_of

MAX_GROUP_COLOURS = 12
"""Up to this many groups have a colour each in the picture of the paths; if there are more, each kind has one."""


def comparison_pictures(title: str, grouped: GroupedRuns, objective: Criterion) -> dict[str, Figure]:
    """The pictures that the runs have data for, by name: of the loss in training, and of the objective.

    Of runs that have no examples held out for the objective, it is drawn on the test examples.
    """
    runs = grouped.runs
    measured = [objective] if any(objective.metric in run.metrics for run in runs) else [objective.on("test")]
    criteria = dict.fromkeys([Criterion(TRAIN_LOSS, "minimize"), *measured])
    drawn = [criterion for criterion in criteria if any(criterion.metric in run.metrics for run in runs)]
    pictures = {"ends": _ends(title, grouped, drawn)}
    records = [run.record for run in runs if run.record is not None]
    if not records:
        return pictures
    for criterion in drawn:
        if criterion.metric != STEPS_TO_TARGET:
            pictures[f"curves_{criterion.metric.replace('/', '_')}"] = _curves(title, grouped, criterion)
    on_surface = [record for record in records if "x" in record.table(STEPS).columns()]
    if on_surface and str(on_surface[0].landscape()["kind"]) in ("curve", "field"):
        pictures["paths"] = _paths(title, grouped, on_surface[0])
    return pictures


def save_pictures(pictures: dict[str, Figure], folder: Path) -> None:
    """Save each picture as NAME.png."""
    for name, figure in pictures.items():
        figure.savefig(folder / f"{name}.png")


def _ends(title: str, grouped: GroupedRuns, criteria: Sequence[Criterion]) -> Figure:
    panels = {
        f"{criterion.metric} at the end": [_line(kind, groups, criterion) for kind, groups in grouped.by_kind().items()]
        for criterion in criteria
    }
    return rates_picture(f"{title}\n{seeds_line(grouped, 'bars')}", grouped.x_param or "", panels)


def seeds_line(grouped: GroupedRuns, shapes: str) -> str:
    """How many seeds the groups have, and how their intervals, which some shapes show, are computed."""
    counts = sorted({len(group.runs) for group in grouped.groups})
    if counts == [1]:
        return "one seed each"
    seeds = f"{counts[0]} seeds each" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"
    diverged = any(run.diverged for run in grouped.runs)
    kinds = dict.fromkeys(interval_kind(np.zeros(count)) for count in counts if count > 1)
    ranges = ", or the range where some diverged" if diverged and "Student's" in kinds else ""
    return f"{seeds}; {shapes} are {' or '.join(kinds)} {CONFIDENCE:.0%} intervals{ranges}"


def _line(kind: str, groups: Sequence[SeedGroup], criterion: Criterion) -> RateLine:
    finals = [np.array([run.final(criterion) for run in group.runs]) for group in groups]
    low, high = zip(*(interval(values) for values in finals), strict=True)
    return RateLine(
        label=kind,
        x=np.array([group.x or 0.0 for group in groups]),
        y=np.array([criterion.sign * interquartile_mean(criterion.sign * values) for values in finals]),
        low=np.array(low),
        high=np.array(high),
        missing=[sum(run.diverged for run in group.runs) for group in groups],
        total=[len(group.runs) for group in groups],
    )


def _curves(title: str, grouped: GroupedRuns, criterion: Criterion) -> Figure:
    panels: dict[str, list[Band]] = {}
    for group in grouped.groups:
        band = _band(grouped, group, criterion)
        if band is not None:
            panels.setdefault(group.kind, []).append(band)
    return bands_picture(f"{title}\n{seeds_line(grouped, 'bands')}", criterion.metric, panels)


def _band(grouped: GroupedRuns, group: SeedGroup, criterion: Criterion) -> Band | None:
    """The group's interquartile mean at every step at which one of its runs was evaluated; None if none was."""
    evaluations = [run.evaluations(criterion.metric) for run in group.runs]
    steps = sorted({step for values_by_step in evaluations for step in values_by_step})
    if not steps:
        return None
    values = np.array(
        [
            [values_by_step.get(step, run.final(criterion)) for step in steps]
            for run, values_by_step in zip(group.runs, evaluations, strict=True)
        ]
    )
    low, high = interval(values)
    middle = criterion.sign * interquartile_mean(criterion.sign * values)
    return Band(_x_label(grouped, group), np.array(steps, float), middle, low, high)


def _x_label(grouped: GroupedRuns, group: SeedGroup) -> str:
    if grouped.x_param is None or group.x is None:
        return group.kind or "all"
    return f"{grouped.x_param.rpartition('.')[2]}={group.x:g}"


def _paths(title: str, grouped: GroupedRuns, first: RunRecord) -> Figure:
    background = _background(first)
    has_group_colours = len(grouped.groups) <= MAX_GROUP_COLOURS
    paths = []
    for group in grouped.groups:
        label = group_label(grouped, group) if has_group_colours else group.kind or "all"
        records = [(run.record, run.diverged) for run in group.runs if run.record is not None]
        paths += [_labelled_path(label, record, background, diverged=diverged) for record, diverged in records]
    return paths_picture(title, background, paths)


def _labelled_path(label: str, record: RunRecord, background: Background, *, diverged: bool) -> LabelledPath:
    path = record.path()
    losses = _losses(record)
    if isinstance(background, LossCurve):
        path = np.column_stack([path[:, 0], losses])
    return LabelledPath(label, path, losses, diverged)


def _losses(record: RunRecord) -> np.ndarray:
    """The loss at each position, (steps + 1,): the loss of the next step, and the last evaluation at the end."""
    losses = record.table(STEPS).values("loss/step")
    return np.append(losses, record.table(EVALUATIONS).values("loss/train")[-1])


def _background(record: RunRecord) -> Background:
    """The loss over the parameters of a small problem, in the view of the run's own picture."""
    landscape = record.landscape()
    return loss_curve_of(landscape) if landscape["kind"] == "curve" else field_of(landscape)
