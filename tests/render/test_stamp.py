from pathlib import Path

import pytest

from descent.errors import UserError
from descent.render.stamp import STAMP, drawing, is_current, source_hash, stamp_of


def draw(views: Path, stamp: str, *names: str) -> None:
    with drawing(views, stamp) as folder:
        for name in names:
            (folder / name).write_text(stamp)


def test_views_are_current_while_they_are_those_of_a_stamp(tmp_path: Path) -> None:
    views, stamp = tmp_path / "views", stamp_of("this", "render")
    assert not is_current(views, stamp)
    draw(views, stamp, "a.png", "b.png")
    assert is_current(views, stamp)
    assert is_current(views, stamp, ["b.png"])
    assert not is_current(views, stamp, ["c.gif"])
    assert not is_current(views, stamp_of("that", "render"))
    assert not is_current(views, stamp_of("this", "comparisons", "render"))
    (views / "a.png").unlink()
    assert not is_current(views, stamp)


def test_views_replace_those_that_were_drawn_before(tmp_path: Path) -> None:
    (tmp_path / "others.txt").touch()
    draw(tmp_path, "one", "a.png", "b.png")
    draw(tmp_path, "two", "b.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.png", STAMP, "others.txt"]
    assert (tmp_path / "b.png").read_text() == "two"


def test_a_drawing_that_fails_leaves_the_views_as_they_were(tmp_path: Path) -> None:
    draw(tmp_path, "one", "a.png")
    with pytest.raises(FileNotFoundError):
        draw(tmp_path, "two", "a.png", "nowhere/b.png")
    assert is_current(tmp_path, "one")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", STAMP]


def test_the_source_is_that_of_one_package() -> None:
    assert source_hash("render") != source_hash("comparisons")


def test_a_file_that_a_stamp_names_but_is_no_view_stays(tmp_path: Path) -> None:
    views, own = tmp_path / "a" / "views", tmp_path / "own.txt"
    views.mkdir(parents=True)
    own.touch()
    (views / "old.png").touch()
    (views / STAMP).write_text(f"his\n\n../../own.txt\n{own}\n..\n\nold.png\n")
    draw(views, "ours", "a.png")
    assert own.exists()
    assert sorted(path.name for path in views.iterdir()) == ["a.png", STAMP]


def test_views_are_drawn_through_no_link(tmp_path: Path) -> None:
    own, views, linked = tmp_path / "own.txt", tmp_path / "views", tmp_path / "linked"
    own.write_text("mine")
    views.mkdir()
    for name in ("a.png", STAMP):
        (views / name).symlink_to(own)
    draw(views, "ours", "a.png")
    assert own.read_text() == "mine"
    linked.symlink_to(views)
    with pytest.raises(UserError, match=r"linked is a link, .+; remove it, and draw again$"):
        draw(linked, "ours", "b.png")
    assert sorted(path.name for path in views.iterdir()) == ["a.png", STAMP]


def test_what_a_killed_process_was_drawing_is_removed_and_no_folder_that_a_link_leads_to(tmp_path: Path) -> None:
    views, elsewhere = tmp_path / "views", tmp_path / "elsewhere"
    for folder in (views / ".drawing-killed", elsewhere):
        folder.mkdir(parents=True)
        (folder / "a.png").write_text("half")
    (views / ".drawing-link").symlink_to(elsewhere)
    with drawing(views, "a stamp") as folder:
        (folder / "a.png").write_text("whole")
    assert {path.name for path in views.iterdir()} == {"a.png", STAMP, ".drawing-link"}
    assert (elsewhere / "a.png").exists()
    assert is_current(views, "a stamp", ["a.png"])
