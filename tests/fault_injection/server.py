"""`python -m fault_injection.server`: forks a process for each request of stdin, to do a task under a fault."""

import ctypes
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

import mlflow.store.tracking.sqlalchemy_store  # noqa: F401  (what MLflow's client imports when it is used)
import torch
from hydra.core.global_hydra import GlobalHydra

from descent.tracking.store import client_class
from fault_injection import tasks

LIMIT = 60.0
"""Seconds after which a task is taken to hang."""


def answer(request: dict[str, object]) -> dict[str, object]:
    """Do a task in a process of its own; what became of it: exit code, calls below the folder, and what it said."""
    folder = Path(str(request["folder"]))
    said, counted = folder.with_suffix(".said"), folder.with_suffix(".calls")
    counted.write_text("0")
    child = os.fork()
    if not child:
        _do(request, folder, said, counted)
    deadline = time.monotonic() + LIMIT
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return {"code": "hangs", "calls": 0, "said": said.read_text(errors="replace")}
        time.sleep(0.002)
    code = os.waitstatus_to_exitcode(status)
    return {"code": code, "calls": int(counted.read_text()), "said": said.read_text(errors="replace")}


def _do(request: dict[str, object], folder: Path, said: Path, counted: Path) -> None:
    handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.chdir(folder)
    library = ctypes.CDLL(str(os.environ["LD_PRELOAD"]))
    library.calls_so_far.restype = ctypes.c_long
    code: int | str | None = 70
    try:
        if request["journal"] is None:
            library.fail_nth(
                os.fsencode(folder),
                ctypes.c_long(int(str(request["n"]))),
                int(str(request["mode"])),
                bool(request["lasting"]),
            )
        else:
            journal = os.open(str(request["journal"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            library.keep_journal(os.fsencode(folder), journal)
        code = tasks.exit_code(str(request["task"]))
    except BaseException:
        traceback.print_exc()
    finally:
        calls = library.calls_so_far()
        library.fail_nth(os.fsencode(folder), ctypes.c_long(-1), 0, 0)
        library.keep_journal(b"", -1)
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        counted.write_text(str(calls))
        os._exit(code or 0)


def main() -> None:
    """Answer each line of stdin with a line."""
    torch.set_num_threads(1)
    client_class()
    GlobalHydra.instance().clear()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
