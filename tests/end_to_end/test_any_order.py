"""Whatever is done in whatever order, and interrupted: in the end all is as if each had been done once, in order."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fault_injection.faults import FAULTS, Fault
from fault_injection.trials import HOW, Trials, records, trials
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from tracking.runs import LEFTOVER, RUN_ID, rows

pytestmark = pytest.mark.services

TRAINING = {"run": "run", "run with larger chunks": "run", "sweep": "sweep", "sweep with larger chunks": "sweep"}
"""The tasks that train, and the task that leaves the same: of equal runs, chunks may differ."""
STORE = ("mlflow.db", "mlartifacts")
IN_STORE = {
    "runs": "select name, status from runs where lifecycle_stage = 'active'",
    "metrics": "select r.name, r.run_uuid, m.key, step, value, is_nan from metrics m join runs r using (run_uuid)"
    f" where m.key not in {HOW}",
    "params": "select r.name, p.key, p.value from params p join runs r using (run_uuid)"
    " where p.key != 'trainer.chunk_size'",
    "parents": "select c.name, p.name from runs c join tags t using (run_uuid) join runs p on t.value = p.run_uuid"
    " where t.key = 'mlflow.parentRunId'",
    "results": "select r.name, t.value from runs r join tags t using (run_uuid) where t.key = 'descent.result'",
}
"""Queries for what does not depend on times and on how often something was done."""


def outcome(project: Path) -> dict[str, Any]:
    """What a project has in the end, in its folders and in MLflow."""
    uri = f"sqlite:///{project}/mlflow.db"
    files = (str(path.relative_to(project)) for path in (project / "mlartifacts").rglob("*") if path.is_file())
    artifacts = sorted(RUN_ID.sub("run", name.partition("+timestamp+")[0]) for name in files if LEFTOVER not in name)
    in_store = {
        what: sorted(RUN_ID.sub("run", repr(row)) for row in rows(uri, query)) for what, query in IN_STORE.items()
    }
    return {**records(project), **in_store, "artifacts": artifacts}


class Project(RuleBasedStateMachine):
    """A project in which things are done and interrupted."""

    attempts: ClassVar[Trials]
    expected: ClassVar[dict[frozenset[str], dict[str, Any]]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.folder = self.attempts.folder / "project"
        self.lost = self.attempts.folder / "lost"
        shutil.copytree(self.attempts.bare, self.folder)
        self.started: set[str] = set()

    def do(self, task: str, fault: Fault | None = None, n: int = 0) -> None:
        """Do a task, perhaps under a fault; what goes wrong is told in a line."""
        answer = self.attempts.do(task, self.folder, *(() if fault is None else (fault, n)))
        assert answer.code in (0, *(() if fault is None else (1, -9))), answer
        assert answer.code != 1 or (answer.said and "Traceback" not in answer.said), answer

    @rule(task=st.sampled_from(sorted(TRAINING)))
    def train(self, task: str) -> None:
        self.started.add(TRAINING[task])
        self.do(task)

    @rule(task=st.sampled_from(sorted(TRAINING)), fault=st.sampled_from(FAULTS), n=st.integers(1, 300))
    def train_under_a_fault(self, task: str, fault: Fault, n: int) -> None:
        self.started.add(TRAINING[task])
        self.do(task, fault, n)

    @rule(task=st.sampled_from(["sync", "worker"]))
    def sync(self, task: str) -> None:
        self.do(task)

    @rule(task=st.sampled_from(["sync", "worker"]), fault=st.sampled_from(FAULTS), n=st.integers(1, 1000))
    def sync_under_a_fault(self, task: str, fault: Fault, n: int) -> None:
        self.do(task, fault, n)

    @precondition(lambda self: not self.lost.exists())
    @rule()
    def lose_the_store(self) -> None:
        self._move_store(self.folder, self.lost)
        shutil.copy(self.attempts.bare / "mlflow.db", self.folder)

    @precondition(lambda self: self.lost.exists())
    @rule()
    def bring_the_store_back(self) -> None:
        replacement = self.attempts.folder / "replacement"
        self._move_store(self.folder, replacement)
        self._move_store(self.lost, self.folder)
        shutil.rmtree(self.lost)
        shutil.rmtree(replacement)

    def _move_store(self, source: Path, target: Path) -> None:
        target.mkdir(exist_ok=True)
        for path in (path for name in STORE for path in source.glob(f"{name}*")):
            path.rename(target / path.name)

    def teardown(self) -> None:
        try:
            for task in [*sorted(self.started), "worker"]:
                self.do(task)
            left, started = outcome(self.folder), frozenset(self.started)
            if started not in self.expected:
                shutil.rmtree(self.folder)
                shutil.copytree(self.attempts.bare, self.folder)
                for task in [*sorted(self.started), "worker"]:
                    self.do(task)
                self.expected[started] = outcome(self.folder)
            differing = {
                what: (left.get(what), value)
                for what, value in self.expected[started].items()
                if left.get(what) != value
            }
            assert differing == {}
            assert left.keys() == self.expected[started].keys()
        finally:
            shutil.rmtree(self.folder)
            shutil.rmtree(self.lost, ignore_errors=True)


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Trials]:
    with trials(tmp_path_factory.mktemp("orders"), empty_store) as attempts:
        yield attempts


def test_any_order_of_training_faults_syncs_and_stores_ends_as_without_faults(attempts: Trials) -> None:
    Project.attempts = attempts
    run_state_machine_as_test(
        Project,
        settings=settings(
            max_examples=12, stateful_step_count=8, deadline=None, database=None, derandomize=True,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
