import csv
import sys
from pathlib import Path

import pytest
from PIL import Image

from descent import cli

SMALL = ("experiment=two_layer_gradient", "network.sizes=[784,2,10]", "data.source.count=20", "data.batch_size=20")


def check(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["descent", "check-gradient", *arguments])
    cli.main()


def test_it_prints_each_parameter_and_that_they_agree(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check(monkeypatch, *SMALL)
    said = capsys.readouterr()
    assert said.err == ""
    head, *rows, files, last = said.out.splitlines()
    assert head.split() == ["parameter", "shape", "components", "largest", "difference", "relative", "agree"]
    assert len({len(row) for row in (head, *rows)}) == 1
    assert [row.split()[0] for row in rows] == [
        "network.0.weight", "network.0.bias", "network.2.weight", "network.2.bias",
    ]  # fmt: skip
    assert [row.split()[-1] for row in rows] == ["yes"] * 4
    assert (
        files == "gradients/two_layer_gradient/record/differences.csv  gradients/two_layer_gradient/views/gradients.png"
    )
    assert last == "two_layer_gradient: backpropagation and central difference agree"


def test_it_writes_the_differences_and_their_picture_and_nothing_else(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path for path in project.rglob("*") if path.is_file()}
    check(monkeypatch, *SMALL)
    folder = project / "gradients" / "two_layer_gradient"
    after = {path for path in project.rglob("*") if path.is_file()}
    assert after - before == {
        folder / "record" / "differences.csv",
        folder / "record" / "gradients.npz",
        folder / "views" / "gradients.png",
    }
    with (folder / "record" / "differences.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["parameter", "shape", "components", "largest_absolute", "largest_relative", "agrees"]
    assert [row["shape"] for row in rows] == ["(2, 784)", "(2,)", "(10, 2)", "(10,)"]
    assert [row["components"] for row in rows] == ["1568", "2", "20", "10"]
    assert all(0 < float(row["largest_relative"]) < 1e-5 for row in rows)
    assert {row["agrees"] for row in rows} == {"True"}
    with Image.open(folder / "views" / "gradients.png") as picture:
        assert picture.size == (840, 880)


def test_a_wrong_gradient_is_reported_in_a_line_with_the_parameter(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "conf" / "network" / "tampered.yaml").write_text(
        "_target_: faults.tampered_perceptron\nsizes: [784, 2, 10]\n"
    )
    with pytest.raises(SystemExit) as caught:
        check(monkeypatch, "problem=mnist", "data=mnist", "trainer.max_steps=1", "network=tampered")
    assert caught.value.code == (
        "descent check-gradient: backpropagation and central difference disagree on network.2.weight; "
        "see gradients/mnist/views/gradients.png"
    )
    *_, weight, _, files = capsys.readouterr().out.splitlines()
    assert weight.split()[0] == "network.2.weight"
    assert weight.split()[-1] == "no"
    assert files.endswith("gradients/mnist/views/gradients.png")
    assert (project / "gradients" / "mnist" / "views" / "gradients.png").exists()


def test_without_an_experiment_the_choices_are_listed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"^descent check-gradient: say what to train: experiment=NAME, one of "):
        check(monkeypatch)
    assert not (project / "gradients").exists()
