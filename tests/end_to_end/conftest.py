import shutil
from pathlib import Path

import pytest


@pytest.fixture
def project(project: Path, empty_store: Path) -> Path:
    """A project whose store is there already, as from its second run on."""
    shutil.copy(empty_store, project)
    return project
