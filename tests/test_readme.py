"""The README and the pages of docs: their numbers are those of the build, and their links lead somewhere."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT

CURVE = "MNIST, two layers: training/test accuracy by steps"
LINES, WIDTH = 200, 120
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def quoted(pattern: str, page: str = "README.md") -> list[float]:
    """The numbers in a sentence of a page, which a pattern has in groups."""
    match = re.search(pattern, " ".join((ROOT / page).read_text(encoding="utf-8").split()))
    assert match is not None, f"{page} does not say {pattern}"
    return [float(group.replace(",", "")) for group in match.groups()]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def figures() -> list[dict[str, str]]:
    """The table of the report."""
    return rows(ROOT / "reports" / "figures.csv")


def ours(figures: list[dict[str, str]], name: str) -> str:
    (figure,) = [figure for figure in figures if figure["figure"] == name]
    return figure["ours"]


def test_it_is_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LINES
    assert [line for line in lines if len(line) > WIDTH] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = [target for target in LINK.findall(text) if not re.match(r"[a-z]+:|#", target)]
    assert [target for target in targets if not (page.parent / target.partition("#")[0]).exists()] == []


def test_it_counts_the_experiments() -> None:
    assert quoted(r"trains (\d+) experiments") == [len(list((ROOT / "conf" / "experiment").glob("*.yaml")))]


@pytest.mark.build
def test_it_counts_the_figures_and_none_differs(figures: list[dict[str, str]]) -> None:
    verdicts = Counter(figure["verdict"] for figure in figures)
    assert quoted(r"of (\d+), (\d+) are reproduced and (\d+) explained") == [
        len(figures),
        verdicts["reproduced"],
        verdicts["explained"],
    ]
    assert verdicts["differs"] == 0


@pytest.mark.build
def test_it_rounds_the_accuracies(figures: list[dict[str, str]]) -> None:
    built = re.search(r"9,601:\s([\d.]+)/([\d.]+); means of (\d+) seeds", ours(figures, CURVE))
    assert built is not None
    said = quoted(r"\| ([\d.]+)/([\d.]+), means of (\d+) seeds \|")
    assert said == pytest.approx([float(group) for group in built.groups()], abs=0.0006)
    (above,) = quoted(r'"near 100 %" \| above ([\d.]+) %')
    accuracy = float(ours(figures, "MNIST, three layers, training accuracy after 100 epochs").rstrip("%"))
    # Adam's rounding differs from processor to processor, and with it the last digits.
    assert above < accuracy < above + 0.5


@pytest.mark.build
def test_it_rounds_how_the_noisy_polynomials_runs_end(figures: list[dict[str, str]]) -> None:
    built = re.findall(r"([\d.]+)% \([^)]*\) (\w+)", ours(figures, "how surely it gets there"))
    assert [way for _, way in built] == ["reached", "stayed", "diverged"]
    seeds, *said = quoted(
        r"of ([\d,]+) seeds (\d+) % reach the best minimum, (\d+) % stay in a local one, (\d+) % diverge"
    )
    assert said == pytest.approx([float(share) for share, _ in built], abs=0.6)
    assert f"of {seeds:,.0f} seeds" in ours(figures, "how surely it gets there")


@pytest.mark.build
def test_it_says_where_the_descents_on_the_bowl_end(figures: list[dict[str, str]]) -> None:
    assert ours(figures, "from (3, 2) at rate 1") == "3, 2"
    assert quoted(r"back at \((\d), (\d)\) after every other step") == [3, 2]
    end = [float(value) for value in ours(figures, "from (-3, 4) at rate 1e-10").split(", ")]
    assert quoted(r"\((-\d), (\d)\) to (\d) digits") == [*map(round, end), 8]
    assert [abs(value - round(value)) < 1e-7 for value in end] == [True, True]


@pytest.mark.build
def test_it_counts_the_components_of_the_gradient() -> None:
    checked = rows(ROOT / "gradients" / "two_layer_gradient" / "record" / "differences.csv")
    assert quoted(r"all ([\d,]+) components", "docs/pipeline.md") == [sum(int(row["components"]) for row in checked)]
