import shutil
from pathlib import Path

import pytest


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    """A new empty store."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"
