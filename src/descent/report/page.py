"""The report page: one self-contained HTML file with the published figures, sections, and a card for each run."""

import io
import json
import zlib
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from PIL import Image

from descent.articles.published_value import PublishedValue
from descent.records.files import write_atomically
from descent.records.header import Result
from descent.render.axis import tick_label
from descent.render.style import PALETTES, band_colours
from descent.report.lesson import CHART, Lesson

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Card:
    """An experiment's run.

    Args:
        name: of the experiment.
        description: of the experiment.
        article: the number of its source article; None if it has none.
        result: how the run ended.
        steps: the number of steps it took.
        metrics: its final metrics.
        picture: the small PNG file of its descent.
        player: the HTML of its player.
        alt: the alternative text of the picture.
        config: its resolved configuration as YAML.
        run_id: of its MLflow run; None if there is none.
        command: repeats the run.
    """

    name: str
    description: str
    article: str | None
    result: Result
    steps: int
    metrics: dict[str, float]
    picture: Path
    player: str
    alt: str
    config: str
    run_id: str | None
    command: str


@dataclass(frozen=True)
class Picture:
    """The picture of a section: the bytes of a PNG file, and its alternative text."""

    png: bytes
    alt: str


def picture_of(figure: "Figure", alt: str) -> Picture:
    """The picture of a section that Matplotlib has drawn."""
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return Picture(png.getvalue(), alt)


@dataclass(frozen=True)
class SectionTable:
    """The table of a section; the first cell of a row is its heading."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """A section of the page; links to it use its id."""

    id: str
    title: str
    paragraphs: Sequence[str]
    picture: Picture | None = None
    table: SectionTable | None = None


@dataclass(frozen=True)
class Article:
    """A source article: its title, the language of the title, and a note in English."""

    title: str
    lang: str
    note: str = ""


WEBP_QUALITY = 88
"""Of pictures in the page, from 0 to 100."""

ARTICLES = {
    "000": Article("Simulation de Deep Learning / Probabilistic Gradient Descente (SGD)", "fr"),
    "001": Article("Zusammenfassende Anmerkung zu Deep Learning -4.3 Gradientenmethode-", "de"),
    "002": Article("[Super introduction à l'apprentissage automatique] Découvrez les didacticiels Pytorch", "fr"),
    "003": Article("Katzen haben es schon satt, locker und locker zu lernen", "de"),
    "004": Article("勾配", "ja", "a notebook on the gradient"),
}


@dataclass(frozen=True)
class EmbeddedImage:
    """A picture as a data URI, with its size in pixels, for which the page reserves space."""

    uri: str
    width: int
    height: int


def embed_image(file: Path | bytes) -> EmbeddedImage:
    """Read a PNG picture, from a path or from the bytes of a file, into a data URI: as WebP, which takes a third."""
    data = file if isinstance(file, bytes) else file.read_bytes()
    webp = io.BytesIO()
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        image.convert("RGB").save(webp, format="WEBP", quality=WEBP_QUALITY, method=4)
        return EmbeddedImage(f"data:image/webp;base64,{b64encode(webp.getvalue()).decode()}", *image.size)


def packed(value: Any) -> str:
    """A text, or other values as JSON, deflated, in base64, as the page's script unpacks it."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return b64encode(zlib.compress(text.encode(), 9)).decode()


def write_page(
    path: Path,
    answers: Sequence[Section],
    figures: Sequence[PublishedValue],
    sections: Sequence[Section],
    cards: Sequence[Card],
    lesson: Lesson | None = None,
) -> None:
    """Write the page: the answers, the lesson, the published figures, the other sections, and the runs.

    Args:
        path: of the page.
        answers: the sections with which it opens.
        figures: that articles publish, beside ours.
        sections: on what is behind the figures.
        cards: of the runs.
        lesson: in which a reader plays with descents; None without one.
    """
    counts = sorted({len(surface.areas) for surface in lesson.surfaces}) if lesson else []
    render_page(
        "page.html.j2",
        path,
        answers=answers,
        figures=figures,
        verdicts=Counter(figure.verdict for figure in figures),
        articles=ARTICLES,
        sections=sections,
        cards=cards,
        lesson=lesson,
        packed=packed,
        sides=CHART,
        tick_label=tick_label,
        palettes=PALETTES,
        bands={theme: {count: band_colours(count, theme) for count in counts} for theme in PALETTES},
    )


def render_page(template: str, path: Path, **values: Any) -> None:
    """Write the page that a template makes of values."""
    templates = Environment(
        loader=ChoiceLoader([PackageLoader("descent", "report"), PackageLoader("descent", "render")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = templates.get_template(template).render(embed_image=embed_image, **values)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, page)
