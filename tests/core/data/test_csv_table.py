import re
from pathlib import Path

import pytest
import torch
from conftest import Composed

from descent.core.build import data_of
from descent.core.data.csv_table import read_csv
from descent.core.data.examples import Data
from descent.errors import UserError
from descent.records.run import RunRecord
from descent.runs.train import train

HOUSES = """\
size, town ,rooms,price
50,Bern,2,100.5

70,Basel,3,200
"90.5",Bern,4,1e3
"""


@pytest.fixture
def houses(project: Path) -> Path:
    path = project / "houses.csv"
    path.write_text(HOUSES, encoding="utf-8-sig")
    return path


def columns(data: Data) -> list[list[float]]:
    return [column.tolist() for column in data.train.columns]


@pytest.mark.usefixtures("houses")
def test_columns_are_found_by_name_and_texts_are_one_feature_for_each() -> None:
    data = read_csv("houses.csv", "price", categories=["town"], classes=False)
    inputs, prices = columns(data)
    assert inputs == [[50, 0, 1, 2], [70, 1, 0, 3], [90.5, 0, 1, 4]]  # Basel, Bern
    assert prices == [[100.5], [200], [1000]]
    assert data.train.columns[0].dtype == data.train.columns[1].dtype == torch.float32
    inputs, pairs = columns(read_csv("houses.csv", ["price", "rooms"], ["size"], classes=False))
    assert (inputs, pairs) == ([[50], [70], [90.5]], [[100.5, 2], [200, 3], [1000, 4]])


@pytest.mark.usefixtures("houses")
def test_classes_are_numbered_in_their_order() -> None:
    assert columns(read_csv("houses.csv", "town", ["size"], classes=True))[1] == [1, 0, 1]
    assert columns(read_csv("houses.csv", "price", ["size"], classes=True))[1] == [0, 1, 2]  # 100.5, 200, 1000


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        ("", {}, "houses.csv has no rows; its first line names the columns"),
        ("size,price\n", {}, "houses.csv has no rows; its first line names the columns"),
        ("size,size\n1,2\n", {}, "houses.csv, line 1: 'size,size' must name each column, and each differently"),
        ("size,,price\n1,2,3\n", {}, "houses.csv, line 1: 'size,,price' must name each column, and each differently"),
        ("size,price\n1,2\n\n3\n", {}, "houses.csv, line 4: 1 cells, and there are 2 columns"),
        ("size,price\n1,2\n1,2,3\n", {}, "houses.csv, line 3: 3 cells, and there are 2 columns"),
        ("size,price\n1,2\n,3\n", {}, "houses.csv, line 3: size is empty; fill it in, or leave the row out"),
        ("size,price\n1,2\n1,?\n", {}, "houses.csv, line 3: price is '?'; write a number there"),
        ("size,price\nbig,2\n", {}, "houses.csv, line 2: size is 'big'; write a number there, or add size to"),
        ("size,price\n1,nan\n", {}, "houses.csv, line 2: price is 'nan'; write a finite number there"),
        ("size,price\n1,2\n", {"target": "prise"}, "houses.csv has no column 'prise'; did you mean 'price'?"),
        ("size,price\n1,2\n", {"inputs": ["sice"]}, "houses.csv has no column 'sice'; did you mean 'size'?"),
        ("size,price\n1,2\n", {"inputs": ["price"]}, "data.source: inputs price; choose one at least, without price"),
        ("price\n1\n", {}, "data.source: inputs none; choose one at least, without price"),
        ("size,price\n1,2\n", {"categories": ["price"]}, "data.source: inputs size; choose one at least"),
        ("size,price\n1,2\n", {"target": ["size", "price"], "classes": True}, "data.source: inputs none;"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(project: Path, text: str, settings: dict[str, object], said: str) -> None:
    (project / "houses.csv").write_text(text)
    with pytest.raises(UserError, match=re.escape(said)) as refused:
        read_csv("houses.csv", **{"target": "price", "classes": False, **settings})  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_text_or_not_there_is_refused(project: Path) -> None:
    with pytest.raises(UserError, match=r"^there is no .*houses.csv; data.source.path is relative to the project"):
        read_csv("houses.csv", "price", classes=False)
    (project / "houses.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"houses.csv is not text; save it as CSV in UTF-8"):
        read_csv("houses.csv", "price", classes=False)
    with pytest.raises(UserError, match=r"data is not text; save it as CSV in UTF-8"):
        read_csv("data", "price", classes=False)


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_a_line_is_fitted_to_a_file_of_points_as_least_squares_fits_it(
    composed: Composed, project: Path, loss: str
) -> None:
    """y = 3 x - 1 without noise: any loss has its minimum there."""
    (project / "line.csv").write_text("x,y\n" + "".join(f"{x},{3 * x - 1}\n" for x in range(-10, 11)))
    result = train(
        composed(
            "problem=regression", f"loss={loss}", "data=csv", "data.source.path=line.csv", "data.source.target=y",
            "network=perceptron", "network.sizes=[1,1]", "optimizer=lbfgs", "trainer.max_steps=20", "name=line",
        )
    )  # fmt: skip
    assert result.result == "converged"
    assert result.metrics["loss/test"] == pytest.approx(0, abs=1e-8)
    assert result.metrics["absolute_error/test"] == pytest.approx(0, abs=1e-3)
    (source,) = RunRecord(result.folder).header.inputs
    assert source.path == "line.csv"


def test_a_file_that_was_edited_is_read_again(composed: Composed, houses: Path) -> None:
    config = composed(
        "problem=regression", "data=csv", "data.source.path=houses.csv", "data.source.target=price",
        "data.source.inputs=[size]", "network=perceptron", "network.sizes=[1,1]", "trainer.max_steps=1",
        "data.test_share=null",
    )  # fmt: skip
    assert len(data_of(config).train) == 3
    houses.write_text(HOUSES + "10,Bern,1,50\n")
    assert len(data_of(config).train) == 4
