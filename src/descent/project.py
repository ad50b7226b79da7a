"""Where the project is: the folder that holds dvc.yaml, conf and data."""

import os
from pathlib import Path


def project_root() -> Path:
    """The nearest folder from the current one upwards that holds a dvc.yaml, else the checkout of this package."""
    current = Path.cwd()
    for folder in (current, *current.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    return Path(__file__).resolve().parents[2]


def shared_root() -> Path:
    """The project's folder, with what all runs share; also for a queued DVC experiment, which runs in a copy of it."""
    return Path(os.environ.get("DVC_ROOT", project_root()))
