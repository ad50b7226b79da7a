import sys
from importlib.metadata import version

import pytest

from descent import cli


def test_a_command_has_one_name_in_the_help() -> None:
    names = cli.names()
    assert names == sorted(set(names))
    assert {"check-gradient", "fetch", "noisy-polynomial", "sync", "train"} <= set(names)
    listed = [line.split()[0] for line in cli.usage().splitlines() if line.startswith("  ")]
    assert listed == names


def test_it_says_its_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["descent", "--version"])
    cli.main()
    assert capsys.readouterr().out == f"descent {version('descent')}\n"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("command", ["noisy_polynomial", "noisy-polynomial"])
def test_a_dash_is_as_good_as_an_underscore(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr(sys, "argv", ["descent", command, "count=6"])
    with pytest.raises(SystemExit, match=rf"^descent {command}: count=6: choose a number above degree=6"):
        cli.main()


def test_ctrl_c_is_reported_in_a_line_of_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(words: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["descent", "sync"])
    monkeypatch.setattr("descent.commands.sync.main", interrupted)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 130
    assert capsys.readouterr() == ("", "descent sync: interrupted\n")
