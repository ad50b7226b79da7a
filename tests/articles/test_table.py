import csv
from pathlib import Path

from descent.articles.published_value import PublishedValue
from descent.articles.table import write_table


def test_a_row_for_each_figure_in_order(tmp_path: Path) -> None:
    figures = [
        PublishedValue("001", "lr 0.1", "[1, 2]", "[1.5, 2]", "0.5", "explained", 'it "starts" in whole\nnumbers'),
        PublishedValue("004", "勾配", "[6, 8]", "[6, 8]", "0", "reproduced"),
    ]
    path = tmp_path / "reports" / "figures.csv"
    write_table(path, figures)
    assert path.read_bytes().startswith(b"article,figure,published,ours,difference,verdict,cause\n001,")
    assert b"\r" not in path.read_bytes()
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert rows == [
        ["001", "lr 0.1", "[1, 2]", "[1.5, 2]", "0.5", "explained", 'it "starts" in whole\nnumbers'],
        ["004", "勾配", "[6, 8]", "[6, 8]", "0", "reproduced", ""],
    ]
