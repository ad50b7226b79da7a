"""The pictures of runs side by side: where they end, how they go, and the paths they take."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from descent.compare.runs import GroupedRuns, Run, SeedGroup
from descent.compare.statistics import interquartile_mean, interval
from descent.records.run import EVALUATIONS, STEPS
from descent.render.bands import Band, bands_picture
from descent.render.curve import LossCurve
from descent.render.paths import Ground, LabelledPath, paths_picture
from descent.render.rates import Line, rates_picture
from descent.render.run_views import field_of, loss_curve_of

ENDS = ("loss/train", "accuracy/test")
"""The metrics whose ends and curves are shown, as far as the runs have them."""
LABELS = 12
"""Up to this many groups each have a colour among the paths; of more, each kind has one."""


def pictures(title: str, grouped: GroupedRuns) -> dict[str, Figure]:
    """All that the runs have something to show in, by name."""
    runs = [run for group in grouped.groups for run in group.runs]
    metrics = [metric for metric in ENDS if any(metric in run.metrics for run in runs)]
    drawn = {"ends": _ends(title, grouped, metrics)}
    for metric in metrics:
        drawn[f"curves_{metric.replace('/', '_')}"] = _curves(title, grouped, metric)
    small = [run for run in runs if "x" in run.record.read(STEPS).columns]
    if small:
        drawn["paths"] = _paths(title, grouped)
    return drawn


def _ends(title: str, grouped: GroupedRuns, metrics: Sequence[str]) -> Figure:
    panels = {}
    for metric in metrics:
        by_kind: dict[str, list[SeedGroup]] = {}
        for group in grouped.groups:
            by_kind.setdefault(group.kind, []).append(group)
        panels[f"{metric} at the end"] = [_line(kind, groups, metric) for kind, groups in by_kind.items()]
    return rates_picture(title, grouped.number or "", panels)


def _line(kind: str, groups: Sequence[SeedGroup], metric: str) -> Line:
    finals = [np.array([run.final(metric) for run in group.runs]) for group in groups]
    low, high = zip(*(interval(values) for values in finals), strict=True)
    return Line(
        label=kind,
        x=np.array([group.number or 0.0 for group in groups]),
        y=np.array([interquartile_mean(values) for values in finals]),
        low=np.array(low),
        high=np.array(high),
        diverged=[sum(run.diverged for run in group.runs) for group in groups],
        of=[len(group.runs) for group in groups],
    )


def _curves(title: str, grouped: GroupedRuns, metric: str) -> Figure:
    panels: dict[str, list[Band]] = {}
    for group in grouped.groups:
        band = _band(grouped, group, metric)
        if band is not None:
            panels.setdefault(group.kind, []).append(band)
    return bands_picture(title, metric, panels)


def _band(grouped: GroupedRuns, group: SeedGroup, metric: str) -> Band | None:
    """The group's middle at all steps at which one of its runs was evaluated; None where none was."""
    evaluated = [run.evaluations(metric) for run in group.runs]
    steps = sorted({step for found in evaluated for step in found})
    if not steps:
        return None
    values = np.array(
        [
            [found.get(step, run.final(metric)) for step in steps]
            for run, found in zip(group.runs, evaluated, strict=True)
        ]
    )
    low, high = interval(values)
    return Band(_numbered(grouped, group), np.array(steps, float), interquartile_mean(values), low, high)


def _numbered(grouped: GroupedRuns, group: SeedGroup) -> str:
    if grouped.number is None or group.number is None:
        return group.kind or "all"
    return f"{grouped.number.rpartition('.')[2]}={group.number:g}"


def _paths(title: str, grouped: GroupedRuns) -> Figure:
    ground = _ground(grouped.groups[0].runs[0])
    told_apart = len(grouped.groups) <= LABELS
    paths = []
    for group in grouped.groups:
        numbered = _numbered(grouped, group)
        label = " ".join(filter(None, [group.kind, numbered])) if told_apart else group.kind
        paths += [_labelled(label, run, ground) for run in group.runs]
    return paths_picture(title, ground, paths)


def _labelled(label: str, run: Run, ground: Ground) -> LabelledPath:
    path = run.record.path()
    losses = _losses(run)
    if isinstance(ground, LossCurve):
        path = np.column_stack([path[:, 0], losses])
    return LabelledPath(label, path, losses, run.diverged)


def _losses(run: Run) -> np.ndarray:
    """The loss at each position, (steps + 1,): that of the next step, and at the end the last evaluation."""
    steps, evaluations = run.record.read(STEPS), run.record.read(EVALUATIONS)
    return np.append(steps.column("loss/step"), evaluations.column("loss/train")[-1])


def _ground(run: Run) -> Ground:
    """The loss over the parameters of a small problem, in the view that its picture has."""
    landscape = run.record.landscape()
    return loss_curve_of(landscape) if landscape["kind"] == "curve" else field_of(landscape)


def save(drawn: dict[str, Figure], folder: Path) -> None:
    """Each as a PNG file of its name."""
    for name, figure in drawn.items():
        figure.savefig(folder / f"{name}.png")
