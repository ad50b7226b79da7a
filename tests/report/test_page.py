import re
import zlib
from base64 import b64decode
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import ROOT
from PIL import Image, UnidentifiedImageError
from report.parsed import Parsed

from descent.articles.published_value import PublishedValue, not_compared
from descent.report.page import Card, Picture, Section, SectionTable, embed_image, write_page

FIGURES = [
    PublishedValue("004", "gradient at (3, 4)", "6, 8", "6, 8", "0", "reproduced"),
    PublishedValue("001", "lr 1", "-2499150084997", "3", "2.5e+12", "explained", "Its start is in whole numbers."),
    PublishedValue("004", "from <-3> & 4", "1", "2", "1", "differs"),
    PublishedValue("001", "lr 0.1", "1", "1", "0", "reproduced"),
]


def card(folder: Path, name: str, run_id: str | None = None) -> Card:
    Image.new("RGB", (40, 30), "red").save(folder / "a.png")
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "a.gif", save_all=True, append_images=frames[1:])
    return Card(
        name=name,
        description=f"What {name} is.",
        article="001",
        result="converged",
        steps=25_000,
        metrics={"loss/train": 1 / 3, "diverged": 0.0},
        picture=folder / "a.png",
        player="<p>a player &amp; more</p>",
        alt=f'The path of {name} on a "curve".',
        config="lr: 0.1\nname: <none>\n",
        run_id=run_id,
        command=f"descent train experiment={name}",
    )


def section(folder: Path) -> Section:
    Image.new("RGB", (50, 20), "green").save(folder / "b.png")
    return Section(
        id="chance",
        title="What chance does",
        paragraphs=["First.", "Then 1 < 2."],
        picture=Picture((folder / "b.png").read_bytes(), "A histogram of where 2,000 runs end."),
        table=SectionTable("Where they end", ["end", "rate"], [["best", "0.7"], ["local", "0.2"]]),
    )


@pytest.fixture
def page(tmp_path: Path) -> Parsed:
    """A page with figures, a section and cards."""
    path = tmp_path / "reports" / "index.html"
    write_page(path, [], FIGURES, [section(tmp_path)], [card(tmp_path, "bowl", "ab12"), card(tmp_path, "cubic")])
    return Parsed(path)


def test_the_page_loads_nothing_from_outside(page: Parsed, tmp_path: Path) -> None:
    addresses = [attributes.get(name) for _, attributes in page.elements for name in ("src", "href", "srcset", "data")]
    assert all(address.startswith(("data:", "#")) for address in addresses if address)
    assert all(not script.keys() - {"type"} for script in page.all("script"))
    assert not re.search(r"@import|url\(|https?:", (tmp_path / "reports" / "index.html").read_text(encoding="utf-8"))


def test_every_link_has_a_target_and_ids_are_unique(page: Parsed) -> None:
    ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert set(ids.values()) == {1}
    links = [str(attributes["href"]) for attributes in page.all("a")]
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert {"#article-001", "#chance", "#experiment-bowl", "#experiment-cubic"} <= set(links)
    labels = [attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes]
    assert labels
    assert set(labels) <= set(ids)


def test_headings_skip_no_levels(page: Parsed) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_picture_has_an_alternative_text_and_its_size(page: Parsed) -> None:
    assert [(image["alt"], image["width"], image["height"]) for image in page.all("img")] == [
        ("A histogram of where 2,000 runs end.", "50", "20"),
        ('The path of bowl on a "curve".', "40", "30"),
        ('The path of cubic on a "curve".', "40", "30"),
    ]
    kinds = [str(image["src"]).partition(";")[0] for image in page.all("img")]
    assert kinds == ["data:image/webp"] * 3


def test_figures_are_below_the_title_of_their_article_in_its_language(page: Parsed) -> None:
    assert page.text.index("lr 0.1") < page.text.index("gradient at (3, 4)")
    assert [cite["lang"] for cite in page.all("cite")] == ["de", "ja"]
    assert "004 勾配 , a notebook on the gradient" in page.text.replace("勾配,", "勾配 ,")
    assert len([table for table in page.all("table") if table.get("class") == "figures"]) == 2


def test_the_summary_counts_the_verdicts(page: Parsed) -> None:
    assert "Of 4 figures ✓ 2 reproduced, ≠ 1 explained, ✗ 1 differ." in page.text
    assert "Experiments behind them: 2," in page.text


