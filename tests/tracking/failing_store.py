"""Syncs that lose the store in their middle."""

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
"""What the names of those calls begin with that change nothing in a store."""
LEAST = 10
"""Calls that change a store, which a sync of anything makes at least."""


def failing_after_each_call(sync: Callable[[], object]) -> Iterator[None]:
    """Sync until nothing is missing, and yield after each sync: each loses the store after one call more."""
    calls: set[str] = set()
    before = -1
    while before < len(calls):
        before = len(calls)
        with pytest.MonkeyPatch.context() as patch, suppress(UserError):
            _fail_after_a_new_call(calls, patch)
            sync()
        yield
    assert before >= LEAST, calls


def _fail_after_a_new_call(calls: set[str], patch: pytest.MonkeyPatch) -> None:
    """Let clients of MLflow make the calls that they have made before, and one that they have not."""
    is_lost = within_a_call = False

    def limited(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*arguments: Any, **keywords: Any) -> Any:
            nonlocal is_lost, within_a_call
            if within_a_call:  # what a call does by calling others is done with it
                return method(*arguments, **keywords)
            if is_lost:
                raise MlflowException("lost")
            within_a_call = True
            try:
                return method(*arguments, **keywords)
            finally:
                within_a_call = False
                described = re.sub(" at 0x[0-9a-fA-F]+", "", repr((name, arguments[1:], keywords)))
                if not READS.match(name) and described not in calls:
                    calls.add(described)
                    is_lost = True

        return call

    for name, method in inspect.getmembers(MlflowClient, inspect.isfunction):
        if not name.startswith("__"):
            patch.setattr(MlflowClient, name, limited(name, method))
