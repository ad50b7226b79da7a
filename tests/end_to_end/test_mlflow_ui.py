"""The MLflow UI over a sweep, as a person sees it in a browser; its screenshots are kept to be looked at."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from conftest import make_project
from end_to_end.browser import chromium, visit
from end_to_end.commands import ENVIRONMENT, here
from mlflow import MlflowClient
from mlflow.entities import Run
from playwright.sync_api import BrowserContext, Locator, Page, ViewportSize, expect
from waiting import eventually

from descent.commands.ui import pages

pytestmark = pytest.mark.services

WINDOW = ViewportSize(width=1500, height=900)
OPTIMIZERS, RATES = ("sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam"), ("1e-3", "3e-3", "1e-2", "1e-1")
JOBS = len(OPTIMIZERS) * len(RATES)
SWEEP = (
    "descent", "train", "-m", "problem=himmelblau", "problem.start=[0.5,-1]", "trainer.max_steps=12",
    f"optimizer={','.join(OPTIMIZERS)}", f"optimizer.lr={','.join(RATES)}",
)  # fmt: skip
# What MLflow keeps of a person: that its assistant has opened by itself once, over a quarter of the window.
MET_ASSISTANT = "localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')"
LINES = "chart => new Set([...chart.querySelectorAll('path.js-line')].map(line => line.getAttribute('d'))).size"
PICTURED = 10  # of the runs in an image grid, at most
WIDTHS = "images => images.map(image => image.complete ? image.naturalWidth : 0)"
CELLS = """(rows, name) => rows
    .sort((one, other) => one.getAttribute("row-index") - other.getAttribute("row-index"))
    .map(row => row.querySelector('[col-id$="' + name + '"]')?.innerText.trim() ?? "")"""
TIMEOUT = 30_000


@dataclass(frozen=True)
class Store:
    """A store with a sweep in it, served."""

    url: str
    view: str
    sweep: Run
    jobs: dict[str, Run]
    screenshots: Path

    @property
    def experiment(self) -> str:
        return str(self.sweep.info.experiment_id)

    @property
    def ranked(self) -> list[Run]:
        """The jobs' runs, the best first."""
        return sorted(self.jobs.values(), key=lambda job: float(job.data.metrics["loss/train"]))

    def runs(self) -> str:
        """The address of the run list."""
        return f"#/experiments/{self.experiment}/runs"


