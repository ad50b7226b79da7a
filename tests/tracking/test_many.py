import os
import subprocess
import sys
from pathlib import Path

import pytest
from tracking.runs import ended_record, rows

from descent.tracking.store import STORE

PROCESSES, STEPS_EACH = 4, 1500


@pytest.mark.services
def test_many_processes_at_once_lose_nothing_in_a_new_sqlite_store(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"
    records = [ended_record(tmp_path / f"run{number}", STEPS_EACH) for number in range(PROCESSES)]
    command = (sys.executable, "-m", "descent.tracking.sync_worker", str(STEPS_EACH))
    at_once = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, STORE: uri}
        )
        for _ in range(PROCESSES)
    ]
    for process, record in zip(at_once, records, strict=True):
        assert process.stdin is not None
        process.stdin.write(f"{record.folder}\n")
        process.stdin.flush()
    for process in at_once:
        _, stderr = process.communicate(timeout=300)
        assert (process.returncode, stderr) == (0, "")
    for record in records:
        points = rows(
            uri,
            "select m.step, m.value from metrics m join runs r using (run_uuid) where m.key = 'loss/step' "
            f"and r.name = '{record.folder.name}' order by m.step",
        )
        assert points == [(step, 1 / (step + 1)) for step in range(STEPS_EACH)]
