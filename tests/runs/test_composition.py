import sys

import pytest

from descent.errors import UserError
from descent.runs.composition import multirun, override


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-m", "seed=0,1"], ["-m", "seed=0,1", "b=2"]),
        (["seed=0,1", "-m"], ["seed=0,1", "b=2", "-m"]),
        (["seed=0,1", "~data", "--multirun"], ["seed=0,1", "~data", "b=2", "--multirun"]),
        (["-m"], ["b=2", "-m"]),
    ],
)
def test_overrides_are_added_where_the_others_stand(
    monkeypatch: pytest.MonkeyPatch, words: list[str], expected: list[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["descent train", *words])
    override("b=2")
    assert sys.argv == ["descent train", *expected]


def test_to_run_and_to_show_at_once_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["descent train", "-m", "seed=0,1", "--cfg", "job"])
    with pytest.raises(UserError, match="--cfg shows something and -m runs something; leave one of them out"):
        multirun("train")


def test_to_show_a_ready_sweep_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["descent train", "sweep=learning_rate", "problem=bowl", "--cfg", "hydra"])
    assert multirun("train") is None


@pytest.mark.parametrize(("mode", "is_one"), [("RUN", False), ("MULTIRUN", True)])
def test_hydras_mode_says_whether_it_is_a_multirun(monkeypatch: pytest.MonkeyPatch, mode: str, is_one: bool) -> None:
    monkeypatch.setattr("sys.argv", ["descent train", f"hydra.mode={mode}", "problem=bowl"])
    assert (multirun("train") is not None) == is_one
