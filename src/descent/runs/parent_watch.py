"""Ends a worker process of a sweep when the sweep's own process has ended, even if that was killed."""

import os
import signal
import time
from functools import cache
from threading import Thread

INTERVAL = 1.0
"""Seconds between two looks at the parent."""
GRACE = 10.0
"""Seconds that a worker has for a last checkpoint."""
EXIT_CODE = 128 + signal.SIGTERM
"""The exit code of a worker that took longer, as shells have it."""


@cache
def end_with(parent: int) -> None:
    """Have this process end soon after its parent, from now on; further calls change nothing."""
    Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(INTERVAL)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(EXIT_CODE)
