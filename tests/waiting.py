"""Waiting for what comes true in a while."""

import time
from collections.abc import Callable


def eventually(true: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + seconds
    while not (has_come := true()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return has_come
