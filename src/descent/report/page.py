"""The report page: one HTML file that needs nothing else, with the figures, sections, and a card a run."""

import io
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from descent.articles.published_value import PublishedValue
from descent.records.folder import write_atomically
from descent.records.run import Result


@dataclass(frozen=True)
class Card:
    """An experiment's run.

    Args:
        name: the experiment's.
        about: what it is.
        article: the number of the source article that it follows, if it follows one.
        result: how it ended.
        steps: how many it took.
        metrics: the final ones.
        picture: the PNG file of its descent.
        player: the HTML page that plays its descent.
        shows: what the picture shows, for who does not see them.
        config: its resolved configuration as YAML.
        run_id: of its MLflow run, if there is one.
        command: what reruns it.
    """

    name: str
    about: str
    article: str | None
    result: Result
    steps: int
    metrics: dict[str, float]
    picture: Path
    player: str
    shows: str
    config: str
    run_id: str | None
    command: str


@dataclass(frozen=True)
class Picture:
    """A picture of a section: a PNG file's bytes, and what it shows for who does not see it."""

    png: bytes
    alt: str


@dataclass(frozen=True)
class Table:
    """A table of a section; the first cell of a row is its heading."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """What there is to tell beside the figures; the id is what links to it name."""

    id: str
    title: str
    paragraphs: Sequence[str]
    picture: Picture | None = None
    table: Table | None = None


@dataclass(frozen=True)
class Article:
    """A source article: its title, the language of that, and what to say of it in English."""

    title: str
    lang: str
    note: str = ""


ARTICLES = {
    "000": Article("Simulation de Deep Learning / Probabilistic Gradient Descente (SGD)", "fr"),
    "001": Article("Zusammenfassende Anmerkung zu Deep Learning -4.3 Gradientenmethode-", "de"),
    "002": Article("[Super introduction à l'apprentissage automatique] Découvrez les didacticiels Pytorch", "fr"),
    "003": Article("Katzen haben es schon satt, locker und locker zu lernen", "de"),
    "004": Article("勾配", "ja", "a notebook on the gradient"),
}


@dataclass(frozen=True)
class Embedded:
    """An image as the page holds it: within its own address."""

    uri: str
    width: int
    height: int


def embedded(image: Path | bytes) -> Embedded:
    """An image file as a data URI, with its size in pixels, so that a page keeps its place for it."""
    data = image if isinstance(image, bytes) else image.read_bytes()
    with Image.open(io.BytesIO(data)) as opened:
        kind = Image.MIME[opened.format or ""]
        return Embedded(f"data:{kind};base64,{b64encode(data).decode()}", *opened.size)


def write_page(
    path: Path, figures: Sequence[PublishedValue], sections: Sequence[Section], cards: Sequence[Card]
) -> None:
    """Write the report as one file that can be read offline."""
    templates = Environment(
        loader=PackageLoader("descent", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = templates.get_template("page.html.j2").render(
        figures=figures,
        verdicts=Counter(figure.verdict for figure in figures),
        articles=ARTICLES,
        sections=sections,
        cards=cards,
        embedded=embedded,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, page)
