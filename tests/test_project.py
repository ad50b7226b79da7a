from pathlib import Path

import pytest

from descent.errors import UserError
from descent.project import find_project, project_root, shared_root


def test_the_project_is_the_nearest_folder_with_a_dvc_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dvc.yaml").touch()
    inner = tmp_path / "inner"
    (inner / "deep").mkdir(parents=True)
    monkeypatch.chdir(inner / "deep")
    assert project_root() == tmp_path
    (inner / "dvc.yaml").touch()
    assert find_project() == project_root() == shared_root() == inner


def test_outside_of_a_project_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_project() is None
    with pytest.raises(UserError, match=rf"^{tmp_path} is in no project: .* dvc\.yaml; .*`descent init FOLDER`$"):
        project_root()


def test_a_queued_experiment_of_dvc_shares_what_its_project_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert shared_root() == tmp_path
    assert project_root() == tmp_path / "copy"
