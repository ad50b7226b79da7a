import json
from typing import Any

from descent.tracking.saved_view import SAVED_VIEW, saved_in, view

METRICS = {"loss/step", "loss/train", "accuracy/test", "x", "grad_norm", "seconds_per_step"}


def state_of(objective: str) -> dict[str, Any]:
    saved = json.loads(view("a × b", 5, "abc", ["optimizer", "optimizer.lr"], METRICS, objective))
    assert (saved["name"], saved["createdAt"]) == ("a × b", 5)
    state: dict[str, Any] = json.loads(saved["state"])
    return state


def test_a_view_has_what_is_swept_and_what_is_reached_the_best_first() -> None:
    state = state_of("accuracy/test")
    assert state["searchFilter"] == "tags.`mlflow.parentRunId` = 'abc'"
    assert state["selectedColumns"] == [
        "params.`optimizer`", "params.`optimizer.lr`", "metrics.`accuracy/test`", "metrics.`loss/train`",
    ]  # fmt: skip
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`accuracy/test`", False)
    assert state_of("loss/train")["orderByAsc"] is True


def test_every_chart_stands_in_a_section_of_the_view_and_none_is_empty() -> None:
    state = state_of("loss/train")
    charts, sections = state["compareRunCharts"], state["compareRunSections"]
    assert [chart["displayName"] for chart in charts] == ["loss/step", "accuracy/test", "loss/train", "descent"]
    assert {chart["metricSectionId"] for chart in charts} == {section["uuid"] for section in sections}
    # Without the second, the UI makes sections of its own.
    assert all(section["display"] and section["isReordered"] for section in sections)


def test_views_are_found_among_an_experiments_tags() -> None:
    saved = view("a", 5, "abc", [], METRICS, "loss/train")
    tags = {f"{SAVED_VIEW}0123": saved, f"{SAVED_VIEW}4567": "deflate;eJyrVgIAAP", "mlflow.note.content": "{}"}
    assert saved_in(tags) == [("0123", "a", 5)]
