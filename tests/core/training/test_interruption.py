import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from descents import network_descent, timeless

from descent.errors import Terminated
from descent.records.run import EVALUATIONS, STEPS, RunRecord

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Signals as a shell leaves them, even where the tests run in its background or under nohup, which ignore one."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_run_that_is_told_to_end_is_saved_after_the_chunk_and_ends_as_if_it_had_not_been(
    tmp_path: Path, number: int
) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    evaluated = 0

    def tell() -> None:
        nonlocal evaluated
        evaluated += 1
        if evaluated == 3:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt) as raised:
        network_descent(tmp_path / "told", chunk_size=5, on_evaluation=tell, checkpoint_seconds=1000)
    assert getattr(raised.value, "exit_code", 130) == 128 + number
    assert isinstance(raised.value, Terminated) == (number != signal.SIGINT)
    record = RunRecord(tmp_path / "told")
    last = record.read(EVALUATIONS).rows[-1][0]
    assert len(record.read(EVALUATIONS).rows) == 3
    assert last is not None
    assert 0 < last < 60
    taken = [row[0] for row in record.read(STEPS).rows]
    assert taken == list(range(1, len(taken) + 1))
    assert last < len(taken) <= last + 5  # the next chunk was the last
    assert [signal.getsignal(each) for each in SIGNALS] == before

    resumed = network_descent(tmp_path / "told")
    straight = network_descent(tmp_path / "straight")
    assert resumed.problem.state_dict().keys() == straight.problem.state_dict().keys()
    for table in (STEPS, EVALUATIONS):
        assert timeless(record, table) == timeless(RunRecord(tmp_path / "straight"), table)


def test_a_second_signal_acts_at_once(tmp_path: Path) -> None:
    def tell_twice() -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        network_descent(tmp_path, on_evaluation=tell_twice, checkpoint_seconds=1000)
    assert RunRecord(tmp_path).read(STEPS).rows == []


def test_a_signal_that_the_process_ignores_stays_ignored(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        network_descent(tmp_path, on_evaluation=lambda: os.kill(os.getpid(), signal.SIGHUP))
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert len(RunRecord(tmp_path).read(STEPS).rows) == 60
