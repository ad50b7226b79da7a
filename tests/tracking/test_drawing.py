import os
import signal
from pathlib import Path

import pytest
from tracking.runs import ended_record, start

from descent.render import run_views
from descent.tracking.drawing import Drawer, drawing_error

VIEWS = ["descent.html", "descent.png", "descent_small.png", "drawn.txt"]


def views_of(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "views").iterdir())


def test_several_runs_are_drawn_in_another_process_and_a_single_one_in_this(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [ended_record(tmp_path / name).folder for name in "abc"]
    with Drawer() as drawer:
        assert list(drawer.draw(folders[:1])) == [None]
        monkeypatch.delattr(run_views, "draw")
        assert list(drawer.draw(folders[1:])) == [None, None]
        (folders[0] / "views" / "descent.png").unlink()
        assert list(drawer.draw(folders[:1])) == [None]  # since that process is there
    assert [views_of(folder) for folder in folders] == [VIEWS] * 3


def test_a_run_that_has_not_ended_is_not_drawn_and_one_that_can_not_be_drawn_has_its_error(tmp_path: Path) -> None:
    growing, broken = start(tmp_path / "growing", 5).folder, ended_record(tmp_path / "broken").folder
    (broken / "record" / "landscape.npz").write_bytes(b"PK half")
    with Drawer() as drawer:
        nothing, error = drawer.draw([growing, broken])
    assert nothing is None
    assert error is not None
    assert error.startswith(f"{broken}/record/landscape.npz is damaged: ")
    assert error == drawing_error(broken)
    assert not (growing / "views").exists()


def test_runs_are_drawn_although_the_other_process_is_killed(tmp_path: Path) -> None:
    folders = [ended_record(tmp_path / name).folder for name in "abcd"]
    with Drawer() as drawer:
        assert list(drawer.draw(folders[:2])) == [None, None]
        assert drawer._process is not None
        os.kill(drawer._process.pid, signal.SIGKILL)
        drawer._process.wait()
        assert list(drawer.draw(folders[2:])) == [None, None]
    assert [views_of(folder) for folder in folders] == [VIEWS] * 4


def test_the_other_process_draws_folders_of_any_name_in_any_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}.items():
        monkeypatch.setenv(name, value)
    sound = ended_record(tmp_path / "größe").folder
    broken = ended_record(tmp_path / "broken").folder.rename(tmp_path / "latin-1 \udcfc")
    (broken / "record" / "landscape.npz").write_bytes(b"PK half")
    monkeypatch.delattr(run_views, "draw")
    with Drawer() as drawer:
        nothing, error = drawer.draw([sound, broken])
    assert nothing is None
    assert error is not None
    assert error.startswith(rf"{tmp_path}/latin-1 \udcfc/record/landscape.npz is damaged: ")
    assert views_of(sound) == VIEWS
