import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from waiting import eventually

from descent.tracking.patience import Patience, is_runnable

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system has no /proc")

BUSY = "while True: pass"
IDLE = "import time; time.sleep(600)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"


@contextmanager
def running(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs some code, with what it starts, until the end of the context."""
    with subprocess.Popen([sys.executable, "-c", f"print(flush=True)\n{code}"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it has started
        try:
            yield process
        finally:
            for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
                subprocess.run(["kill", "-9", child], check=True)
            process.kill()


def share(process: subprocess.Popen[bytes]) -> float:
    """The share of some looks at a process in which it is runnable."""
    time.sleep(0.2)
    looks = []
    for _ in range(50):
        looks.append(is_runnable(process.pid))
        time.sleep(0.005)
    return sum(looks) / len(looks)


def test_a_busy_process_is_runnable_and_an_idle_a_stopped_and_an_ended_one_are_not() -> None:
    with running(BUSY) as process:
        assert share(process) == 1
        process.send_signal(signal.SIGSTOP)
        assert share(process) == 0
    assert share(process) == 0
    with running(IDLE) as process:
        assert share(process) == 0


def test_a_process_is_runnable_while_one_that_it_started_is() -> None:
    with running(PARENT) as process:
        assert eventually(lambda: is_runnable(process.pid))
        assert share(process) == 1


def test_patience_is_over_after_the_time_without_progress() -> None:
    with running(IDLE) as process:
        patience, start = Patience(0.3, process.pid), time.monotonic()
        while not patience.is_over(progress=min(2, int((time.monotonic() - start) / 0.2))):  # at 0.2 s and at 0.4 s
            time.sleep(0.01)
        assert 0.65 < time.monotonic() - start < 5


def test_patience_is_not_over_while_a_process_is_busy() -> None:
    with running(BUSY) as process:
        patience, start = Patience(0.1, process.pid), time.monotonic()
        while time.monotonic() - start < 0.5:
            assert not patience.is_over(progress=0)
        process.send_signal(signal.SIGSTOP)
        assert eventually(lambda: patience.is_over(progress=0))
    assert Patience(0, process.pid).is_over(progress=0)
