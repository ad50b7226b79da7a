from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import composed_in, make_project
from end_to_end.browser import Visit, chromium, visit
from PIL import Image
from playwright.sync_api import Locator, ViewportSize, expect
from report.test_lesson import RATES, STEPS, bowl_descents

from descent.articles.published_value import PublishedValue
from descent.records.run import RunRecord
from descent.render.run_views import draw
from descent.report.cards import cards
from descent.report.lesson import lesson_of
from descent.report.page import Picture, Section, SectionTable, write_page
from descent.runs.identity import RunRequest
from descent.runs.train import train

pytestmark = pytest.mark.services

LAPTOP, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=360, height=740)
EXPERIMENTS = {"parabola_002": 8, "bowl_004": 8, "mnist_two_layer": 20}
FIGURES = [
    PublishedValue(
        "000", "a claim", "it may not work", "it mostly does", "", "reproduced", "A long word: " + "x" * 200
    ),
    PublishedValue(
        "001", "lr 1, 100 steps", "-2499150084997, -14994500", "3, 2", "2.5e+12", "explained", "In whole numbers."
    ),
    PublishedValue("004", "test accuracy", ", ".join(["0.9455"] * 17), ", ".join(["0.9458"] * 17), "0.0003", "differs"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Path:
    """The report on three short runs."""
    chromium()  # before the training, which is for nothing without it
    project = make_project(tmp_path_factory.mktemp("project"), small_data)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        runs = []
        for name, steps in EXPERIMENTS.items():
            overrides = [f"experiment={name}", f"trainer.max_steps={steps}"]
            runs.append(train(composed_in(project, *overrides), RunRequest(overrides)))
            draw(runs[-1].folder)
        shown = cards([RunRecord(run.folder) for run in runs], {})
    Image.new("RGB", (1200, 300), "white").save(project / "wide.png")
    picture = Picture((project / "wide.png").read_bytes(), "Nothing.")
    table = SectionTable("Many columns", [f"column {n}" for n in range(30)], [["1,000"] * 30] * 2)
    path = project / "reports" / "index.html"
    lesson = lesson_of({"bowl": bowl_descents(), "same_bowl": bowl_descents()})
    write_page(path, [], FIGURES, [Section("chance", "What chance does", ["Much."], picture, table)], shown, lesson)
    return path


@pytest.fixture
def page(report: Path) -> Iterator[Visit]:
    """The report as a reader without a network has it."""
    with visit(report.as_uri(), offline=True) as visited:
        yield visited


def open_all(page: Visit) -> None:
    """Open every element that can be opened."""
    page.page.locator("details").evaluate_all("all => all.forEach(details => details.open = true)")


def plays(player: Locator) -> bool:
    """Whether it looks different some time later."""
    player.scroll_into_view_if_needed()
    first = player.screenshot()
    for _ in range(50):
        player.page.wait_for_timeout(100)
        if player.screenshot() != first:
            return True
    return False


def test_every_image_loads_and_every_player_plays(page: Visit) -> None:
    open_all(page)
    images = page.page.locator("img")
    assert images.count() == 1 + len(EXPERIMENTS)
    page.page.wait_for_function("document.querySelectorAll('iframe[srcdoc]').length == 3")
    unloaded = "images => images.filter(image => !(image.complete && image.naturalWidth > 0)).map(image => image.alt)"
    assert images.evaluate_all(unloaded) == []
    players = page.page.locator("iframe").all()
    assert len(players) == len(EXPERIMENTS)
    assert [player.get_attribute("title") for player in players if not plays(player)] == []
    assert not plays(page.page.get_by_alt_text("The path of parabola_002", exact=False).first)
    assert page.faults == []


def standing(page: Visit, optimizer: str) -> list[str]:
    """The rate, the loss and the whereabouts of an optimizer in the lesson."""
    return page.page.get_by_role("row", name=optimizer).get_by_role("cell").all_inner_texts()


def points(page: Visit, kind: str) -> int:
    """The points of the lines of the first optimizer, on the map or in the chart."""
    return len((page.page.locator(f"[data-{kind}='0']").last.get_attribute("points") or "").split())


def test_descents_race_in_the_lesson_as_they_are_in_its_record(page: Visit) -> None:
    bowl = bowl_descents()
    slider = page.page.get_by_role("slider", name="Learning rate")
    for rate in range(3):
        slider.fill(str(rate))
        end, diverged = int(bowl.steps[0, rate, 0]), bool(bowl.diverged[0, rate, 0])
        told, loss, where = standing(page, "sgd")
        assert told == f"{RATES[0][rate]:g}"
        assert float(loss) == pytest.approx(bowl.losses[0, rate, 0, end], rel=0.005)
        expected = f"diverged after step {end}" if diverged else "on its way"
        assert where == ("at the minimum (0, 0)" if bowl.reached[0, rate, 0, end] else expected)
        assert points(page, "path") == points(page, "line") == end + 1
    assert bowl.diverged[0, 2, 0]
    assert not page.page.locator("[data-dot='0']").is_visible()
    slider.fill("0")
    first = page.page.locator("[data-path='0']").last.get_attribute("points")
    page.page.get_by_role("combobox", name="Start").select_option("(−4, 1)")
    assert page.page.locator("[data-path='0']").last.get_attribute("points") != first
    page.page.get_by_role("combobox", name="Surface").select_option("same bowl")
    assert page.page.locator("[data-path='0']").last.get_attribute("points") == first
    page.page.get_by_role("checkbox", name="sgd").uncheck()
    assert points(page, "path") == points(page, "line") == 0
    assert standing(page, "sgd") == ["0.01", "", ""]
    status = page.page.get_by_role("status")
    assert status.inner_text().startswith(f"Step {STEPS}. twice: loss ")
    assert page.faults == []


def test_the_lesson_is_played_with_the_keyboard_and_speaks_when_it_stops(page: Visit) -> None:
    keyboard = page.page.keyboard
    page.page.get_by_role("combobox", name="Surface").focus()
    order = []
    for _ in range(7):
        order.append(page.page.evaluate("document.activeElement.id || document.activeElement.type"))
        keyboard.press("Tab")
    assert order == ["surface", "from", "rate", "play", "slider", "speed", "checkbox"]
    rate, step = page.page.locator("#rate"), page.page.locator("#slider")
    rate.press("Home")
    rate.press("ArrowRight")
    assert rate.get_attribute("aria-valuetext") == "2 of 3: sgd 0.1, twice 0.2"
    assert step.input_value() == str(STEPS)
    step.press("Home")
    assert (points(page, "path"), step.get_attribute("aria-valuetext")) == (1, f"step 0 of {STEPS}")
    step.press("ArrowRight")
    assert points(page, "path") == 2
    before = page.page.get_by_role("status").inner_text()
    page.page.locator("#speed").select_option("4")
    step.press(" ")
    page.page.get_by_role("button", name="pause").wait_for()
    assert page.page.get_by_role("status").inner_text() == before
    expect(step).to_have_value(str(STEPS), timeout=10_000)
    expect(page.page.get_by_role("status")).to_contain_text(f"Step {STEPS}. sgd: loss")
    assert points(page, "path") == STEPS + 1
    assert page.faults == []


def test_it_fits_the_screen_in_light_and_dark(page: Visit) -> None:
    open_all(page)
    grounds = set()
    for scheme in ("light", "dark"):
        page.page.emulate_media(color_scheme=scheme)
        grounds.add(page.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        for size in (LAPTOP, PHONE):
            page.page.set_viewport_size(size)
            assert page.page.evaluate("document.documentElement.scrollWidth") == size["width"], scheme
    # On the phone each value of a figure is below the one before, in full width.
    boxes = [cell.bounding_box() for cell in page.page.locator("table.figures tr").nth(1).locator("th, td").all()]
    shown = [box for box in boxes if box]
    assert [box["y"] for box in shown] == sorted({box["y"] for box in shown})
    assert min(box["width"] for box in shown) > 320
    assert len(grounds) == 2
    assert page.faults == []


def test_it_is_read_with_the_keyboard(page: Visit) -> None:
    keyboard = page.page.keyboard
    keyboard.press("Tab")
    assert page.page.evaluate("document.activeElement.innerText") == "Skip to the answers"
    keyboard.press("Enter")
    assert page.page.evaluate("document.activeElement.id") == "main"
    page.page.locator(".article > summary").last.focus()
    keyboard.press("Enter")
    page.page.locator(".player-of > summary").first.focus()
    keyboard.press("Enter")
    assert page.page.locator("iframe").first.is_visible()
    expect(page.page.frame_locator("iframe").first.locator("#slider")).to_be_visible()
    table = page.page.get_by_role("region", name="Many columns")
    table.focus()
    keyboard.press("ArrowRight")
    page.page.wait_for_function("table => table.scrollLeft > 0", arg=table.element_handle())
    assert page.page.get_by_role("row", name="test accuracy").get_by_role("cell", name="differs").is_visible()
