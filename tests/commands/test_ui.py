import shutil
import signal
import socket
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from end_to_end.commands import here, started
from tracking.runs import ended_record
from waiting import eventually

from descent.commands.ui import main, pages
from descent.errors import UserError
from descent.records.run import SWEEP_OF
from descent.records.sweep import JobState, SweepHeader, SweepRecord, SweepState
from descent.tracking.store import connect
from descent.tracking.sweep_sync import sync_sweep
from descent.tracking.sync import sync

FIRST = ("all experiments", "#/experiments?workflowType=machine_learning")


@pytest.fixture
def store(empty_store: Path, project: Path) -> str:
    """The project's own store, empty."""
    shutil.copy(empty_store, project / "mlflow.db")
    return f"sqlite:///{project}/mlflow.db"


def sweep(project: Path, name: str, ended: int) -> None:
    """A sweep of one job, in the store."""
    folder = project / "runs" / f"{name}-run"
    run = ended_record(folder, tags={SWEEP_OF: name})
    record = SweepRecord.create(project / "sweeps" / name, SweepHeader(name, name, "x squared", 0, {}, {}), "")
    record.write_job(JobState(["seed=1"], "seed=1", "trained", str(folder.relative_to(project)), run.header.id))
    record.write_state(SweepState("FINISHED", when=ended))
    for sync_one in (sync, sync_sweep):
        sync_one(folder if sync_one is sync else record.folder, f"sqlite:///{project}/mlflow.db")


def test_there_is_a_page_for_all_experiments_and_then_one_for_each_sweep_the_latest_first(
    project: Path, store: str
) -> None:
    assert pages(connect(store)) == [FIRST]
    for name, ended in (("first", 100), ("third", 300), ("second", 200)):
        sweep(project, name, ended)
    experiment = connect(store).get_experiment_by_name("x squared")
    assert experiment is not None
    view = f"#/experiments/{experiment.experiment_id}/runs?viewStateShareKey="
    assert pages(connect(store)) == [
        FIRST,
        *(
            (name, f"{view}{name}&workflowType=machine_learning&compareRunsMode=CHART")
            for name in ("third", "second", "first")
        ),
    ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.usefixtures("store")
def test_a_port_that_is_used_is_refused_before_any_address_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"^--port {port}: Address already in use; choose another$"):
            main(["--port", str(port)])
    with pytest.raises(UserError, match=r"^--port 65536: it must be from 0 to 65535; choose another$"):
        main(["--port", "65536"])
    assert capsys.readouterr().out == ""


def answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


@pytest.mark.services
@pytest.mark.usefixtures("store")
def test_the_pages_are_printed_in_a_column_and_served_and_a_server_is_not_served_again(project: Path) -> None:
    sweep(project, "a sweep", 100)
    server = f"http://127.0.0.1:{free_port()}"
    with started("descent", "ui", "--port", server.rpartition(":")[2], cwd=project) as ui:
        assert eventually(lambda: answers(f"{server}/health"), seconds=120), (project / "said.txt").read_text()
        first, second, *_ = (project / "said.txt").read_text().splitlines()
        assert first == f"all experiments  {server}/#/experiments?workflowType=machine_learning"
        assert second.startswith(f"a sweep          {server}/#/experiments/")

        again = here("descent", "ui", "--uri", f"{server}/", cwd=project)
        assert again.returncode == 0, again.stderr
        assert again.stdout.splitlines() == [first, second]
        ui.send_signal(signal.SIGINT)
        ui.wait(30)
