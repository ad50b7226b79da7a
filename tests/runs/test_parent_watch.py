import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end.commands import ENVIRONMENT
from waiting import eventually

WORKER = """
import os, signal, sys, time
from pathlib import Path
from descent.runs import parent_watch
parent_watch.INTERVAL, parent_watch.GRACE = 0.1, 1.0
{}
parent_watch.end_with(os.getppid())
parent_watch.end_with(os.getppid())
Path("worker").write_text(str(os.getpid()))
time.sleep(600)
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
SAVES = "signal.signal(signal.SIGTERM, lambda *_: (Path('saved').touch(), sys.exit()))"
IS_STUCK = "signal.signal(signal.SIGTERM, lambda *_: Path('stuck').touch())"


def is_running(process: int) -> bool:
    """Whether a process has not ended; one that has may wait until it is asked how."""
    status = Path(f"/proc/{process}/status")
    return status.exists() and "\nState:\tZ" not in status.read_text()


@pytest.mark.parametrize(
    ("handler", "left"), [("", set()), (SAVES, {"saved"}), (IS_STUCK, {"stuck"})], ids=["plain", "saves", "is stuck"]
)
def test_a_worker_ends_when_its_parent_is_killed_and_may_save_before(
    tmp_path: Path, handler: str, left: set[str]
) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, WORKER.format(handler)], cwd=tmp_path, env=ENVIRONMENT)
    assert eventually(lambda: (tmp_path / "worker").exists() and (tmp_path / "worker").read_text() != "", seconds=60)
    worker = int((tmp_path / "worker").read_text())
    try:
        assert is_running(worker)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert eventually(lambda: not is_running(worker), seconds=20)
    finally:
        if is_running(worker):
            os.kill(worker, signal.SIGKILL)
    assert {path.name for path in tmp_path.iterdir()} == {"worker", *left}
