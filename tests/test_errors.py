import pytest

from descent.errors import printable


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("y = x², ≈ 1 µ", "y = x², ≈ 1 µ"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("abc\u202ecba", r"abc\u202ecba"),
    ],
)
def test_a_terminal_is_shown_control_characters_and_does_not_obey_them(text: str, line: str) -> None:
    assert printable(text) == line
