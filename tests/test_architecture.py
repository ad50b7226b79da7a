"""Who imports whom: the contracts of pyproject.toml, and no private names."""

import ast
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "tests", "benchmarks", "mutants")


def test_imports_keep_to_the_contracts() -> None:
    assert lint_imports(str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True) == EXIT_STATUS_SUCCESS


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_imports_a_private_name_of_another(folder: str) -> None:
    """Private names of Hydra are allowed: some are the only way to pass it a command line."""
    private = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {alias.name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] != "hydra"
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]
    assert private == []
