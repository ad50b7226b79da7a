"""The folder of an experiment's runs from more seeds, seeds/NAME: what they are, and how each of them ended.

    runs.csv         a row for each seed: its last evaluation, and how it ended
    evaluations.csv  a row for every evaluation of every run
    config.yaml      the resolved configuration
    seeds.json       what the runs have in common; written last, so that its presence means that the rest is complete

The views, which are drawn from these, are in `views/`.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from descent.records.damage import damaged, reading
from descent.records.files import make_folder, write_atomically
from descent.records.run import CONFIG, EVALUATIONS

RUNS, HEADER = "runs.csv", "seeds.json"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Origin:
    """What runs from several seeds have in common: with equal origins, a seed has one result.

    Args:
        params: the flat parameters that can change a result, with the seed of the experiment, which is before theirs.
        data: the digests of the data.
        source: the SHA-256 of the core.
        code: the code behind the configuration (`descent.records.code`).
    """

    params: Mapping[str, str]
    data: Sequence[str]
    source: str
    code: Mapping[str, str]

    def differs(self, other: "Origin") -> str:
        """How another origin differs, in a few words: in its parameters, or else in the rest."""
        names = [name for name in sorted({*self.params, *other.params}) if self._value(name) != other._value(name)]
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            return f"{names[0]} is {self._value(names[0])} there and {other._value(names[0])} here{more}"
        if self.data != other.data:
            return "the data have changed"
        return "the core's source has changed" if self.source != other.source else "modules or packages have changed"

    def _value(self, name: str) -> str:
        return self.params.get(name, "not set")


class SeedsRecord:
    """The runs in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def exists(self) -> bool:
        """Whether there are runs."""
        return (self.folder / RUNS).exists()

    def origin(self) -> Origin | None:
        """What they have in common; None where that is not known."""
        path = self.folder / HEADER
        if not path.exists():
            return None
        with reading(path):
            return Origin(**json.loads(path.read_text(encoding="utf-8")))

    def runs(self) -> list[dict[str, str]]:
        """A row for each seed."""
        return self._read(RUNS)

    def seeds(self) -> set[int]:
        """The seeds of the runs."""
        with reading(self.folder / RUNS):
            return set(map(_seed, self.runs()))

    def evaluations(self) -> list[dict[str, str]]:
        """A row for every evaluation of every run."""
        return self._read(EVALUATIONS)

    def write(self, origin: Origin, config: str, runs: Iterable[Row], evaluations: Iterable[Row]) -> None:
        """Write all of it, in place of what is there; the runs in the order of their seeds, evaluations by step."""
        make_folder(self.folder)
        (self.folder / HEADER).unlink(missing_ok=True)
        write_atomically(self.folder / RUNS, _table(sorted(runs, key=_seed)))
        write_atomically(
            self.folder / EVALUATIONS, _table(sorted(evaluations, key=lambda row: (int(row["step"]), _seed(row))))
        )
        write_atomically(self.folder / CONFIG, config)
        write_atomically(self.folder / HEADER, json.dumps(asdict(origin), indent=2, sort_keys=True) + "\n")

    def _read(self, name: str) -> list[dict[str, str]]:
        path = self.folder / name
        try:
            with reading(path), path.open(newline="", encoding="utf-8") as file:
                return list(csv.DictReader(file))
        except (FileNotFoundError, csv.Error) as error:
            raise damaged(path) from error


def _seed(row: Row) -> int:
    return int(row["seed"])


def _table(rows: Sequence[Row]) -> str:
    """Rows as CSV, with the columns of the first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def seeds_folders(folder: Path) -> list[Path]:
    """The folders of runs from more seeds at or below a folder."""
    return sorted(path.parent for path in folder.rglob(HEADER))
