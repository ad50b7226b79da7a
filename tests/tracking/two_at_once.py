"""Two syncs of one record at once, in the order that does most harm."""

import fcntl
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from mlflow import MlflowClient

from descent.tracking.sync import SyncResult


def two_at_once(sync: Callable[[], SyncResult]) -> list[SyncResult]:
    """What two syncs say, the second of which begins when the first has found no run, and is about to make one.

    The first continues when the second waits for a lock, or has come to its end.
    """
    flock, create_run = fcntl.flock, MlflowClient.create_run
    second_is_out_of_the_way = Event()
    second: list[Future[SyncResult]] = []

    def lock(handle: int, operation: int) -> None:
        try:
            flock(handle, operation)
        except BlockingIOError:
            second_is_out_of_the_way.set()
            raise

    with ThreadPoolExecutor(1) as pool, pytest.MonkeyPatch.context() as patch:

        def make_run(*arguments: Any, **keywords: Any) -> Any:
            if not second:
                second.append(pool.submit(sync))
                second[0].add_done_callback(lambda _: second_is_out_of_the_way.set())
                assert second_is_out_of_the_way.wait(120)
            return create_run(*arguments, **keywords)

        patch.setattr(fcntl, "flock", lock)
        patch.setattr(MlflowClient, "create_run", make_run)
        return [sync(), second[0].result()]
