"""A sample of the faults that `make faults` tries in every call that changes a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_injection.trials import FAULTS, Fault, Trials, trials

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Trials]:
    with trials(tmp_path_factory.mktemp("faults"), empty_store) as attempts:
        yield attempts


@pytest.mark.parametrize(("task", "step"), [("run", 23), ("sweep", 90), ("sync", 150), ("worker", 70)])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_a_fault_interrupts_is_told_in_a_line_and_whole_after_the_same_again(
    attempts: Trials, task: str, step: int, fault: Fault
) -> None:
    tried = list(attempts.of(task, fault, step))
    assert len(tried) > 1
    assert [(trial.n, trial.wrong) for trial in tried if trial.wrong is not None] == []
    codes = {trial.first.code for trial in tried}
    assert codes <= ({-9, 0} if fault.mode < 0 else {0, 1})
    assert codes & {-9, 1}, "no fault has happened"
