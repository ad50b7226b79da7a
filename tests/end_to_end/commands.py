"""The real commands, as a user types them."""

import io
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra

from descent import cli

BIN = Path(sys.executable).parent
TESTS = Path(__file__).parents[1]
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": f"{TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",  # for what tests put into configurations
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT | environment, capture_output=True, text=True, timeout=300, check=False
    )


def here(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of ours to its end in this process, which has imported already what takes a new one seconds."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, chdir(cwd), redirect_stdout(out), redirect_stderr(err):
        patch.setattr("sys.argv", list(command))
        patch.setattr("sys.path", [*sys.path])
        GlobalHydra.instance().clear()
        code: str | int | None = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code
        finally:
            logging.getLogger("descent").handlers.clear()
            torch.set_flush_denormal(False)
        if isinstance(code, str):
            print(code, file=err)
    return subprocess.CompletedProcess(command, code if isinstance(code, int) else 1, out.getvalue(), err.getvalue())


@contextmanager
def started(*command: str, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs on, what it says in `said.txt`; killed at the end, if it has not ended."""
    with (cwd / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            command, cwd=cwd, env=ENVIRONMENT, stdout=said, stderr=said,
            # Ctrl-C reaches it even if these tests run in the background of a shell, which ignores it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
