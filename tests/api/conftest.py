import sys
from pathlib import Path

import pytest


@pytest.fixture
def project(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose folder, once the calls have put it on the path, is gone from there after the test."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    return project
