"""Saved views of runs in MLflow's UI, stored like the views that its users save (Runs > Views, MLflow 3.17).

That of a sweep shows the swept parameters beside the metrics, the curves, and the pictures side by side; that of an
experiment the same of all runs that are of no sweep.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from descent.records.criterion import TRAIN_LOSS, Criterion
from descent.records.header import Header
from descent.records.label import OPTIMIZER, RATE, SEED
from descent.records.run import BEST

if TYPE_CHECKING:
    from mlflow import MlflowClient

VIEW_TAG = "mlflow.sharedViewState."
"""The prefix of the tags of an experiment that hold its saved views; the rest of the name is the view's key."""
STEP_LOSS, STEP_RATE = "loss/step", "lr"
SINGLE_TAG = "descent.single"
"""The tag of runs that no sweep has trained."""
COLUMNS = (OPTIMIZER, RATE, "network", "schedule", SEED)
"""The parameters that the view of these has as columns."""
LAST = "values at best"
"""The name of the section of the best values, which the UI puts below the others."""


def view_tag_value(
    name: str, when: int, which: str, params: Sequence[str], metrics: Iterable[str], objective: Criterion
) -> str:
    """The value of the tag that saves a view of runs.

    Args:
        name: of the view.
        when: the time of the view, in milliseconds since the epoch.
        which: the MLflow filter that finds the runs.
        params: the names of the parameters that are columns.
        metrics: the names of all metrics of its runs.
        objective: what ranks the runs.
    """
    evaluated = sorted(name for name in metrics if name.startswith(("loss/", "accuracy/")) and name != STEP_LOSS)
    curves = [_curve(metric) for metric in (STEP_LOSS, *evaluated, *({STEP_RATE} & {*metrics}))]
    # Metrics of a view that have no chart in it get sections of the UI's own, which sorts all sections by their names.
    bests = [_chart(metric, "BAR", LAST, metricKey=metric) for metric in sorted(metrics) if metric.startswith(BEST)]
    last = [_section(LAST, 2, 400)] if bests else []
    pictures = _chart("descent", "IMAGE", "descents", imageKeys=["descent_small"], showRunParams=False)
    state = {
        "searchFilter": which,
        # Sorted by anything but time, the UI shows the runs without their parents, which would be collapsed.
        "orderByKey": f"metrics.`{objective.metric}`",
        "orderByAsc": objective.direction == "minimize",
        "selectedColumns": [f"params.`{name}`" for name in params] + [f"metrics.`{name}`" for name in evaluated],
        "compareRunCharts": [*curves, pictures, *bests],
        "compareRunSections": [_section("curves", 2, 400), _section("descents", 1, 800), *last],
        "runsHiddenMode": "SHOW_ALL",
    }
    return json.dumps({"name": name, "createdAt": when, "updatedAt": when, "state": json.dumps(state)})


def save_view_of_single_runs(
    client: "MlflowClient", experiment_id: str, header: Header, metrics: Iterable[str]
) -> None:
    """Save the view of an experiment's single runs, with a run's metrics besides those that it has already."""
    tags = client.get_experiment(experiment_id).tags
    tag, criterion = VIEW_TAG + "single", Criterion(TRAIN_LOSS, "minimize")
    saved = json.loads(tags.get(tag, "{}"))
    charts = json.loads(saved.get("state", "{}")).get("compareRunCharts", [])
    charted = {chart["metricKey"] for chart in charts if "metricKey" in chart}
    when = min(header.created, saved.get("createdAt", header.created))
    which = f"tags.`{SINGLE_TAG}` = 'true'"
    value = view_tag_value(f"{header.problem}: single runs", when, which, COLUMNS, {*metrics, *charted}, criterion)
    if value != tags.get(tag):
        client.set_experiment_tag(experiment_id, tag, value)


def view_address(experiment: str, key: str) -> str:
    """The address of a saved view, relative to that of the UI."""
    return f"#/experiments/{experiment}/runs?viewStateShareKey={key}&workflowType=machine_learning"


def saved_views(tags: Mapping[str, str]) -> list[tuple[str, str, int]]:
    """The key, the name and the time of each view that is saved in the tags of an experiment."""
    # Views that a user shares without a name have the same prefix, and another form.
    views = {name.removeprefix(VIEW_TAG): value for name, value in tags.items() if name.startswith(VIEW_TAG)}
    saved = {key: json.loads(value) for key, value in views.items() if value.startswith('{"name"')}
    return [(key, value["name"], value["createdAt"]) for key, value in saved.items()]


def _curve(metric: str) -> dict[str, Any]:
    """A chart of a metric, which the UI would smooth by default."""
    unsmoothed = {"useGlobalLineSmoothing": False, "lineSmoothness": 0}
    scale = "log" if metric.startswith("loss/") else "linear"
    return _chart(
        metric, "LINE", "curves", metricKey=metric, selectedMetricKeys=[metric], scaleType=scale, **unsmoothed
    )


def _chart(name: str, kind: str, section: str, **options: Any) -> dict[str, Any]:
    return {
        "uuid": f"descent-{name}",
        "type": kind,
        "metricSectionId": section,
        "displayName": name,
        "runsCountToCompare": 100,
        **options,
    }


def _section(name: str, columns: int, height: int) -> dict[str, Any]:
    """A section of charts, in columns, each `height` pixels high."""
    return {"uuid": name, "name": name, "display": True, "isReordered": True, "columns": columns, "cardHeight": height}
