"""The MLflow store: where it is, the first contact with it, and its experiments."""

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from descent.errors import UserError
from descent.project import shared_root

if TYPE_CHECKING:
    from mlflow import MlflowClient

DEFAULT_URI = "sqlite:///mlflow.db"
SQLITE = "sqlite:///"
ENVIRONMENT = {
    # A server that is away is to be told of in seconds; whoever syncs tries again later.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # Every error that MLflow logs is raised as well, and told in a line.
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def resolve(uri: str) -> str:
    """The URI, a relative SQLite path taken from the project's root, whichever folder one is in."""
    path = database(uri)
    return f"{SQLITE}{path}" if path else uri


def database(uri: str) -> Path | None:
    """The file of a SQLite store; None for any other store."""
    return shared_root() / uri.removeprefix(SQLITE) if uri.startswith(SQLITE) else None


@contextmanager
def as_user_errors(uri: str) -> Iterator[None]:
    """Tell whatever goes wrong with a store in one line: a UserError."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        store = re.sub("//[^/@]*@", "//", uri)  # a password is not to be told
        raise UserError(f"MLflow store {store}: {_reason(error)}; `descent sync` tries again") from error


def client_class() -> type["MlflowClient"]:
    """MLflow's client, imported, which takes seconds."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    from mlflow import MlflowClient

    return MlflowClient


def connect(uri: str) -> "MlflowClient":
    """A client of a store that answers; UserError where none does."""
    new_client = client_class()
    uri = resolve(uri)
    path = database(uri)
    with as_user_errors(uri), _first_contact(path) if path else nullcontext():
        client = new_client(uri)
        client.search_experiments(max_results=1)
        return client


def experiment_id(client: "MlflowClient", name: str) -> str:
    """The id of the experiment of that name, created where there is none."""
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return client.create_experiment(name, _artifact_location(client.tracking_uri, name))
        except MlflowException as error:
            # Another run of the same problem may have been quicker.
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        experiment = client.get_experiment_by_name(name)
    if experiment is None or experiment.lifecycle_stage == "deleted":
        raise UserError(f"MLflow experiment {name!r} was deleted; restore it in the UI, or purge it (`mlflow gc`)")
    return str(experiment.experiment_id)


@contextmanager
def _first_contact(path: Path) -> Iterator[None]:
    """One process at a time: the first creates the schema, and a half-made one is no store."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(path.name + ".lock")):
        # MLflow would try again for minutes to open what is not a database.
        with closing(sqlite3.connect(path)) as probe:
            probe.execute("PRAGMA schema_version")
        yield


def _artifact_location(uri: str, experiment: str) -> str | None:
    """A folder beside a SQLite store; any other store knows its own."""
    path = database(uri)
    return (path.parent / "mlartifacts" / re.sub(r"[^\w.-]+", "-", experiment)).as_uri() if path else None


def _reason(error: BaseException) -> str:
    """The first line of what lies at the root of an error."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return next(iter(str(error).splitlines()), "") or type(error).__name__
