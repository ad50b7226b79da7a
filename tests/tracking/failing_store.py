"""Syncs whose store fails in their middle."""

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from descent.errors import UserError

READS = re.compile("_|get|list|search|download")
"""The beginnings of the names of calls that change nothing in a store."""
MIN_CALLS = 10
"""The least number of calls of a sync that change a store."""


def failing_after_each_call(sync: Callable[[], object]) -> Iterator[None]:
    """Sync until a sync completes, and yield after each; in each sync the store fails after one more call."""
    calls: set[str] = set()
    before = -1
    while before < len(calls):
        before = len(calls)
        with pytest.MonkeyPatch.context() as patch, suppress(UserError):
            _fail_after_a_new_call(calls, patch)
            sync()
        yield
    assert before >= MIN_CALLS, calls


def _fail_after_a_new_call(calls: set[str], patch: pytest.MonkeyPatch) -> None:
    """Let MLflow's clients repeat earlier calls, make one new call, and then fail."""
    is_lost = within_a_call = False

    def limited(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*arguments: Any, **keywords: Any) -> Any:
            nonlocal is_lost, within_a_call
            if within_a_call:  # nested calls belong to the outer call
                return method(*arguments, **keywords)
            if is_lost:
                raise MlflowException("lost")
            within_a_call = True
            try:
                return method(*arguments, **keywords)
            finally:
                within_a_call = False
                described = re.sub(" at 0x[0-9a-fA-F]+|/tmp[a-z0-9_]{8}", "", repr((name, arguments[1:], keywords)))
                if not READS.match(name) and described not in calls:
                    calls.add(described)
                    is_lost = True

        return call

    for name, method in inspect.getmembers(MlflowClient, inspect.isfunction):
        if not name.startswith("__"):
            patch.setattr(MlflowClient, name, limited(name, method))
