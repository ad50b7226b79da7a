"""Two syncs of one record at once, interleaved in the worst order."""

import fcntl
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from mlflow import MlflowClient

from descent.tracking.sync import SyncResult


def two_at_once(sync: Callable[[], SyncResult]) -> list[SyncResult]:
    """The results of two syncs; the second starts when the first has found no run, and is about to create one.

    The first continues when the second waits for a lock, or has ended.
    """
    flock, create_run = fcntl.flock, MlflowClient.create_run
    second_is_blocked_or_done = Event()
    second: list[Future[SyncResult]] = []

    def lock(handle: int, operation: int) -> None:
        try:
            flock(handle, operation)
        except BlockingIOError:
            second_is_blocked_or_done.set()
            raise

    with ThreadPoolExecutor(1) as pool, pytest.MonkeyPatch.context() as patch:

        def make_run(*arguments: Any, **keywords: Any) -> Any:
            if not second:
                second.append(pool.submit(sync))
                second[0].add_done_callback(lambda _: second_is_blocked_or_done.set())
                assert second_is_blocked_or_done.wait(120)
            return create_run(*arguments, **keywords)

        patch.setattr(fcntl, "flock", lock)
        patch.setattr(MlflowClient, "create_run", make_run)
        return [sync(), second[0].result()]
