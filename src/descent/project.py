"""The project's folder, which holds dvc.yaml and mostly conf and data, and the package's own configurations."""

import os
from pathlib import Path

from descent.errors import UserError

PACKAGE_CONF = Path(__file__).resolve().parent / "conf"
"""The package's own configurations; a project's are found before them."""
PROJECT_FILE = "dvc.yaml"


def find_project() -> Path | None:
    """The nearest folder from the current one upwards that holds a dvc.yaml, if there is one."""
    current = Path.cwd()
    return next((folder for folder in (current, *current.parents) if (folder / PROJECT_FILE).is_file()), None)


def project_root() -> Path:
    """The project's folder.

    Raises:
        UserError: if the current folder is in no project.
    """
    folder = find_project()
    if folder is None:
        raise UserError(
            f"{Path.cwd()} is in no project: neither it nor a folder above has a {PROJECT_FILE}; "
            "go to a project, or make one with `descent init FOLDER`"
        )
    return folder


def shared_root() -> Path:
    """The project's folder, with what all runs share; also for a queued DVC experiment, which runs in a copy of it."""
    folder = os.environ.get("DVC_ROOT")
    return Path(folder) if folder else project_root()
