"""The pictures of runs side by side: where they end, how they go, and the paths they take."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from omegaconf import DictConfig, OmegaConf

from descent.compare.runs import Arrangement, Handful, Run
from descent.compare.statistics import interquartile_mean, interval
from descent.core.build import data_of, problem_of
from descent.core.problems.landscape import losses_at
from descent.records.run import EVALUATIONS, STEPS
from descent.render.bands import Band, bands_picture
from descent.render.curve import LossCurve
from descent.render.paths import Ground, LabelledPath, paths_picture
from descent.render.rates import Line, rates_picture
from descent.runs.pictures import field_of, path_of

ENDS = ("loss/train", "accuracy/test")
"""The metrics whose ends and curves are shown, as far as the runs have them."""
LABELS = 12
"""Up to how many handfuls are told apart by colour among the paths; of more, kinds are."""


def pictures(title: str, arrangement: Arrangement) -> dict[str, Figure]:
    """All that the runs have something to show in, by name."""
    runs = [run for handful in arrangement.handfuls for run in handful.runs]
    metrics = [metric for metric in ENDS if any(metric in run.metrics for run in runs)]
    drawn = {"ends": _ends(title, arrangement, metrics)}
    for metric in metrics:
        drawn[f"curves_{metric.replace('/', '_')}"] = _curves(title, arrangement, metric)
    small = [run for run in runs if "x" in run.record.read(STEPS).columns]
    if small:
        drawn["paths"] = _paths(title, arrangement)
    return drawn


def _ends(title: str, arrangement: Arrangement, metrics: Sequence[str]) -> Figure:
    panels = {}
    for metric in metrics:
        by_kind: dict[str, list[Handful]] = {}
        for handful in arrangement.handfuls:
            by_kind.setdefault(handful.kind, []).append(handful)
        panels[f"{metric} at the end"] = [_line(kind, handfuls, metric) for kind, handfuls in by_kind.items()]
    return rates_picture(title, arrangement.number or "", panels)


def _line(kind: str, handfuls: Sequence[Handful], metric: str) -> Line:
    finals = [np.array([run.final(metric) for run in handful.runs]) for handful in handfuls]
    low, high = zip(*(interval(values) for values in finals), strict=True)
    return Line(
        label=kind,
        x=np.array([handful.number or 0.0 for handful in handfuls]),
        y=np.array([interquartile_mean(values) for values in finals]),
        low=np.array(low),
        high=np.array(high),
        ran_away=[sum(run.ran_away for run in handful.runs) for handful in handfuls],
        of=[len(handful.runs) for handful in handfuls],
    )


def _curves(title: str, arrangement: Arrangement, metric: str) -> Figure:
    panels: dict[str, list[Band]] = {}
    for handful in arrangement.handfuls:
        band = _band(arrangement, handful, metric)
        if band is not None:
            panels.setdefault(handful.kind, []).append(band)
    return bands_picture(title, metric, panels)


def _band(arrangement: Arrangement, handful: Handful, metric: str) -> Band | None:
    """The handful's middle at all steps at which one of its runs was evaluated; None where none was."""
    evaluated = [run.evaluations(metric) for run in handful.runs]
    steps = sorted({step for found in evaluated for step in found})
    if not steps:
        return None
    values = np.array(
        [
            [found.get(step, run.final(metric)) for step in steps]
            for run, found in zip(handful.runs, evaluated, strict=True)
        ]
    )
    low, high = interval(values)
    return Band(_numbered(arrangement, handful), np.array(steps, float), interquartile_mean(values), low, high)


def _numbered(arrangement: Arrangement, handful: Handful) -> str:
    if arrangement.number is None or handful.number is None:
        return handful.kind or "all"
    return f"{arrangement.number.rpartition('.')[2]}={handful.number:g}"


def _paths(title: str, arrangement: Arrangement) -> Figure:
    ground = _ground(arrangement.handfuls[0].runs[0])
    told_apart = len(arrangement.handfuls) <= LABELS
    paths = []
    for handful in arrangement.handfuls:
        numbered = _numbered(arrangement, handful)
        label = " ".join(filter(None, [handful.kind, numbered])) if told_apart else handful.kind
        paths += [_labelled(label, run, ground) for run in handful.runs]
    return paths_picture(title, ground, paths)


def _labelled(label: str, run: Run, ground: Ground) -> LabelledPath:
    path = path_of(run.record)
    losses = _losses(run)
    if isinstance(ground, LossCurve):
        path = np.column_stack([path[:, 0], losses])
    return LabelledPath(label, path, losses, run.ran_away)


def _losses(run: Run) -> np.ndarray:
    """The loss at each position, (steps + 1,): that of the next step, and at the end the last evaluation."""
    taken, evaluated = run.record.read(STEPS), run.record.read(EVALUATIONS)
    steps = [row[taken.columns.index("loss/step")] for row in taken.rows]
    return np.array([*steps, evaluated.rows[-1][evaluated.columns.index("loss/train")]], dtype=np.float64)


def _ground(run: Run) -> Ground:
    """The loss over the parameters of a small problem, in the view that its picture has."""
    config = OmegaConf.load(run.record.folder / "config.yaml")
    assert isinstance(config, DictConfig)
    problem, train = problem_of(config), data_of(config).train
    everything = train.head(len(train))
    (left, right), (low, high) = config.picture.x, config.picture.y
    if problem.size() == 1:
        grid = torch.linspace(left, right, 400, dtype=torch.float64)
        heights = losses_at(problem, everything, grid[:, None])
        return LossCurve((left, right), (low, high), grid.numpy(), heights.numpy())
    return field_of(problem, everything, (left, right), (low, high))


def save(drawn: dict[str, Figure], folder: Path) -> None:
    """Each as a PNG file of its name."""
    for name, figure in drawn.items():
        figure.savefig(folder / f"{name}.png")
