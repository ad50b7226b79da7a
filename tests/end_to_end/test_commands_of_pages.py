"""Every command of the README and of docs, as it stands on its page, in the order of the page.

Those that need what `make` has left, `make` and DVC, run in a copy of the build (marker build).
"""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
from conftest import ROOT, make_project
from end_to_end.commands import ENVIRONMENT, here
from end_to_end.pages import Command, ShownFile, commands_on, pages_with_commands, steps_of
from idx_files import write_mnist
from waiting import eventually

PAGES = pages_with_commands()
README, PIPELINE = ROOT / "README.md", ROOT / "docs" / "pipeline.md"
OF_BUILD = ("make", "dvc")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.egg-info", ".venv", ".*_cache", "mlartifacts", "mlflow.db*")
FEW_STEPS = "trainer.max_steps=2"
SMALL_SUITE = (
    "'suite.overrides=[\"sweep=random_starts\",\"trainer.max_steps=20\"]' suite.rates=2 suite.seeds=2 "
    + " ".join(f"~suite.problems.{name}" for name in (
        "parabola", "cubic", "booth", "rosenbrock", "beale", "six_hump_camel", "styblinski_tang", "rastrigin", "ackley",
    ))
    + " "
    + " ".join(f"~suite.optimizers.{name}" for name in ("momentum", "nesterov", "adagrad", "rmsprop", "nadam"))
)  # fmt: skip
ADDED = {
    "descent train experiment=mnist_two_layer optimizer=muon": (FEW_STEPS, "10,000 steps"),
    "descent train experiment=mnist_two_layer optimizer=adamw": (FEW_STEPS, "10,000 steps"),
    "descent train experiment=mnist_two_layer data=fashion_mnist": (FEW_STEPS, "10,000 steps"),
    "descent train -m experiment=mnist_two_layer optimizer=sgd,momentum,adam": (FEW_STEPS, "27 runs of 10,000 steps"),
    "descent benchmark suite=surfaces": (SMALL_SUITE, "17,600 runs"),
    "descent benchmark suite=surfaces suite.rates=5 suite.seeds=3": (SMALL_SUITE, "1,320 runs"),
    "descent benchmark suite=surfaces '~suite.optimizers.rprop'": (SMALL_SUITE, "15,400 runs"),
    "make IMAGES=digits": ("--dry-run", "trains the networks anew; test_stages.py runs it"),
    "make IMAGES=fashion_mnist": ("--dry-run", "trains the networks anew, on images that have to be downloaded"),
    "make IMAGES=mnist": ("--dry-run", "trains the networks anew; test_stages.py runs it"),
}
"""What is added to commands that would take minutes, by how they begin, and why they would."""


def added_to(command: Command) -> str | None:
    """The beginning in ADDED that is the command's."""
    return max(filter(command.text.startswith, ADDED), key=len, default=None)


def as_run(command: Command) -> str:
    """A command as it stands, or with what is added to it."""
    added = added_to(command)
    if added is None:
        return command.text
    words = shlex.split(command.text.replace("\\\n", ""), comments=True)
    return f"{shlex.join(words)} {ADDED[added][0]}"