@dataclass(frozen=True)
class Ui:
    """The UI in a browser."""

    store: Store
    page: Page
    name: str
    taken: list[Path] = field(default_factory=list)

    def open(self, address: str) -> None:
        """Open a page of the UI."""
        self.page.goto(f"{self.store.url}/{address}")

    def keep(self, what: str) -> None:
        """Keep a screenshot."""
        self.taken.append(self.store.screenshots / f"{self.name}-{what}.png")
        self.page.screenshot(path=self.taken[-1])

    def column(self, name: str) -> list[str]:
        """The cells of a column of the run list, of the rows that are in sight, from above."""
        rows = self.page.locator('.ag-center-cols-container [role="row"]')
        return list(rows.evaluate_all(CELLS, f"`{name}`"))

    def card(self, key: str) -> Locator:
        """The chart of a metric."""
        cards = self.page.get_by_test_id("experiment-view-compare-runs-card")
        return cards.filter(has=self.page.get_by_text(key, exact=True))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, small_data: Path, empty_store: Path) -> Iterator[Store]:
    """A sweep of 24 runs, in the MLflow server that `make ui` starts."""
    chromium()  # before the sweep, which is for nothing without it
    project = make_project(tmp_path_factory.mktemp("project"), small_data)
    shutil.copy(empty_store, project)
    done = here(*SWEEP, cwd=project)
    assert done.returncode == 0, done.stderr
    uri = f"sqlite:///{project}/mlflow.db"
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("himmelblau")
    assert experiment is not None
    found: dict[str, Run] = {one.info.run_name or "": one for one in client.search_runs([experiment.experiment_id])}
    sweep = found.pop("himmelblau: optimizer × lr")
    assert len(found) == JOBS
    kept = os.environ.get("DESCENT_SCREENSHOTS")
    screenshots = Path(kept) if kept else tmp_path_factory.mktemp("screenshots")
    screenshots.mkdir(parents=True, exist_ok=True)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        "mlflow",
        "server",
        "--app-name",
        "descent",
        "--backend-store-uri",
        uri,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with (project / "server.txt").open("wb") as said:
        server = subprocess.Popen(
            [*command, "--workers", "1"],
            cwd=project, env=ENVIRONMENT, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        assert eventually(lambda: answers(f"{url}/health"), seconds=120), (project / "server.txt").read_text()
        _, (_, view) = pages(client)
        yield Store(url, view, sweep, found, screenshots)
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # it has processes of its own
        server.wait()


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


@pytest.fixture(scope="module")
def browser(store: Store) -> Iterator[BrowserContext]:
    """The browser of a person who has seen the UI before."""
    with visit("about:blank") as visited:
        context = visited.page.context
        context.set_default_timeout(TIMEOUT)
        context.add_init_script(MET_ASSISTANT)
        yield context


@pytest.fixture
def ui(store: Store, browser: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Ui]:
    """The UI in a page of its own."""
    page = browser.new_page()
    page.set_viewport_size(WINDOW)
    yield Ui(store, page, request.node.name.removeprefix("test_"))
    page.close()


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    expect.set_options(timeout=TIMEOUT)
    yield
    expect.set_options(timeout=5_000)


def texts(cells: Locator) -> list[str]:
    return [text.strip() for text in cells.all_inner_texts()]


@pytest.mark.parametrize("address", ["", "#/experiments"], ids=["home", "experiments"])
def test_a_person_never_lands_on_the_pages_for_language_models(ui: Ui, address: str) -> None:
    ui.open(address)
    ui.page.get_by_role("link", name="himmelblau", exact=True).first.click()
    expect(ui.page.get_by_role("heading", name="Runs")).to_be_visible()
    expect(ui.page.get_by_text("Runs that minimise himmelblau.")).to_be_visible()
    ui.keep("experiment")
    ui.open(f"{ui.store.runs()}/{ui.store.jobs['adam lr=0.1'].info.run_id}")
    expect(ui.page.get_by_text("Minimises himmelblau from [0.5, -1] with adam lr=0.1.")).to_be_visible()
    expect(ui.page.get_by_role("link", name="Prompts")).to_have_count(0)
    ui.keep("run")


def test_the_run_list_has_the_sweep_with_its_runs_under_it(ui: Ui) -> None:
    ui.open(ui.store.runs())
    expect(ui.page.get_by_text("himmelblau: optimizer × lr")).to_be_visible()
    expect(ui.page.get_by_text(re.compile(rf"{JOBS + 1}\s*matching runs"))).to_be_visible()
    names = ui.page.get_by_role("link", name=re.compile(r" lr=0\.\d+$"))
    expect(names).to_have_count(0)
    ui.keep("folded")
    ui.page.locator('[data-component-id*="runnamecellrenderer"]').first.click()
    expect(names.first).to_be_visible()
    assert names.count() > JOBS / 2
    assert set(texts(names)) <= set(ui.store.jobs)
    ui.keep("unfolded")


def test_the_saved_view_of_a_sweep_lists_what_differs_beside_what_was_reached(ui: Ui) -> None:
    ui.open(ui.store.runs())
    ui.page.get_by_role("button", name="Views").click()
    ui.page.get_by_role("menuitem").filter(has_text="himmelblau: optimizer × lr").click()
    for column in ("optimizer", "optimizer.lr", "loss/train"):
        expect(ui.page.get_by_role("columnheader", name=column, exact=True).first).to_be_visible()
    expect(ui.page.get_by_text(re.compile(rf"{JOBS}\s*matching runs"))).to_be_visible()
    ranked = [(job.data.params["optimizer"], job.data.params["optimizer.lr"]) for job in ui.store.ranked]

    def listed() -> list[tuple[str, str]]:
        return list(zip(ui.column("optimizer"), ui.column("optimizer.lr"), strict=False))

    assert eventually(lambda: len(listed()) > JOBS / 3 and listed() == ranked[: len(listed())]), (listed(), ranked)
    assert all(ui.column("loss/train"))
    ui.keep("view")


def test_the_saved_view_of_a_sweep_charts_a_curve_for_each_run(ui: Ui) -> None:
    ui.open(ui.store.view)
    for metric in ("loss/step", "loss/train"):
        chart = ui.card(metric).locator(".js-plotly-plot")
        wait_for_lines(chart, JOBS - sum(job.data.metrics["diverged"] == 1 for job in ui.store.ranked))
    ui.keep("charts")


def test_the_compare_page_leads_to_the_curves_of_its_runs(ui: Ui) -> None:
    compared = [ui.store.jobs[f"{optimizer} lr=0.01"].info.run_id for optimizer in OPTIMIZERS]
    runs, experiments = quote(json.dumps(compared)), quote(json.dumps([ui.store.experiment]))
    ui.open(f"#/compare-runs?runs={runs}&experiments={experiments}")
    expect(ui.page.get_by_text(f"Comparing {len(OPTIMIZERS)} Runs")).to_be_visible()
    expect(ui.page.locator(".js-plotly-plot").first).to_be_visible()
    ui.keep("compared")
    curve = ui.page.get_by_role("link", name="loss/train", exact=True)
    curve.scroll_into_view_if_needed()
    ui.keep("metrics")
    curve.click()
    wait_for_lines(ui.page.locator(".js-plotly-plot").first, len(OPTIMIZERS))
    for optimizer in OPTIMIZERS:
        expect(ui.page.get_by_role("link", name=f"{optimizer} lr=0.01", exact=True)).to_be_visible()
    ui.keep("curves")


def test_the_image_grid_has_the_descents_side_by_side_under_one_key(ui: Ui) -> None:
    ui.open(ui.store.view)
    expect(ui.card("loss/step")).to_be_visible()
    ui.card("loss/step").hover()
    images = ui.card("descent_small").locator("img")

    def is_in_sight() -> bool:
        """Scroll until the section is there: far below, the UI leaves it out."""
        ui.page.mouse.wheel(0, 400)
        return images.count() > 0

    assert eventually(is_in_sight)
    images.first.scroll_into_view_if_needed()
    expect(images).to_have_count(PICTURED)
    assert eventually(lambda: min(images.evaluate_all(WIDTHS)) > 0)
    ui.keep("grid")
    sources = images.evaluate_all("images => images.map(image => image.src)")
    shown = [found[1] for found in (re.search(r"run_uuid=(\w+)", source) for source in sources) if found]
    assert shown[::-1] == [job.info.run_id for job in ui.store.ranked[:PICTURED]]  # MLflow's grid reverses any order
    assert max(images.evaluate_all(WIDTHS)) <= 320  # the small pictures
    boxes = [box for box in (image.bounding_box() for image in images.all()) if box]
    assert len({round(box["x"]) for box in boxes}) > 1, "side by side"


def test_the_artifact_view_runs_the_player(ui: Ui) -> None:
    ui.open(f"#/experiments/{ui.store.experiment}/runs/{ui.store.jobs['adam lr=0.1'].info.run_id}/artifacts")
    ui.page.get_by_text("views", exact=True).click()
    ui.page.get_by_text("descent.html", exact=True).click()
    player = ui.page.locator("iframe:visible").first
    expect(player.content_frame.locator("#slider")).to_be_visible()
    ui.keep("once")
    assert plays(player)
    ui.keep("later")
    ui.page.get_by_text("descent.png", exact=True).click()
    expect(ui.page.get_by_text(re.compile(r"Path: .*/descent\.png"))).to_be_visible()
    picture = ui.page.locator('img[src^="blob:"]:visible, img[src*="get-artifact"]:visible').first
    expect(picture).to_be_visible()
    assert eventually(lambda: min(picture.evaluate_all(WIDTHS)) > 0)


def test_the_artifact_view_of_a_sweep_has_the_table_of_its_runs(ui: Ui) -> None:
    ui.open(f"#/experiments/{ui.store.experiment}/runs/{ui.store.sweep.info.run_id}/artifacts")
    ui.page.get_by_text("runs.json", exact=True).click()
    row = ui.page.get_by_role("row").filter(has=ui.page.get_by_text("momentum lr=0.1", exact=True))
    expect(row.get_by_text("diverged", exact=True)).to_be_visible()
    ui.keep("table")
    for place, cell in enumerate(("momentum lr=0.1", "momentum", "0.1", "diverged")):
        expect(row.get_by_role("cell").nth(place)).to_have_text(cell)


def wait_for_lines(chart: Locator, number: int) -> None:
    """Wait until a chart has so many lines that differ."""
    expect(chart).to_be_visible()
    assert eventually(lambda: chart.evaluate(LINES) >= number), chart.evaluate(LINES)


def plays(animation: Locator) -> bool:
    """Whether it looks different some time later."""
    first = animation.screenshot()
    for _ in range(50):
        animation.page.wait_for_timeout(100)
        if animation.screenshot() != first:
            return True
    return False
