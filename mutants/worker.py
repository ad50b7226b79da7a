"""`python -m mutants.worker PROJECT`: runs tests on a copy of the project that is made wrong in one place.

A line of stdin is a request, a line of stdout its answer, both in JSON. The libraries are imported once; each request
is answered by a fork, which imports the package anew.
"""

import importlib
import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

LIBRARIES = (
    "torch", "torchvision", "pytorch_lightning", "mlflow", "mlflow.store.tracking.sqlalchemy_store", "hydra",
    "hydra.test_utils.launcher_common_tests", "matplotlib.figure", "scipy.stats", "scipy.optimize", "optuna",
    "sklearn.model_selection", "PIL.Image", "pandas", "yaml", "jinja2", "tqdm", "pytest",
)  # fmt: skip
QUIET = ("-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")


def main() -> None:
    """Answer requests until stdin ends."""
    project = Path(sys.argv[1])
    os.chdir(project)
    for library in LIBRARIES:
        importlib.import_module(library)
    for line in sys.stdin:
        print(json.dumps(_answer(project, json.loads(line))), flush=True)


def _answer(project: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Run a request's tests on its source; `code` is pytest's exit code, None where they ran out of time."""
    path = project / request["path"]
    before = path.read_bytes()
    path.write_text(request["source"], encoding="utf-8")
    started = time.monotonic()
    try:
        code = _run(request["tests"], request["limit"])
    finally:
        path.write_bytes(before)
    return {"code": code, "seconds": time.monotonic() - started}


def _run(tests: list[str], limit: float) -> int | None:
    child = os.fork()
    if not child:
        os.setsid()
        silent = os.open("last.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        import pytest

        os._exit(pytest.main([*QUIET, *tests]))
    deadline = time.monotonic() + limit
    ended = status = 0
    while not ended and time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.02)
    with suppress(ProcessLookupError):  # what the tests started goes with them
        os.killpg(child, signal.SIGKILL)
    if not ended:
        os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if ended else None


if __name__ == "__main__":
    main()
