"""Tests players in a browser without a network."""

import html
from collections.abc import Iterator
from pathlib import Path

import pytest
from end_to_end.browser import Visit, visit
from playwright.sync_api import FrameLocator, Page, ViewportSize, expect
from render.test_player import SHORT, TAKEN, frames_of, series

from descent.render.player import player

pytestmark = pytest.mark.services

LAPTOP, PHONE = ViewportSize(width=1200, height=850), ViewportSize(width=390, height=844)
PAGES = {name: player(descent, series(TAKEN[name])) for name, descent in SHORT.items()}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """A browser at a folder with the players, and with each of them in a sandboxed frame."""
    folder = tmp_path_factory.mktemp("players")
    for name, page in PAGES.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
        framed = f'<iframe sandbox="allow-scripts" width="700" height="900" srcdoc="{html.escape(page)}"></iframe>'
        (folder / f"{name} framed.html").write_text(f"<!doctype html>{framed}", encoding="utf-8")
    with visit(folder.as_uri() + "/", offline=True) as opened:
        yield opened


def opened(browser: Visit, name: str) -> Page:
    """The page of a player that does not start by itself."""
    browser.faults.clear()
    browser.page.emulate_media(reduced_motion="reduce", color_scheme="light")
    browser.page.set_viewport_size(LAPTOP)
    folder = Path(browser.page.url.removeprefix("file://"))
    browser.page.goto((folder if folder.is_dir() else folder.parent).as_uri() + f"/{name}.html")
    return browser.page


def figure(page: Page | FrameLocator, name: str) -> str:
    return page.locator(f"[data-figure='{name}']").inner_text()


def slider_value(page: Page) -> int:
    return int(page.locator("#slider").input_value())


def assert_figures(page: Page, name: str, frame: int) -> None:
    """Values, slider and marks are those of the frame."""
    frames = frames_of(PAGES[name])
    assert slider_value(page) == frame
    assert {measure: figure(page, measure) for measure in frames["figures"]} == {
        measure: values[frame] for measure, values in frames["figures"].items()
    }
    x, y = (frames["dots"] or frames["path"])[frame]
    assert page.locator("#dot").get_attribute("transform") == f"translate({x:g} {y:g})"
    assert page.locator(".mark").first.get_attribute("transform") == f"translate({frames['marks'][frame]:g} 0)"
    trail = page.locator("#trail").get_attribute("points") or ""
    assert len(trail.split()) == frame + 1
    assert figure(page, "loss") in (page.locator("#slider").get_attribute("aria-valuetext") or "")


@pytest.mark.parametrize("name", PAGES)
def test_keys_and_the_slider_set_the_step(browser: Visit, name: str) -> None:
    page = opened(browser, name)
    last = len(frames_of(PAGES[name])["path"]) - 1
    assert_figures(page, name, last)
    for key, frame in [("Home", 0), ("ArrowLeft", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("End", last)]:
        page.keyboard.press(key)
        assert_figures(page, name, frame)
    page.locator("#slider").fill("3")
    assert_figures(page, name, 3)
    page.locator("#slider").press("ArrowRight")
    assert_figures(page, name, 4)
    page.keyboard.press("Home")
    assert figure(page, "loss") == "–"
    assert browser.faults == []


@pytest.mark.parametrize("name", PAGES)
def test_it_plays_from_the_start_to_the_end_and_pauses_between(browser: Visit, name: str) -> None:
    page = opened(browser, name)
    last = len(frames_of(PAGES[name])["path"]) - 1
    page.get_by_label("speed").select_option("4")
    page.get_by_role("button", name="play").click()
    expect(page.locator("#slider")).not_to_have_value(str(last))
    page.keyboard.press(" ")  # the button has the focus
    paused = slider_value(page)
    assert paused < last
    page.wait_for_timeout(300)
    assert_figures(page, name, paused)
    page.keyboard.press("ArrowRight")
    page.locator("#slider").focus()
    page.keyboard.press(" ")
    page.get_by_role("button", name="pause").wait_for()
    expect(page.locator("#slider")).to_have_value(str(last), timeout=10_000)
    page.get_by_role("button", name="play").wait_for()
    assert_figures(page, name, last)
    assert browser.faults == []


def test_it_starts_by_itself_unless_reduced_motion_is_preferred(browser: Visit) -> None:
    page = opened(browser, "field")
    assert slider_value(page) == 20
    page.emulate_media(reduced_motion="no-preference")
    page.reload()
    page.get_by_role("button", name="pause").wait_for()
    page.wait_for_function("document.getElementById('slider').value < 20")


@pytest.mark.parametrize("name", PAGES)
def test_it_fits_the_screen_in_light_and_dark(browser: Visit, name: str) -> None:
    page = opened(browser, name)
    colours = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours.add(
            page.evaluate(
                "['body', '#dot', '.frame', '.line'].map(what => document.querySelector(what))"
                ".map(element => getComputedStyle(element)).map(style => style.backgroundColor + style.stroke).join()"
            )
        )
        for size in (LAPTOP, PHONE):
            page.set_viewport_size(size)
            assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
    assert len(colours) == 2
    for control in page.locator("button, select, input").all():
        box = control.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 44
    assert browser.faults == []


@pytest.mark.parametrize("name", PAGES)
def test_it_plays_in_a_sandboxed_frame(browser: Visit, name: str) -> None:
    page = opened(browser, f"{name} framed")
    frame = page.frame_locator("iframe")
    frame.locator("#slider").press("Home")
    assert figure(frame, "step") == "0"
    frame.get_by_role("button", name="play").click()
    expect(frame.locator("#slider")).not_to_have_value("0")
    assert frame.locator("#view").evaluate("view => view.ownerDocument.defaultView.origin") == "null"
    assert browser.faults == []


def test_in_print_it_shows_the_whole_path(browser: Visit) -> None:
    page = opened(browser, "field")
    page.keyboard.press("Home")
    assert not page.locator("#reached").is_visible()
    page.emulate_media(media="print")
    assert page.locator("#reached").is_visible()
    assert not page.locator("#controls").is_visible()
    assert not page.locator("#dot").is_visible()
    page.emulate_media(media="screen")
