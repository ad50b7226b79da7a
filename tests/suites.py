"""Suites of tests."""

from pathlib import Path


def write_suite(project: Path, text: str) -> Path:
    """Give a project a suite `tiny`; return the project."""
    (project / "conf" / "suite" / "tiny.yaml").write_text(text)
    return project