def by_bash(command: Command, project: Path) -> tuple[int, str]:
    """The code with which a command ends, and what it prints."""
    path = os.pathsep.join([str(project / "src"), ENVIRONMENT["PYTHONPATH"]])
    done = subprocess.run(
        ["bash", "-c", as_run(command)], cwd=project, env=ENVIRONMENT | {"PYTHONPATH": path, "COLUMNS": "999"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def in_this_process(command: Command, project: Path) -> tuple[int, str]:
    """The same of a command of ours, whose words bash reads, and which then imports nothing anew."""
    if command.program != "descent":
        return by_bash(command, project)
    words = ["bash", "-c", f"descent() {{ printf '%s\\0' descent \"$@\"; }}; {as_run(command)}"]
    read = subprocess.run(words, cwd=project, capture_output=True, text=True, check=True)
    done = here(*read.stdout.split("\0")[:-1], cwd=project)
    return done.returncode, done.stdout + done.stderr


def run_page(
    page: Path, project: Path, *programs: str, run: Callable[[Command, Path], tuple[int, str]] = by_bash
) -> dict[str, str]:
    """Run the commands of a page by these programs, in its order, with its files; what each printed."""
    printed: dict[str, str] = {}
    for step in steps_of(page):
        if isinstance(step, ShownFile):
            step.write(project)
        elif step.program in programs:
            code, printed[step.text] = run(step, project)
            assert code == step.code, f"{step.text}\n{printed[step.text]}"
            assert step.unsaid(printed[step.text]) == [], f"{step.text}\n{printed[step.text]}"
            AFTERWARDS.get(step.text, lambda _: None)(project)
    return printed


def wait_for_queue(project: Path) -> None:
    """Wait until DVC has run what is queued."""
    status = Command("dvc queue status")
    assert eventually(lambda: not {"Queued", "Running"} & {*by_bash(status, project)[1].split()}, seconds=240)


AFTERWARDS = {"dvc queue start": wait_for_queue}
"""What the next commands of a page wait for."""


def make_data(project: Path) -> None:
    """Make the data that docs/problems.md names."""
    assert here("descent", "fetch", "digits", cwd=project).returncode == 0
    shutil.copytree(project / "data" / "mnist", project / "data" / "fashion_mnist")
    (project / "kmnist" / "KMNIST" / "raw").mkdir(parents=True)
    write_mnist(project / "kmnist" / "KMNIST" / "raw")
    rows = [f"{area},{area // 30},{('Ulm', 'Trier')[area % 2]},{3 * area}" for area in range(50, 150)]
    (project / "houses.csv").write_text("\n".join(["area,rooms,town,price", *rows, ""]))
    (project / "my_data.py").write_text(
        "import torch\n\n\ndef houses():\n    x = torch.rand(200, 4)\n    return x, x.sum(1)\n"
    )


def make_runs(project: Path) -> None:
    """Train what `make` trains and docs/sweeps.md compares."""
    stages = yaml.safe_load((project / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    sweep = stages["optimizers"]["cmd"].replace("\\${", "${")  # which DVC would resolve
    for text in ("descent train experiment=himmelblau run_dir=runs/himmelblau", sweep):
        code, printed = in_this_process(Command(text), project)
        assert code == 0, printed


MADE = {"problems.md": make_data, "sweeps.md": make_runs}
"""What a page takes for granted."""


def test_what_is_added_is_added_to_a_command_of_a_page() -> None:
    assert sorted(filter(None, map(added_to, commands_on(PAGES)))) == sorted(ADDED)


def test_every_command_is_of_a_program_that_is_run_here() -> None:
    assert {command.program for command in commands_on(PAGES)} == {".", "descent", "python", *OF_BUILD}
    assert [page for page in PAGES if any(c.program in OF_BUILD for c in commands_on([page]))] == [README, PIPELINE]


def test_the_readmes_commands(project: Path) -> None:
    (project / ".venv").symlink_to(sys.prefix)
    run_page(README, project, ".", "descent")


@pytest.mark.services
@pytest.mark.parametrize("page", [page for page in PAGES if page not in (README, PIPELINE)], ids=lambda page: page.name)
def test_the_commands_of_a_page(page: Path, tmp_path: Path, small_data: Path, empty_store: Path) -> None:
    project = make_project(tmp_path, small_data)
    shutil.copytree(ROOT / "src", project / "src", ignore=LEFT_OUT, symlinks=True)
    shutil.copytree(ROOT / "data" / "source", project / "data" / "source")
    shutil.copy(empty_store, project)
    MADE.get(page.name, lambda _: None)(project)
    has_own_core = any(isinstance(step, ShownFile) and step.path.startswith("src/") for step in steps_of(page))
    run_page(page, project, "descent", "python", run=by_bash if has_own_core else in_this_process)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """A copy of the project as `make` left it, whose last commit has results of another machine."""
    folder = tmp_path_factory.mktemp("build") / "project"
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT, symlinks=True)
    shutil.copy(empty_store, folder)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "ready").touch()  # the environment of these tests
    commit_other_results(folder)
    return folder


def commit_other_results(project: Path) -> None:
    """Commit a dvc.lock whose records aren't in the cache, as where another processor rounded; the file stays."""
    assert (project / ".git").is_dir(), "a copy of a worktree would commit to the repository that it was taken from"
    lock = project / "dvc.lock"
    text = lock.read_text(encoding="utf-8")
    others, count = re.subn(r"(path: runs/\w+/record\n *hash: md5\n *md5: )\w+", rf"\g<1>{'0' * 32}", text)
    assert count
    lock.write_text(others, encoding="utf-8")
    git = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")
    subprocess.run([*git, "commit", "--quiet", "-m", "other results", "dvc.lock"], cwd=project, check=True)
    lock.write_text(text, encoding="utf-8")


@pytest.mark.build
def test_the_commands_of_the_pipeline(build: Path) -> None:
    printed = run_page(PIPELINE, build, *OF_BUILD)
    (shown,) = [text for command, text in printed.items() if command.startswith("dvc exp show")]
    header, *rows = [line.split() for line in shown.splitlines() if "Created" in line or "[" in line]
    assert {row[2] for row in rows} == {"[made]", "[low]", "[fast]"}
    changed = {f"conf/experiment/{name}.yaml:optimizer.lr" for name in ("noisy_polynomial", "mnist_two_layer")}
    assert changed == {name for name in header if name.endswith("lr")}
    assert len(header) < 25
    page = (build / "dvc_plots" / "index.html").read_text(encoding="utf-8")
    assert 0 < page.rindex("vegaEmbed(") < page.index("<img")
    assert "made" in page


@pytest.mark.build
def test_make_and_the_ui_of_the_readme(build: Path) -> None:
    make, ui = [command for command in commands_on([README]) if command.program == "make"]
    code, printed = by_bash(make, build)
    assert code == 0, printed
    assert "Data and pipelines are up to date." in printed
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = os.pathsep.join([str(build / "src"), ENVIRONMENT["PYTHONPATH"]])
    server = subprocess.Popen(
        ["bash", "-c", ui.text], cwd=build, env=ENVIRONMENT | {"PYTHONPATH": path, "PORT": str(port)},
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        addresses = [server.stdout.readline() for _ in range(2)]
        assert any(f"http://127.0.0.1:{port}/" in address for address in addresses)
        assert eventually(lambda: answers(f"http://127.0.0.1:{port}"), seconds=60)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.communicate()


def answers(address: str) -> bool:
    """Whether a server answers there."""
    try:
        with urlopen(address) as response:
            return bool(response.status == 200)
    except OSError:
        return False
