import gzip
import struct
from pathlib import Path

import pytest
import torch
from idx_files import write_idx

from descent.core.data.idx import read_idx
from descent.errors import UserError


def test_values_come_back_in_the_shape_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "values"
    path.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 253, 254, 255]))
    values = read_idx(path)
    assert values.dtype == torch.uint8
    assert values.tolist() == [[1, 2, 3], [253, 254, 255]]


@pytest.mark.parametrize("shape", [(5,), (4, 3, 2), (0, 28, 28), (300, 2)])
def test_any_shape_is_read_as_it_was_written(tmp_path: Path, shape: tuple[int, ...]) -> None:
    written = torch.randint(0, 256, shape, dtype=torch.uint8)
    write_idx(tmp_path / "values", written)
    read = read_idx(tmp_path / "values")
    assert read.shape == written.shape
    assert torch.equal(read, written)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "no IDX file"),
        (b"\x1f\x8b\x08\x00 packed", "is packed by gzip and damaged"),
        (gzip.compress(b"text", mtime=0), "no IDX file"),
        (bytes([0, 0, 10, 1, 0, 0, 0, 1]) + bytes(4), "no IDX file"),
        (bytes([0, 1, 8, 1, 0, 0, 0, 1]) + bytes(1), "no IDX file"),
        (bytes([0, 0, 13, 1, 0, 0, 0, 1]) + bytes(3), "cut short: 11 bytes, its header says 12"),
        (bytes([0, 0, 8, 3, 0, 0]), "cut short"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 4]) + bytes(3), "cut short: 11 bytes, its header says 12"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 4]) + bytes(5), "has bytes after its end: 13 bytes, its header says 12"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_by_name(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "t10k-labels-idx1-ubyte"
    path.write_bytes(content)
    with pytest.raises(UserError, match=fault) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "packed", "dtype"),
    [(8, "B", torch.uint8), (9, "b", torch.int8), (11, "h", torch.int16), (12, "i", torch.int32),
     (13, "f", torch.float32), (14, "d", torch.float64)],
)  # fmt: skip
def test_every_type_of_value_is_read_in_its_dtype_packed_or_not(
    tmp_path: Path, kind: int, packed: str, dtype: torch.dtype
) -> None:
    content = bytes([0, 0, kind, 1, 0, 0, 0, 3]) + struct.pack(f">3{packed}", 1, 2, 100)
    for stored in (content, gzip.compress(content)):
        (tmp_path / "values").write_bytes(stored)
        values = read_idx(tmp_path / "values")
        assert values.dtype == dtype
        assert values.tolist() == [1, 2, 100]


def test_a_missing_file_is_reported_with_the_remedy_and_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^there is no .*train-images-idx3-ubyte; ask someone$"):
        read_idx(tmp_path / "train-images-idx3-ubyte", "ask someone")
    with pytest.raises(UserError, match=r"is a folder; name a file in it$"):
        read_idx(tmp_path)