def test_figures_that_are_not_compared_are_counted_and_explained_where_there_are_some(
    page: Parsed, tmp_path: Path
) -> None:
    assert "not compared" not in page.text
    other = not_compared("003", "MNIST", "near 100 %", "digits")
    write_page(tmp_path / "other.html", [], [*FIGURES, other], [], [])
    with_other = Parsed(tmp_path / "other.html")
    assert "Of 5 figures ✓ 2 reproduced, ≠ 1 explained, ✗ 1 differ, – 1 not compared." in with_other.text
    assert "– not comparedours is trained on other data than the article's" in with_other.text
    assert "– not compared Trained on digits; the article's figure is of MNIST." in with_other.text
    classes = [attributes.get("class") for attributes in with_other.all("span")]
    assert classes.count("verdict not-compared") == 4  # in the summary, in the legend, at its article and in its row


def test_texts_are_escaped(page: Parsed) -> None:
    assert "from <-3> & 4" in page.text
    assert "Then 1 < 2." in page.text
    assert "lr: 0.1 name: <none>" in page.text


def test_a_card_has_the_result_and_the_command_of_the_run(page: Parsed) -> None:
    bowl, cubic = page.text.split("What bowl is.")[1].split("What cubic is.")
    for text in ("article001", "resultconverged", "steps25,000", "loss/train0.333333", "MLflow runab12"):
        assert text in bowl
    assert "descent train experiment=bowl" in bowl
    assert "diverged" not in bowl  # the result says it
    assert "not in MLflow; descent sync syncs it" in cubic


def test_every_cell_of_a_table_has_headings(page: Parsed) -> None:
    assert {heading.get("scope") for heading in page.all("th")} == {"col", "row"}
    assert len(page.all("caption")) == len(page.all("table")) == 3
    (scrolled,) = [attributes for attributes in page.all("div") if attributes.get("class") == "scroll"]
    assert (scrolled["role"], scrolled["tabindex"]) == ("region", "0")


def test_a_page_opens_with_the_answers_of_a_benchmark(tmp_path: Path) -> None:
    answer = Section("benchmark-surfaces", "Which optimizer", ["adam has the best mean rank."])
    write_page(tmp_path / "index.html", [answer], FIGURES, [], [])
    page = Parsed(tmp_path / "index.html")
    headings = [attributes["id"] for attributes in page.all("h2")]
    assert headings[:3] == ["contents", "benchmark-surfaces", "figures"]
    assert "Which optimizer, at which learning rate, gets where, how soon and how surely; and what" in page.text


def test_a_page_may_have_only_figures(tmp_path: Path) -> None:
    write_page(tmp_path / "index.html", [], FIGURES, [], [])
    assert "Experiments behind them: 0," in Parsed(tmp_path / "index.html").text
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


def test_the_numbers_of_a_curve_are_folded_and_counted_once(tmp_path: Path) -> None:
    curve = PublishedValue("004", "the curve", ", ".join(["0.9455"] * 32), "0.9", "", "reproduced")
    write_page(tmp_path / "index.html", [], [curve, *FIGURES], [], [])
    page = Parsed(tmp_path / "index.html")
    assert "Of 5 figures" in page.text
    assert [details.get("class") for details in page.all("details")].count("long") == 1
    assert "0.9455, 0.9455,…" in page.text


def test_an_article_links_to_its_experiments_and_counts_its_verdicts(page: Parsed) -> None:
    article = page.text.split("001 Zusammen")[1].split("004 勾配")[0]
    assert "≠ 1 explained ✓ 1 reproduced" in article
    assert "Its experiments: bowl, cubic." in article
    assert [link["href"] for link in page.all("a")].count("#experiment-bowl") == 2  # from the article and from the card


def test_a_player_is_packed_until_it_is_opened(page: Parsed, tmp_path: Path) -> None:
    text = (tmp_path / "reports" / "index.html").read_text(encoding="utf-8")
    first, _ = re.findall(r'<script type="application/octet-stream">([^<]+)</script>', text)
    assert zlib.decompress(b64decode(first)).decode() == "<p>a player &amp; more</p>"
    assert all("srcdoc" not in frame for frame in page.all("iframe"))


@pytest.mark.build
def test_the_page_of_the_main_job_is_at_most_5_mb() -> None:
    assert (ROOT / "reports" / "index.html").stat().st_size <= 5_000_000


def test_a_picture_is_a_png_and_is_read_as_no_program(tmp_path: Path) -> None:
    for kind in ("EPS", "GIF"):  # an EPS file is a program, which Pillow has Ghostscript run
        Image.new("RGB", (2, 2)).save(tmp_path / "descent.png", format=kind)
        with pytest.raises(UnidentifiedImageError):
            embed_image(tmp_path / "descent.png")
