import shutil
from pathlib import Path

import pytest


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    """An empty store of the test's own."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"
