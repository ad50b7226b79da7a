from dataclasses import replace
from pathlib import Path

import pytest

from descent.errors import UserError
from descent.records.seeds import HEADER, Origin, SeedsRecord, seeds_folders

ORIGIN = Origin({"optimizer.lr": "0.3", "seed": "0"}, ["a"], "core", {"torch": "2"})
RUNS = [{"seed": 10, "step": 5, "x": 0.1}, {"seed": 9, "step": 5, "x": 1e-30}]


def written(folder: Path) -> SeedsRecord:
    record = SeedsRecord(folder)
    record.write(ORIGIN, "name: bowl\n", RUNS, [*RUNS, {"seed": "9", "step": "0", "x": "1.0"}])
    return record


def test_what_is_written_is_read_in_the_order_of_the_seeds(tmp_path: Path) -> None:
    record = written(tmp_path / "seeds" / "bowl")
    assert record.origin() == ORIGIN
    assert [row["seed"] for row in record.runs()] == ["9", "10"]
    assert record.seeds() == {9, 10}
    assert [(row["step"], row["seed"]) for row in record.evaluations()] == [("0", "9"), ("5", "9"), ("5", "10")]
    assert float(record.runs()[0]["x"]) == 1e-30
    assert seeds_folders(tmp_path) == [record.folder]


def test_what_is_read_is_written_byte_by_byte(tmp_path: Path) -> None:
    record = written(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    record.write(ORIGIN, "name: bowl\n", record.runs(), record.evaluations())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_without_a_header_there_may_be_runs_of_unknown_origin(tmp_path: Path) -> None:
    record = written(tmp_path)
    (tmp_path / HEADER).unlink()
    assert record.origin() is None
    assert record.exists()
    assert not SeedsRecord(tmp_path / "nothing").exists()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (replace(ORIGIN, params={"optimizer.lr": "0.1", "seed": "0"}), "optimizer.lr is 0.3 there and 0.1 here"),
        (replace(ORIGIN, params={"seed": "1"}), "optimizer.lr is 0.3 there and not set here (and 1 more)"),
        (replace(ORIGIN, data=["b"], source="other"), "the data have changed"),
        (replace(ORIGIN, source="other"), "the core's source has changed"),
        (replace(ORIGIN, code={"torch": "3"}), "modules or packages have changed"),
    ],
)
def test_an_origin_says_what_differs_first(other: Origin, said: str) -> None:
    assert ORIGIN.differs(other) == said


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"what": 1}'])
def test_a_damaged_header_is_refused_in_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / HEADER).write_text(text)
    with pytest.raises(UserError, match=r"seeds\.json is damaged"):
        SeedsRecord(tmp_path).origin()


@pytest.mark.parametrize("text", ["seed\nmany\n", "x\n1\n", "seed\n1\x00\n"])
def test_seeds_that_are_no_numbers_are_refused_in_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "runs.csv").write_text(text)
    with pytest.raises(UserError, match=r"runs\.csv is damaged"):
        SeedsRecord(tmp_path).seeds()


def test_a_table_that_is_missing_is_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"evaluations\.csv is damaged"):
        SeedsRecord(tmp_path).evaluations()
