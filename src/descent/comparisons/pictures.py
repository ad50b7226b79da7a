"""The pictures that compare runs: final metrics, curves over the steps, and paths."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from descent.comparisons.grouping import EndedRun, GroupedRuns, SeedGroup
from descent.comparisons.statistics import CONFIDENCE, interquartile_mean, interval, interval_kind
from descent.records.criterion import STEPS_TO_TARGET, TRAIN_LOSS, Criterion
from descent.records.run import EVALUATIONS, STEPS, RunRecord
from descent.render.bands import Band, bands_picture
from descent.render.curve import LossCurve
from descent.render.field import Field
from descent.render.paths import Background, LabelledPath, paths_picture
from descent.render.rates import RateLine, rates_picture
from descent.render.run_views import field_of, loss_curve_of
from descent.render.style import REST, hues, shades

MAX_NAMED = 6
"""The most groups of a kind that have a shade and a name in the picture of its curves: the best."""


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
    kinds = grouped.by_kind()
    colours = hues(kinds)
    panels = {
        f"{criterion.metric} at the end": [
            replace(_line(kind, groups, criterion), colour=colours[kind]) for kind, groups in kinds.items()
        ]
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
    kinds = grouped.by_kind()
    for kind, hue in hues(kinds).items():
        groups, costs = kinds[kind], [criterion.sign * _value(group, criterion) for group in kinds[kind]]
        best = np.argsort(costs, kind="stable")[:MAX_NAMED]
        for place, (group, shade) in enumerate(zip(groups, shades(hue, len(groups)), strict=True)):
            band = _band(grouped, group, criterion)
            if band is not None:
                panels.setdefault(kind, []).append(replace(band, colour=shade if place in best else REST))
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


def _value(group: SeedGroup, criterion: Criterion) -> float:
    """The interquartile mean of a group's final values; infinitely bad where it is not known."""
    finals = criterion.sign * np.array([run.final(criterion) for run in group.runs])
    return float(criterion.sign * np.nan_to_num(interquartile_mean(finals), nan=np.inf, posinf=np.inf))


def _x_label(grouped: GroupedRuns, group: SeedGroup) -> str:
    if grouped.x_param is None or group.x is None:
        return group.kind or "all"
    return f"{grouped.x_param.rpartition('.')[2]}={group.x:.4g}"


def _paths(title: str, grouped: GroupedRuns, first: RunRecord) -> Figure:
    """The paths: a colour for each kind and a shade for each of its groups; of starts alone, by the minimum reached."""
    background = _background(first)
    if len(grouped.groups) == 1 and len(grouped.runs) > 1 and isinstance(background, Field) and background.minima:
        return _paths_from_starts(title, grouped.groups[0], background)
    paths = []
    kinds = grouped.by_kind()
    for kind, hue in hues(kinds).items():
        rates = [f"{group.x:.3g}" for group in kinds[kind] if group.x is not None]
        number = (grouped.x_param or "").rpartition(".")[2]
        of_rates = f", light to dark: {number} {rates[0]} to {rates[-1]}" if len(rates) > 1 else ""
        label = f"{kind or 'all'}{of_rates}"
        for group, shade in zip(kinds[kind], shades(hue, len(kinds[kind])), strict=True):
            paths += _labelled_paths(label, group.runs, background, REST if hue == REST else shade)
    return paths_picture(title, background, paths)


def _paths_from_starts(title: str, group: SeedGroup, background: Field) -> Figure:
    """The paths of runs that differ in their start alone, by the minimum that each has reached, with their counts."""
    reached: dict[str, list[EndedRun]] = {}
    for run in group.runs:
        number = int(run.metrics.get("minimum", 0))
        where = "diverged" if run.diverged else "at no lowest point"
        if 0 < number <= len(background.minima):
            where = "at (" + ", ".join(f"{value:.3g}" for value in background.minima[number - 1]) + ")"
        reached.setdefault(where, []).append(run)
    order = sorted(reached, key=lambda where: (not where.startswith("at ("), -len(reached[where])))
    paths = []
    for where, colour in hues(order).items():
        label = f"{where}: {len(reached[where])} of {len(group.runs)}"
        paths += _labelled_paths(label, reached[where], background, colour if where.startswith("at (") else REST)
    return paths_picture(f"{title}\n{len(group.runs)} runs", background, paths, has_losses=False)


def _labelled_paths(label: str, runs: Sequence[EndedRun], background: Background, colour: str) -> list[LabelledPath]:
    """The paths of runs that have records, in one colour."""
    paths = []
    for run in runs:
        if run.record is not None:
            path, losses = run.record.path(), _losses(run.record)
            if isinstance(background, LossCurve):
                path = np.column_stack([path[:, 0], losses])
            paths.append(LabelledPath(label, path, losses, run.diverged, colour))
    return paths


def _losses(record: RunRecord) -> np.ndarray:
    """The loss at each position, (steps + 1,): the loss of the next step, and the last evaluation at the end."""
    losses = record.table(STEPS).values("loss/step")
    return np.append(losses, record.table(EVALUATIONS).values("loss/train")[-1])


def _background(record: RunRecord) -> Background:
    """The loss over the parameters of a small problem, in the view of the run's own picture."""
    landscape = record.landscape()
    return loss_curve_of(landscape) if landscape["kind"] == "curve" else field_of(landscape)
