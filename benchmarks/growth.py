"""How cost grows: with the runs that are trained together, and with the runs in the store."""

import json
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.descents import composed, seconds_of_steps
from benchmarks.measured import MILLISECOND
from benchmarks.sweeps import project

TOGETHER = (1, 8, 32, 128, 512)
RUN_STEPS, FEWEST_STEPS = 6_400, 100
"""Steps of all runs in one measurement, and of each at least."""
IN_STORE = (100, 1_000, 10_000)
STEPS = 50
"""Of each of these; more make the store larger, and take longer to fill it with than to ask it."""
PORT = 5178
Row = dict[str, float]


def time_per_run() -> list[Row]:
    """Milliseconds that a step of mnist_two_layer takes of each of so many runs, at as many learning rates."""
    return [{"runs": count, "ms a step and run": _a_step_of(count)} for count in TOGETHER]


def _a_step_of(count: int) -> float:
    steps = max(FEWEST_STEPS, RUN_STEPS // count)
    length = (f"trainer.max_steps={steps}", f"evaluation.every={steps}", "evaluation.first=null", "tracking=none")
    config = composed("experiment=mnist_two_layer", *length)
    rates = [0.1 + place / count for place in range(count)]
    configs = [config.replaced("optimizer.lr", rate) for rate in rates]
    return seconds_of_steps(configs) / steps / count / MILLISECOND


def with_runs_in_the_store() -> list[Row]:
    """Seconds of the query behind the list of runs in the UI, and of `descent compare` on a sweep of 24 runs."""
    rows = []
    with project() as folder:
        rates = ",".join(f"{0.001 * (place + 1):g}" for place in range(8))
        swept = ("optimizer=sgd,momentum,adam", f"optimizer.lr={rates}", "hydra/launcher=fused")
        command = ("descent", "train", "-m", "problem=himmelblau", f"trainer.max_steps={STEPS}", *swept)
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for count in IN_STORE:
            parent = _fill(folder / "mlflow.db", count)
            rows.append({"runs": count, "UI's list, s": _list(folder), "descent compare, s": _compare(folder, parent)})
    return rows


def _fill(store: Path, count: int) -> str:
    """Copy the sweep's runs until so many are in the store; the id of the sweep's own."""
    with closing(sqlite3.connect(store)) as database, database:
        children = "select run_uuid from tags where key = 'mlflow.parentRunId'"
        originals = [row[0] for row in database.execute(children)]
        (parent,) = database.execute("select distinct value from tags where key = 'mlflow.parentRunId'").fetchone()
        (there,) = database.execute("select count(*) from runs").fetchone()
        for number in range(count - there):
            original, copy = originals[number % len(originals)], uuid.uuid4().hex
            for table in ("runs", "params", "latest_metrics", "metrics", "tags"):
                columns = [row[1] for row in database.execute(f"pragma table_info({table})")]
                others = ", ".join(f'"{column}"' for column in columns if column != "run_uuid")
                is_copied = " and key not in ('mlflow.parentRunId', 'descent.record')" if table == "tags" else ""
                database.execute(
                    f"insert into {table} (run_uuid, {others}) select ?, {others} from {table} "
                    f"where run_uuid = ?{is_copied}",
                    (copy, original),
                )
    return str(parent)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The UI on the store; its address."""
    address = f"http://127.0.0.1:{PORT}"
    server = subprocess.Popen(
        ("descent", "ui", "--port", str(PORT)), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        process_group=0,
    )  # fmt: skip
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        subprocess.run(("pkill", "-g", str(server.pid)), check=False)
        server.wait()


def _list(folder: Path) -> float:
    """Median seconds of the query that shows the first hundred runs of the experiment, the latest first."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        (experiment,) = database.execute("select experiment_id from runs limit 1").fetchone()
    query = {
        "experiment_ids": [str(experiment)], "max_results": 100, "order_by": ["attributes.start_time DESC"],
        "run_view_type": "ACTIVE_ONLY",
    }  # fmt: skip
    seconds = []
    with _served(folder) as address:
        for _ in range(6):
            request = urllib.request.Request(
                f"{address}/api/2.0/mlflow/runs/search",
                json.dumps(query).encode(),
                {"Content-Type": "application/json"},
            )
            started = time.perf_counter()
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert len(json.load(answer)["runs"]) == query["max_results"]
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


def _compare(folder: Path, parent: str) -> float:
    """Seconds of comparing the sweep's runs, but for imports."""
    command = (
        "import sys, time; from descent.commands.compare import main; import descent.comparisons.comparison, mlflow; "
        "started = time.perf_counter(); main(sys.argv[1:]); print(time.perf_counter() - started)"
    )
    done = subprocess.run(
        (sys.executable, "-c", command, parent), cwd=folder, check=True, capture_output=True, text=True
    )
    return float(done.stdout.splitlines()[-1])
