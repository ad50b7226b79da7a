import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from descent.comparisons.seed_ends import ENDS, OUTCOMES, SeedEnds, Share, draw_seeds
from descent.comparisons.statistics import interquartile_mean, interval
from descent.errors import UserError
from descent.records.seeds import SeedsRecord

COLUMNS = ("seed", "step", "loss/train", "x", "result")


@pytest.mark.parametrize(("count", "total"), [(0, 2), (1, 1), (11, 20), (1100, 2000), (2000, 2000)])
def test_a_share_has_the_interval_of_wilson(count: int, total: int) -> None:
    z, share = 1.959963984540054, count / total
    middle, variance = share + z**2 / (2 * total), share * (1 - share) / total
    half = z * np.sqrt(variance + z**2 / (4 * total**2))
    expected = (middle - half) / (1 + z**2 / total), (middle + half) / (1 + z**2 / total)
    assert Share(count, total).interval == pytest.approx(expected, abs=1e-12)


def test_a_share_says_its_interval_and_of_how_many() -> None:
    assert str(Share(1100, 2000)) == "55 % (52.8 % to 57.2 %) of 2,000"


def record(folder: Path, losses: list[float], diverged: int = 0) -> SeedsRecord:
    folder.mkdir()
    with (folder / "runs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for seed, loss in enumerate(losses):
            writer.writerow([seed, 5, loss, 2 * loss, "finished"])
        for seed in range(diverged):
            writer.writerow([100 + seed, 3, 1e21, "", "diverged"])
    return SeedsRecord(folder)


def test_means_are_of_the_runs_that_did_not_diverge(tmp_path: Path) -> None:
    losses = [0.1, 0.2, 0.4, 0.9]
    ends = SeedEnds.of(record(tmp_path / "bowl", losses, diverged=12))
    mean, (low, high) = interquartile_mean(losses), interval(np.array(losses))
    assert ends.lines() == [
        "diverged 75 % (50.5 % to 89.8 %) of 16",
        "finished 25 % (10.2 % to 49.5 %) of 16",
        f"loss/train {mean:.4g} ({low:.4g} to {high:.4g}), interquartile mean of 4 that did not diverge",
        f"x {2 * mean:.4g} ({2 * low:.4g} to {2 * high:.4g}), interquartile mean of 4 that did not diverge",
    ]


@pytest.mark.parametrize("losses", [[0.5, 0.5], [0.0] * 3, np.linspace(0, 1, 300).tolist(), []])
def test_pictures_are_drawn_of_what_there_is(tmp_path: Path, losses: list[float]) -> None:
    seeds = record(tmp_path / "bowl", losses, diverged=2)
    draw_seeds(seeds)
    drawn = {path.name for path in (seeds.folder / "views").iterdir()}
    assert drawn == ({OUTCOMES, ENDS} if losses else {OUTCOMES})
    for name in drawn:
        with Image.open(seeds.folder / "views" / name) as picture:
            assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize("text", ["", "seed,step\n1,2\n", "seed,loss,result\n1,high,finished\n"])
def test_a_damaged_table_is_refused_in_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "runs.csv").write_text(text)
    with pytest.raises(UserError, match=r"runs\.csv is damaged"):
        SeedEnds.of(SeedsRecord(tmp_path))
