"""Every imported package is declared in pyproject.toml, and not only a dependency of another one."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
STARTER = ROOT / "src" / "descent" / "starter" / "tests"
DEPENDENCIES = PROJECT["dependencies"]
EXTRAS = PROJECT["optional-dependencies"]
DEV = [*DEPENDENCIES, *EXTRAS["dev"], *EXTRAS["optimizers"]]


def imported(path: Path) -> Iterator[str]:
    """The packages that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize(
    ("folders", "declared"), [(["src"], DEPENDENCIES), (["tests", "benchmarks", "mutants"], DEV)], ids=["src", "dev"]
)
def test_what_is_imported_is_declared(folders: Sequence[str], declared: Sequence[str]) -> None:
    names = {canonicalize_name(Requirement(requirement).name) for requirement in declared}
    distributions = packages_distributions()
    undeclared = {
        package
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if STARTER not in path.parents  # a project of its own
        for package in imported(path)
        if package in distributions
        and package not in sys.stdlib_module_names
        and not {canonicalize_name(name) for name in distributions[package]} & {*names, "descent"}
    }
    assert undeclared == set()


def test_every_tested_version_is_installed_by_its_hashes_and_no_registry_is_named() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    installed = {canonicalize_name(line.partition("==")[0]): line.split()[0].partition("==")[2] for line in lines}
    pins = (line.partition("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split())
    tested = {canonicalize_name(name): version for name, _, version in pins}
    assert {name: installed.get(name) for name in tested} == tested, "make hashes"
    assert all(re.search(r"( +--hash=sha256:[0-9a-f]{64})+$", line) for line in lines)
    assert "://" not in text
