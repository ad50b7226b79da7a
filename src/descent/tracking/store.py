"""The MLflow store: its address, its client, and its experiments."""

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from descent.errors import UserError
from descent.records.secrets import redacted, with_placeholder
from descent.tracking.description import description_of_experiment
from descent.tracking.sqlite_store import ARTIFACTS, locked_store, sqlite_path, sqlite_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

STORE = "DESCENT_STORE"
"""The environment variable of the sync's process that holds the URI of its store, if it has one."""
DEFAULT_URI = "sqlite:///mlflow.db"
KIND = "mlflow.experimentKind"
"""The tag of an experiment by which the UI chooses its pages."""
ENVIRONMENT = {
    # Report an unreachable server within seconds; the next sync tries again.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # Every error that MLflow logs is raised as well, and reported in one line.
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def resolve_uri(uri: str) -> str:
    """The URI with an absolute SQLite path; a relative one is relative to the project's root."""
    path = sqlite_path(uri)
    return sqlite_uri(path) if path else uri


@contextmanager
def as_user_errors(uri: str) -> Iterator[None]:
    """Raise any error of a store as a UserError of one line."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
        option = "" if with_placeholder(uri) == uri else f" --uri '{with_placeholder(uri)}'"
        again = f"the record is kept, and `descent sync{option}` tries again"
        raise UserError(f"MLflow store {redacted(uri)}: {redacted(_reason(error))}; {again}") from error


def client_class() -> type["MlflowClient"]:
    """Import MLflow's client, which takes seconds."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    from mlflow import MlflowClient

    return MlflowClient


def connect(uri: str) -> "MlflowClient":
    """A client of a store; raises a UserError if the store does not answer."""
    client_type = client_class()
    uri = resolve_uri(uri)
    path = sqlite_path(uri)
    with as_user_errors(uri), locked_store(path) if path else nullcontext():
        client = client_type(uri)
        client.search_experiments(max_results=1)
        return client


def experiment_id(client: "MlflowClient", name: str) -> str:
    """The id of the experiment of that name, which is created if it does not exist."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE  # experiments have theirs under the same name

    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return client.create_experiment(
                name,
                _artifact_location(client.tracking_uri, name),
                # Without its kind, the UI may take its runs for those of a language model.
                {MLFLOW_RUN_NOTE: description_of_experiment(name), KIND: "custom_model_development"},
            )
        except MlflowException as error:
            # Another process may have created it meanwhile.
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        experiment = client.get_experiment_by_name(name)
    if experiment is None or experiment.lifecycle_stage == "deleted":
        raise UserError(f"MLflow experiment {name!r} was deleted; restore it in the UI, or purge it (`mlflow gc`)")
    return str(experiment.experiment_id)


def _artifact_location(uri: str, experiment: str) -> str | None:
    """The folder of an experiment's artifacts beside a SQLite store; None for any other store, which has a default."""
    path = sqlite_path(uri)
    return (path.parent / ARTIFACTS / re.sub(r"^\.+|[^\w.-]+", "-", experiment)).as_uri() if path else None


def _reason(error: BaseException) -> str:
    """The first line of the root cause of an error."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    if isinstance(error, ModuleNotFoundError):
        return f"{error}, the store's driver; install it"
    return next(iter(str(error).splitlines()), "") or type(error).__name__
