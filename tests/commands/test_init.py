import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo

from descent.commands.init import STARTER, main
from descent.errors import UserError


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_project_has_the_starters_files_and_is_a_dvc_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["lessons/my valleys"])
    assert capsys.readouterr().out.endswith("cd 'lessons/my valleys' && dvc repro\n")
    made = tmp_path / "lessons" / "my valleys"
    assert files(STARTER).items() <= files(made).items()
    with Repo(str(made)) as repo:
        assert {stage.name for stage in repo.index.stages} == {"train", "optimizers"}


def test_the_current_folder_can_become_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    main(["."])
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "dvc.yaml").is_file()


@pytest.mark.parametrize("name", ["README.md", "conf/problem/valley.yaml", ".gitignore"])
def test_nothing_is_replaced(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(UserError, match=rf"^{path} is there already; name a folder without it$"):
        main([str(tmp_path)])
    assert files(tmp_path) == {name: b"mine"}


def test_a_file_is_no_place_for_a_project(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file: File exists; name a folder that can be written to$"):
        main([str(tmp_path / "file")])


@pytest.mark.parametrize("folder", [".", "inner"])
def test_in_a_git_repository_dvc_works_with_git(tmp_path: Path, folder: str) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    main([str(tmp_path / folder)])
    with Repo(str(tmp_path / folder)) as repo:
        assert Path(repo.scm.root_dir).resolve() == tmp_path.resolve()


def test_a_folder_of_dvc_stays_as_it_is(tmp_path: Path) -> None:
    Repo.init(str(tmp_path), no_scm=True)
    (tmp_path / ".dvcignore").unlink()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = True\n    autostage = true\n")
    main([str(tmp_path)])
    assert "autostage" in (tmp_path / ".dvc" / "config").read_text()
