import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from descents import network_descent, timeless

from descent.records.run import EVALUATIONS, STEPS, TRAJECTORY, RunRecord


class KilledError(Exception):
    """What stands for a kill here; tests/end_to_end kills a real process."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor]]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    run = network_descent(folder)
    return folder, run.problem.state_dict()


@pytest.mark.parametrize("at", [1, 4, 9])
def test_a_run_that_is_resumed_ends_as_if_it_had_not_been_interrupted(
    tmp_path: Path, uninterrupted: tuple[Path, dict[str, torch.Tensor]], at: int
) -> None:
    saved = 0

    def kill() -> None:
        nonlocal saved
        saved += 1
        if saved == at:
            raise KilledError

    with pytest.raises(KilledError):
        network_descent(tmp_path, chunk_size=5, on_progress=kill)
    interrupted = RunRecord(tmp_path).read(STEPS)
    # What was written after the last checkpoint is not to stand there twice.
    with (tmp_path / "record" / STEPS).open("a") as file:
        file.write("999,0,1.0,1.0\n")
    run = network_descent(tmp_path)

    folder, weights = uninterrupted
    assert 0 < len(interrupted.rows) < 60
    # With their times: no step is taken again.
    assert RunRecord(tmp_path).read(STEPS).rows[: len(interrupted.rows)] == interrupted.rows
    for name, expected in weights.items():
        assert torch.equal(expected, run.problem.state_dict()[name])
    for table in (STEPS, EVALUATIONS):
        assert timeless(RunRecord(tmp_path), table) == timeless(RunRecord(folder), table)
    assert (tmp_path / "record" / TRAJECTORY).read_bytes() == (folder / "record" / TRAJECTORY).read_bytes()


def test_a_network_is_visited_where_it_is_planned_and_nowhere_else(tmp_path: Path) -> None:
    run = network_descent(tmp_path, steps=300)  # visited every third step, evaluated every 13th
    assert (tmp_path / "record" / TRAJECTORY).stat().st_size == 101 * 4 * run.problem.size()


def test_readers_never_see_more_than_a_checkpoint_covers(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def look() -> None:
        checkpoint = torch.load(tmp_path / "record" / "checkpoint.ckpt", weights_only=True)
        seen.append((len(RunRecord(tmp_path).read(STEPS).rows), checkpoint["state"]["steps_taken"]))

    network_descent(tmp_path, chunk_size=7, on_progress=look)
    assert len(seen) > 5
    assert all(rows == steps for rows, steps in seen)
    assert seen[-1] == (60, 60)


def test_a_run_that_left_no_checkpoint_starts_anew(tmp_path: Path) -> None:
    network_descent(tmp_path)
    for path in (tmp_path / "record").glob("checkpoint*"):
        path.unlink()
    network_descent(tmp_path)
    assert [row[0] for row in RunRecord(tmp_path).read(STEPS).rows] == list(range(1, 61))


def test_a_run_writes_and_prints_nothing_but_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    current = tmp_path / "current"
    current.mkdir()
    monkeypatch.chdir(current)
    network_descent(tmp_path / "record", steps=5)
    assert not list(current.iterdir())
    assert capfd.readouterr() == ("", "")


def test_what_is_warned_of_is_after_training_as_it_was_before(tmp_path: Path) -> None:
    before = list(warnings.filters)
    network_descent(tmp_path, steps=3)
    assert list(warnings.filters) == before


def test_the_warnings_of_a_users_optimizer_are_shown(tmp_path: Path) -> None:
    def loud(parameters: Any) -> torch.optim.Optimizer:
        warnings.warn("it is old", stacklevel=1)
        return torch.optim.Adam(parameters)

    with pytest.warns(UserWarning, match="it is old"):
        network_descent(tmp_path, steps=3, optimizer=loud)
