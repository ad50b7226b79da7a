import hashlib
import math
import os
import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from descent.errors import UserError
from descent.records import tables
from descent.records.tables import Extent, GrowingFile, TableFile, extent_of

LINES = ["step,timestamp,loss/step", "1,10,0.5", "2,20,", "3,30,nan", "4,40,inf", "5,50,-1e-300"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "record" / "steps.csv"
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{line}\n" for line in LINES))
    return path


@pytest.mark.parametrize("block", [1, 7, 24, 25, 26, 1000])
def test_rows_are_the_same_in_blocks_of_any_size(path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(tables, "BLOCK", block)
    file = TableFile(path)
    assert file.columns() == LINES[0].split(",")
    assert file.count() == 5
    assert file.read().rows[:2] == [[1, 10, 0.5], [2, 20, None]]
    assert repr(file.read().rows[2]) == "[3.0, 30.0, nan]"
    assert file.read().rows[3:] == [[4, 40, math.inf], [5, 50, -1e-300]]
    assert file.read([3, 0]).rows == [[1, 10, 0.5], [4, 40, math.inf]]
    assert file.read([]).rows == []
    np.testing.assert_array_equal(
        file.values("loss/step", "step"), [[0.5, 1], [math.nan, 2], [math.nan, 3], [math.inf, 4], [-1e-300, 5]]
    )


def test_only_the_first_bytes_are_read_and_a_line_that_they_hold_in_part_is_not(path: Path) -> None:
    length = len(f"{LINES[0]}\n{LINES[1]}\n{LINES[2]}\n")
    assert TableFile(path, length).count() == 2
    assert TableFile(path, length - 3).count() == 1
    assert TableFile(path, length - 3).read().rows == [[1, 10, 0.5]]
    assert TableFile(path, 0).read().rows == []
    assert TableFile(path, 0).columns() == []
    assert TableFile(path.with_name("missing.csv")).values("loss/step").shape == (0, 1)


def test_a_table_that_is_not_what_was_written_is_an_error_whatever_is_read_of_it(path: Path) -> None:
    file = TableFile(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    assert file.count() == 5
    path.write_text(path.read_text().replace("0.5", "0.6"))
    said = (
        rf"^{path} is damaged: it is not what the run wrote; restore it, or remove {path.parents[1]} and train again$"
    )
    for read in (file.count, file.read, lambda: file.read([0]), lambda: file.values("loss/step")):
        with pytest.raises(UserError, match=said):
            read()


def test_a_long_table_is_read_in_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BLOCK", 1 << 16)
    with path.open("a") as file:
        file.writelines(f"{step},{step},{step / 7}\n" for step in range(6, 100_001))
    tracemalloc.start()
    table = TableFile(path)
    assert table.count() == 100_000
    assert table.read([0, 99_999]).rows == [[1, 10, 0.5], [1e5, 1e5, 1e5 / 7]]
    assert tracemalloc.get_traced_memory()[1] < 10 * tables.BLOCK  # the table has 43
    tracemalloc.reset_peak()
    assert table.values("loss/step")[-1, 0] == 1e5 / 7
    assert tracemalloc.get_traced_memory()[1] < 2 * 8e5 + 30 * tables.BLOCK
    tracemalloc.stop()


def test_the_digest_of_a_growing_file_is_that_of_its_content(tmp_path: Path) -> None:
    path, generator, content = tmp_path / "a.csv", random.Random(0), b""
    for _ in range(5):  # each as by another process
        file = GrowingFile(path)
        for _ in range(3):
            more = generator.randbytes(generator.randrange(1, 100))
            content += more
            file.append(more)
            assert file.flush() == Extent(len(content), hashlib.sha256(content).hexdigest())
            assert path.read_bytes() == content
        file.close()
        assert file.flush() == extent_of(path)
    assert extent_of(path, 10) == Extent(10, hashlib.sha256(content[:10]).hexdigest())
    assert extent_of(path, 10_000).length == len(content)


def test_a_flush_waits_for_the_disk_also_where_the_file_was_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(os.fstat(handle).st_size))
    file = GrowingFile(tmp_path / "a.csv")
    file.append(b"12345")
    file.flush()
    file.append(b"678")
    file.close()
    file.flush()
    assert flushed == [5, 8]
