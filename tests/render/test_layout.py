from dataclasses import replace
from pathlib import Path

import pytest
from render.test_field import descent as field_descent

from descent.render import layout
from descent.render.field import field_pictures


def test_a_picture_is_to_the_last_pixel_the_same_whether_its_layout_is_known_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again = tmp_path / "first.png", tmp_path / "again.png"
    descent = field_descent()
    monkeypatch.setattr(layout, "_positions", {})
    field_pictures(descent, first, None)
    assert len(layout._positions) == 1
    field_pictures(descent, again, None)
    assert len(layout._positions) == 1
    assert again.read_bytes() == first.read_bytes()


def test_axes_of_another_key_have_a_layout_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_positions", {})
    descent = field_descent()
    field_pictures(descent, tmp_path / "one.png", None)
    field_pictures(replace(descent, title="two\nlines"), tmp_path / "two.png", None)
    (one, *_), (two, *_) = layout._positions.values()
    assert two.y1 < one.y1
