"""A view of a sweep's runs, saved where MLflow's UI keeps the views that its users save (Runs > Views, MLflow 3.17).

It opens with the parameters that are swept beside the metrics, the curves, and the pictures side by side.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SAVED_VIEW = "mlflow.sharedViewState."
"""What the tags of an experiment begin with that hold its saved views; the rest is the view's key."""
TRACKED = "loss/step"


def view(name: str, when: int, parent: str, params: Sequence[str], metrics: Iterable[str], objective: str) -> str:
    """The value of the tag that saves a view of a sweep's runs.

    Args:
        name: the view's, and the sweep's.
        when: the sweep ended, in milliseconds since the epoch.
        parent: the id of the sweep's run in MLflow.
        params: the names of those that are swept.
        metrics: the names of all that its runs have.
        objective: the metric that they are ranked by.
    """
    reached = sorted(name for name in metrics if name.startswith(("loss/", "accuracy/")) and name != TRACKED)
    curves = [_curve(metric) for metric in (TRACKED, *reached)]
    pictures = _chart("descent", "IMAGE", "descents", imageKeys=["descent"], showRunParams=False)
    state = {
        "searchFilter": f"tags.`mlflow.parentRunId` = '{parent}'",
        # In any order but that of time, the UI shows runs without their parents, which it would not open.
        "orderByKey": f"metrics.`{objective}`",
        "orderByAsc": not objective.startswith("accuracy/"),
        "selectedColumns": [f"params.`{name}`" for name in params] + [f"metrics.`{name}`" for name in reached],
        "compareRunCharts": [*curves, pictures],
        "compareRunSections": [_section("curves", 2, 400), _section("descents", 1, 800)],
        "runsHiddenMode": "SHOW_ALL",
    }
    return json.dumps({"name": name, "createdAt": when, "updatedAt": when, "state": json.dumps(state)})


def page(experiment: str, key: str) -> str:
    """The page of the UI that shows a view."""
    return f"#/experiments/{experiment}/runs?viewStateShareKey={key}&workflowType=machine_learning"


def saved_in(tags: Mapping[str, str]) -> list[tuple[str, str, int]]:
    """The key of each view saved in the tags of an experiment, its name, and when it was saved."""
    # What a user shares without a name is there as well, in another form.
    views = {name.removeprefix(SAVED_VIEW): value for name, value in tags.items() if name.startswith(SAVED_VIEW)}
    named = {key: json.loads(value) for key, value in views.items() if value.startswith('{"name"')}
    return [(key, value["name"], value["createdAt"]) for key, value in named.items()]


def _curve(metric: str) -> dict[str, Any]:
    """A curve as it is: the UI would smooth it."""
    as_it_is = {"useGlobalLineSmoothing": False, "lineSmoothness": 0}
    scale = "log" if metric.startswith("loss/") else "linear"
    return _chart(metric, "LINE", "curves", metricKey=metric, selectedMetricKeys=[metric], scaleType=scale, **as_it_is)


def _chart(name: str, kind: str, section: str, **more: Any) -> dict[str, Any]:
    return {
        "uuid": f"descent-{name}",
        "type": kind,
        "metricSectionId": section,
        "displayName": name,
        "runsCountToCompare": 100,
        **more,
    }


def _section(name: str, columns: int, height: int) -> dict[str, Any]:
    """A section of charts, so many abreast, each so many pixels high."""
    return {"uuid": name, "name": name, "display": True, "isReordered": True, "columns": columns, "cardHeight": height}
