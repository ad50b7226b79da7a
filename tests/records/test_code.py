import hashlib
import importlib
import os
import shutil
import site
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from descent.errors import UserError
from descent.records import code
from descent.records.code import code_of, installed_folders


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a user's modules, where Python finds them."""
    files = {
        "my_problem.py": "import json\nimport torch\nfrom my_layers import wide\nfrom my_package.parts import wheel\n",
        "my_layers.py": "wide = 3\n",
        "my_unrelated.py": "",
        "my_package/__init__.py": "",
        "my_package/parts.py": "from . import smaller\nfrom .smaller import Screw\nfrom ..outside import nothing\n",
        "my_package/smaller.py": "import my_problem\nclass Screw:\n    class Thread: pass\n",
        "my_package/unused.py": "",
        "my_package/inner/__init__.py": "from . import child\n",
        "my_package/inner/child.py": "from my_layers import wide\n",
        "my_space/inner/module.py": "import my_layers\n",
        "my_broken.py": "def (",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return tmp_path


def modules(*targets: str) -> set[str]:
    """The user's modules behind some targets."""
    return {name for name, text in code_of(config(*targets)).items() if len(text) == 64}


def config(*targets: str) -> dict[str, Any]:
    return {"problem": {"_target_": targets[0], "parts": [{"_target_": target} for target in targets[1:]]}}


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("my_layers.Layer", {"my_layers"}),
        ("my_problem.Problem", {"my_problem", "my_layers", "my_package", "my_package.parts", "my_package.smaller"}),
        ("my_package.smaller.Screw.Thread", {"my_package", "my_package.smaller", "my_problem", "my_layers",
                                             "my_package.parts"}),
        ("my_package.Missing", {"my_package"}),
        ("my_package.inner.f", {"my_package", "my_package.inner", "my_package.inner.child", "my_layers"}),
        ("my_space.inner.module.f", {"my_space.inner.module", "my_layers"}),
        ("my_broken.f", {"my_broken"}),
        ("torch.optim.Adam", set()),
        ("descent.core.problems.surface.Surface", set()),
        ("json.loads", set()),
        ("sys.exit", set()),
        ("not_there.f", set()),
    ],
)  # fmt: skip
def test_the_modules_of_the_user_behind_a_target_are_those_that_it_imports(target: str, expected: set[str]) -> None:
    assert modules(target) == expected


def test_of_a_package_in_two_folders_the_first_is_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, file in (("first", "__init__.py"), ("second", "__init__.py"), ("second", "late.py")):
        path = tmp_path / name / "my_namespace" / "package" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name} = 1\n")
    for name in ("second", "first"):
        monkeypatch.syspath_prepend(tmp_path / name)
    importlib.invalidate_caches()
    code = code_of(config("my_namespace.package.late.f"))
    assert code["my_namespace.package"] == hashlib.sha256(b"first = 1\n").hexdigest()
    assert "my_namespace.package.late" not in code  # Python does not find it either


@pytest.mark.usefixtures("mine")
def test_targets_are_found_wherever_in_a_configuration() -> None:
    looked_up = {"_target_": "hydra.utils.get_method", "path": "my_layers.wide"}
    assert code_of({"a": [{"b": {"height": looked_up}}]}).keys() == {"torch", "my_layers"}
    assert modules("torch.nn.Linear", "my_unrelated.f", "my_layers.g") == {"my_unrelated", "my_layers"}
    assert code_of({"path": "my_layers.wide"}).keys() == {"torch"}


def test_a_module_is_known_by_the_digest_of_its_source(mine: Path) -> None:
    text = (mine / "my_layers.py").read_bytes()
    assert code_of(config("my_layers.f"))["my_layers"] == hashlib.sha256(text).hexdigest()
    before = code_of(config("my_problem.f"))
    (mine / "my_layers.py").write_text("wide = 4\n")
    after = code_of(config("my_problem.f"))
    assert {name for name in before if before[name] != after[name]} == {"my_layers"}


def test_an_installed_package_is_known_by_its_version() -> None:
    code = code_of(config("pytorch_optimizer.Lion", "torchvision.datasets.MNIST", "sklearn.datasets.load_digits"))
    assert code == {
        "torch": version("torch"),
        "pytorch_optimizer": version("pytorch-optimizer"),
        "torchvision": version("torchvision"),
        "sklearn": version("scikit-learn"),
    }


def test_nothing_is_imported(mine: Path) -> None:
    (mine / "my_layers.py").write_text("raise SystemExit\n")
    assert "my_layers" in modules("my_problem.f")
    assert not {"my_problem", "my_layers", "my_package"} & sys.modules.keys()


def test_packages_of_another_environment_on_the_path_are_no_modules_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("site-packages", "dist-packages"):
        (tmp_path / name / f"from_{name[:4]}").mkdir(parents=True)
        (tmp_path / name / f"from_{name[:4]}" / "__init__.py").write_text("import torch\n")
        monkeypatch.syspath_prepend(tmp_path / name)
    importlib.invalidate_caches()
    assert modules("from_site.f", "from_dist.f") == set()


def test_a_target_of_a_notebook_is_refused_since_its_source_is_in_no_module() -> None:
    with pytest.raises(UserError, match=r"^__main__\.Valley: .* name it my_module\.Valley$"):
        code_of(config("__main__.Valley"))


@pytest.mark.usefixtures("mine")
def test_a_path_is_a_target_only_where_hydra_looks_it_up() -> None:
    def digests(value: dict[str, Any]) -> set[str]:
        return {name for name, text in code_of({"problem": value}).items() if len(text) == 64}

    assert digests({"_target_": "hydra.utils.get_method", "path": "my_layers.wide"}) == {"my_layers"}
    assert digests({"_target_": "torch.nn.Linear", "path": "my_layers.wide"}) == set()
    assert digests({"_target_": "hydra.utils.get_class"}) == set()


def test_the_version_of_a_package_that_is_not_imported_is_read_anew_after_an_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(code, "installed_folders", lambda: (tmp_path, tmp_path / "missing"))

    def install(version: str) -> None:
        for folder in tmp_path.glob("*.dist-info"):
            shutil.rmtree(folder)
        (tmp_path / f"tomorrow-{version}.dist-info").mkdir()
        (tmp_path / f"tomorrow-{version}.dist-info" / "METADATA").write_text(f"Name: tomorrow\nVersion: {version}\n")
        (tmp_path / "tomorrow").mkdir(exist_ok=True)
        (tmp_path / "tomorrow" / "__init__.py").touch()
        os.utime(tmp_path, ns=(0, int(version.replace(".", "")) * 10**9))
        importlib.invalidate_caches()

    versions = []
    for number in ("1.0", "2.0"):
        install(number)
        versions.append(code_of(config("tomorrow.f"))["tomorrow"])
    assert versions == ["1.0", "2.0"]


def test_installers_put_packages_into_all_of_these_folders() -> None:
    folders = {str(folder) for folder in installed_folders()}
    places = [*site.getsitepackages(), site.getusersitepackages(), sysconfig.get_path("stdlib")]
    assert {str(Path(place).resolve()) for place in places} <= folders


def test_an_import_above_the_top_does_not_hide_those_after_it(mine: Path) -> None:
    (mine / "my_module.py").write_text("from ... import nothing\nimport my_layers\n")
    assert modules("my_module.f") == {"my_module", "my_layers"}
