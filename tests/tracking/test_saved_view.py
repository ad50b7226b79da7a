import json
from typing import Any

from descent.records.criterion import Criterion, Direction
from descent.tracking.saved_view import VIEW_TAG, saved_views, view_tag_value

METRICS = {"loss/step", "loss/train", "accuracy/test", "x", "grad_norm", "seconds_per_step"}
BEST = {"best/loss/train", "best/step"}


def state_of(metric: str, direction: Direction, metrics: set[str] = METRICS) -> dict[str, Any]:
    objective = Criterion(metric, direction)
    saved = json.loads(view_tag_value("a × b", 5, "tags.`a` = 'b'", ["optimizer", "optimizer.lr"], metrics, objective))
    assert (saved["name"], saved["createdAt"]) == ("a × b", 5)
    state: dict[str, Any] = json.loads(saved["state"])
    return state


def test_a_view_has_the_swept_parameters_and_the_metrics_sorted_by_the_objective() -> None:
    state = state_of("accuracy/test", "maximize")
    assert state["searchFilter"] == "tags.`a` = 'b'"
    assert state["selectedColumns"] == [
        "params.`optimizer`", "params.`optimizer.lr`", "metrics.`accuracy/test`", "metrics.`loss/train`",
    ]  # fmt: skip
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`accuracy/test`", False)
    assert state_of("loss/train", "minimize")["orderByAsc"] is True


def test_every_chart_is_in_a_section_and_no_section_is_empty() -> None:
    state = state_of("loss/train", "minimize")
    charts, sections = state["compareRunCharts"], state["compareRunSections"]
    assert [chart["displayName"] for chart in charts] == ["loss/step", "accuracy/test", "loss/train", "descent"]
    assert {chart["metricSectionId"] for chart in charts} == {section["uuid"] for section in sections}
    # Without `isReordered`, the UI adds its own sections.
    assert all(section["display"] and section["isReordered"] for section in sections)


def test_the_best_values_are_the_last_section_of_a_view_whose_runs_have_them() -> None:
    state = state_of("loss/train", "minimize", METRICS | BEST)
    charts, sections = state["compareRunCharts"], state["compareRunSections"]
    assert [chart["displayName"] for chart in charts][-2:] == ["best/loss/train", "best/step"]
    assert [section["name"] for section in sections] == ["curves", "descents", "values at best"]
    assert sorted(section["name"] for section in sections) == [section["name"] for section in sections]
    assert {chart["metricSectionId"] for chart in charts} == {section["uuid"] for section in sections}


def test_views_are_found_among_an_experiments_tags() -> None:
    saved = view_tag_value("a", 5, "abc", [], METRICS, Criterion("loss/train", "minimize"))
    tags = {f"{VIEW_TAG}0123": saved, f"{VIEW_TAG}4567": "deflate;eJyrVgIAAP", "mlflow.note.content": "{}"}
    assert saved_views(tags) == [("0123", "a", 5)]
