import os
from pathlib import Path

import numpy as np
import pytest

from descent.records.files import flush, make_folder, read_arrays, write_arrays, write_atomically


class PowerCutError(Exception):
    """What stands for a power cut."""


def test_a_file_is_on_the_disk_before_it_takes_the_place_of_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: dict[int, bytes] = {}
    fsync = os.fsync

    def watched(handle: int) -> None:
        fsync(handle)
        flushed[os.fstat(handle).st_ino] = Path(f"/proc/self/fd/{handle}").read_bytes()

    monkeypatch.setattr(os, "fsync", watched)
    path = tmp_path / "a.json"
    for content in ("old", "new, and longer"):
        write_atomically(path, content)
        assert flushed[path.stat().st_ino] == content.encode()
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stays_if_the_new_one_does_not_reach_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(_: int) -> None:
        raise PowerCutError

    path, previous = tmp_path / "a", tmp_path / "b"
    write_atomically(path, b"old", previous)
    monkeypatch.setattr(os, "fsync", cut)
    with pytest.raises(PowerCutError):
        write_atomically(path, b"new", previous)
    assert path.read_bytes() == b"old"
    assert not previous.exists()


def test_the_old_file_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    path, previous = tmp_path / "a", tmp_path / "b"
    for content in (b"1", b"2", b"3"):
        write_atomically(path, content, previous)
    assert (path.read_bytes(), previous.read_bytes()) == (b"3", b"2")


def test_what_a_killed_process_left_is_replaced_and_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    path, aside, other = tmp_path / "a", tmp_path / "a.new", tmp_path / "other"
    aside.write_bytes(b"half of")
    write_atomically(path, b"1")
    other.write_bytes(b"a stranger's")
    aside.symlink_to(other)
    write_atomically(path, b"2")
    assert (path.read_bytes(), other.read_bytes(), aside.exists()) == (b"2", b"a stranger's", False)
    assert not path.is_symlink()


def test_arrays_are_read_as_they_were_written_and_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_arrays(path, {"kind": np.array("plane"), "grid": np.arange(3.0)})
    arrays = read_arrays(path.read_bytes())
    assert arrays["kind"] == "plane"
    assert arrays["grid"].tolist() == [0, 1, 2]
    np.savez(path, objects=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        read_arrays(path.read_bytes())


def test_a_folder_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(os.fstat(handle).st_ino))
    opened = {*Path("/proc/self/fd").iterdir()}
    flush(tmp_path)
    assert flushed == [tmp_path.stat().st_ino]
    assert {*Path("/proc/self/fd").iterdir()} == opened


def test_a_folder_that_another_process_makes_at_the_same_time_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a" / "b"
    make_folder(folder)
    is_dir, seen = Path.is_dir, [False]  # it was not there yet

    def look(path: Path) -> bool:
        return seen.pop() if path == folder and seen else is_dir(path)

    monkeypatch.setattr(Path, "is_dir", look)
    make_folder(folder)
    assert not seen
