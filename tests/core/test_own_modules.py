import importlib
import os
import py_compile
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from descent.core.own_modules import OwnFinder, forget_outdated, search_project
from descent.records.code import own_modules

CONFIG = {"problem": {"_target_": "mine_a.f"}}


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on Python's path, whose modules are forgotten after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("mine_a", "mine_b"):
        sys.modules.pop(name, None)


def write(folder: Path, value: int) -> None:
    """A module that takes its value from another one."""
    (folder / "mine_a.py").write_text("from mine_b import VALUE\n")
    (folder / "mine_b.py").write_text(f"VALUE = {value}\n")
    importlib.invalidate_caches()


def value_now() -> int:
    forget_outdated(own_modules(CONFIG))
    value: int = importlib.import_module("mine_a").VALUE
    return value


def test_an_edit_of_a_module_that_another_one_imports_is_seen(mine: Path) -> None:
    write(mine, 1)
    assert value_now() == 1
    write(mine, 2)
    assert value_now() == 2


def test_a_module_that_was_imported_before_by_somebody_else_is_imported_again(mine: Path) -> None:
    write(mine, 1)
    before = importlib.import_module("mine_a")
    (mine / "mine_b.py").write_text("VALUE = 2\n")
    assert before.VALUE == 1
    assert value_now() == 2


def test_modules_that_are_as_they_were_stay(mine: Path) -> None:
    write(mine, 1)
    value_now()
    before = sys.modules["mine_a"]
    value_now()
    assert sys.modules["mine_a"] is before


def test_bytecode_of_the_same_second_and_length_is_not_taken_for_the_source(mine: Path) -> None:
    write(mine, 1)
    path = mine / "mine_b.py"
    os.utime(path, (1e9, 1e9))
    py_compile.compile(str(path), doraise=True)
    path.write_text("VALUE = 2\n")
    os.utime(path, (1e9, 1e9))
    assert value_now() == 2


def test_a_module_that_is_reloaded_by_hand_outdates_those_that_imported_from_it(mine: Path) -> None:
    write(mine, 1)
    value_now()
    (mine / "mine_b.py").write_text("VALUE = 2\n")
    importlib.reload(sys.modules["mine_b"])
    assert sys.modules["mine_a"].VALUE == 1
    assert value_now() == 2


def test_installed_modules_are_found_as_ever(mine: Path) -> None:
    write(mine, 1)
    value_now()
    (finder,) = (finder for finder in sys.meta_path if isinstance(finder, OwnFinder))
    assert finder.find_spec("mine_a") is not None
    assert [finder.find_spec(name) for name in ("json", "yaml", "descent", "not_there")] == [None] * 4


def test_the_folder_of_the_project_is_searched_first_and_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["elsewhere", str(project), *sys.path])
    search_project()
    search_project()
    assert sys.path[:2] == [str(project), "elsewhere"]
    assert sys.path.count(str(project)) == 1


def test_modules_that_another_finder_loads_stay_as_well(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(mine, 1)
    value_now()
    sys.modules.pop("mine_a")
    monkeypatch.setattr(sys, "meta_path", [PathFinder, *sys.meta_path])
    value_now()
    before = sys.modules["mine_a"]
    value_now()
    assert sys.modules["mine_a"] is before
