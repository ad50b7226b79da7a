"""A pytest plugin: coverage is noted by test, and how long tests took is written to $MUTANTS_SECONDS."""

import json
import os
from collections import defaultdict
from pathlib import Path

import coverage
import pytest

seconds: defaultdict[str, float] = defaultdict(float)
"""Of each test, with what it sets up."""
set_ups: defaultdict[str, float] = defaultdict(float)
"""Of each file, the longest set-up: that of what its tests share."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note what runs from here on as this test's set-up."""
    _switch_to(f"{item.nodeid} (setup)")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Note what runs from here on as the test's own."""
    _switch_to(f"{item.nodeid} (call)")


def _switch_to(context: str) -> None:
    measured = coverage.Coverage.current()
    if measured is not None:
        measured.switch_context(context)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up set-up, call and tear-down."""
    seconds[report.nodeid] += report.duration
    if report.when == "setup":
        file = report.nodeid.partition("::")[0]
        set_ups[file] = max(set_ups[file], report.duration)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the seconds, unless this is one of xdist's workers."""
    if not hasattr(session.config, "workerinput"):
        measured = {"seconds": seconds, "set_ups": set_ups}
        Path(os.environ["MUTANTS_SECONDS"]).write_text(json.dumps(measured), encoding="utf-8")
