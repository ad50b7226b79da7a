"""Serve the MLflow UI, and print the addresses of its experiments and sweeps."""

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from descent.errors import UserError, printable
from descent.tracking.store import DEFAULT_URI, as_user_errors, connect, resolve_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

HOST = "127.0.0.1"


def main(words: Sequence[str]) -> None:
    """Print the addresses of the experiments and of the sweeps, and serve them until Ctrl-C."""
    parser = argparse.ArgumentParser("descent ui", description=__doc__)
    parser.add_argument("--uri", default=DEFAULT_URI, help="the MLflow store; a server is not served again")
    parser.add_argument("--port", type=int, default=5000)
    arguments = parser.parse_args(words)
    is_served = arguments.uri.startswith(("http://", "https://"))
    if not is_served:
        _refuse_used(arguments.port)
    server = arguments.uri.rstrip("/") if is_served else f"http://{HOST}:{arguments.port}"
    client = connect(arguments.uri)
    with as_user_errors(arguments.uri):
        links = pages(client)
    width = max(len(name) for name, _ in links)
    for name, page in links:
        print(printable(f"{name:<{width}}  {server}/{page}"))
    sys.stdout.flush()
    if not is_served:
        serve = [
            "--app-name",
            "descent",
            "--backend-store-uri",
            resolve_uri(arguments.uri),
            "--host",
            HOST,
            "--port",
            str(arguments.port),
        ]
        os.execv(sys.executable, [sys.executable, "-m", "mlflow", "ui", *serve])


def _refuse_used(port: int) -> None:
    """Refuse a port at which another program listens, before any address is printed."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            reason = "it must be from 0 to 65535" if isinstance(error, OverflowError) else error.strerror
            raise UserError(f"--port {port}: {reason}; choose another") from error


def pages(client: "MlflowClient") -> list[tuple[str, str]]:
    """The names and addresses of pages in the UI: all experiments, then each sweep, the latest first."""
    from descent.tracking.saved_view import saved_views, view_address

    saved = [
        (when, name, view_address(experiment.experiment_id, key))
        for experiment in client.search_experiments()
        for key, name, when in saved_views(experiment.tags)
    ]
    sweeps = [(name, f"{address}&compareRunsMode=CHART") for _, name, address in sorted(saved, reverse=True)]
    return [("all experiments", "#/experiments?workflowType=machine_learning"), *sweeps]
