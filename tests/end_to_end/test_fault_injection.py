"""A sample of the faults that `make faults` tries in every call that changes a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_injection.faults import FAULTS, POWER_CUTS, Fault
from fault_injection.trials import Trials, trials

KILLED, _, FAILS, FULL = FAULTS

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Trials]:
    with trials(tmp_path_factory.mktemp("faults"), empty_store) as attempts:
        yield attempts


@pytest.mark.parametrize(
    ("task", "fault", "step"),
    [
        *(("run", fault, 40) for fault in FAULTS),
        *(("sweep", fault, 120) for fault in (KILLED, FULL)),
        *(("sync", fault, 600) for fault in (KILLED, FAILS)),
        ("worker", KILLED, 110),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else str(value),
)
def test_what_a_fault_interrupts_is_told_in_a_line_and_whole_after_the_same_again(
    attempts: Trials, task: str, fault: Fault, step: int
) -> None:
    tried = list(attempts.of(task, fault, step))
    assert len(tried) > 1
    assert [(trial.n, trial.wrong) for trial in tried if trial.wrong is not None] == []
    codes = {trial.first.code for trial in tried}
    assert codes <= ({-9, 0} if fault.mode < 0 else {0, 1})
    assert codes & {-9, 1}, "no fault has happened"


@pytest.mark.parametrize(("task", "step"), [("run", 50), ("sweep", 160)])
def test_what_a_power_cut_leaves_is_whole_after_the_same_again_and_what_was_reported_before(
    attempts: Trials, task: str, step: int
) -> None:
    tried = list(attempts.cut(task, POWER_CUTS, step))
    assert len(tried) >= 2 * len(POWER_CUTS)
    assert [(trial.n, trial.fault.name, trial.wrong) for trial in tried if trial.wrong is not None] == []
