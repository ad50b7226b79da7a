import csv
import shutil
from pathlib import Path

import pytest
from conftest import ROOT, Composed

from descent.errors import UserError
from descent.records.run import STEPS, RunRecord
from descent.runs.seeds import repeat
from descent.runs.train import train


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def control_points(project: Path) -> None:
    points = project / "data" / "source"
    points.mkdir()
    shutil.copy(ROOT / "data" / "source" / "control_points.csv", points)


@pytest.mark.usefixtures("control_points")
def test_every_repeat_ends_as_the_same_run_alone_with_noise_and_draws_of_its_own(composed: Composed) -> None:
    overrides = ("experiment=noisy_polynomial", "data=fresh_noisy_points", "evaluation.every=100")
    folder = repeat(
        composed(*overrides, "trainer.chunk_size=5"), range(6)
    ).record.folder  # so that runs leave between others' chunks
    repeated = rows(folder / "runs.csv")
    assert [row["seed"] for row in repeated] == list("012345")
    assert len({row["x"] for row in repeated}) == 6
    for row in repeated:
        result = train(composed(*overrides, f"seed={row['seed']}"))
        assert row["result"] == result.result
        for name in ("x", "loss/train"):
            assert float(row[name]) == pytest.approx(result.metrics[name], rel=1e-6)
    assert len({row["result"] for row in repeated}) == 2  # some diverged


def test_where_all_run_away_each_is_evaluated_where_it_did(composed: Composed) -> None:
    overrides = ("experiment=noisy_polynomial", "optimizer.lr=50", "trainer.max_steps=1000", "evaluation.every=1000")
    for row in repeat(composed(*overrides), range(3)).record.runs():
        result = train(composed(*overrides, f"seed={row['seed']}"))
        assert row["result"] == result.result == "diverged"
        assert int(row["step"]) == len(RunRecord(result.folder).read(STEPS).rows)
        assert float(row["x"]) == pytest.approx(result.metrics["x"], rel=1e-6)


def test_repeats_are_evaluated_as_planned_however_long_that_takes(composed: Composed) -> None:
    config = composed("experiment=noisy_polynomial", "trainer.max_steps=250", "evaluation.every=220")
    folder = repeat(config, range(1)).record.folder
    assert [row["step"] for row in rows(folder / "evaluations.csv")] == ["0", "220", "250"]
    assert b"\r" not in (folder / "evaluations.csv").read_bytes()


def test_networks_share_their_data_and_are_evaluated_as_planned(composed: Composed) -> None:
    overrides = ("experiment=mnist_two_layer", "trainer.max_steps=20", "evaluation.every=10")
    folder = repeat(composed(*overrides), range(3)).record.folder
    evaluations = rows(folder / "evaluations.csv")
    assert [(row["step"], row["seed"]) for row in evaluations] == [
        (str(step), str(seed)) for step in (0, 1, 11, 20) for seed in range(3)
    ]
    result = train(composed(*overrides, "seed=2"))
    last = evaluations[-1]
    assert {name: float(last[name]) for name in ("loss/train", "loss/test")} == pytest.approx(
        {name: result.metrics[name] for name in ("loss/train", "loss/test")}, rel=1e-5
    )
    assert float(last["accuracy/test"]) == pytest.approx(result.metrics["accuracy/test"], abs=0.006)


SMALL = ("experiment=noisy_polynomial", "trainer.max_steps=5", "evaluation.every=5")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_more_seeds_train_only_those_that_are_missing(composed: Composed) -> None:
    first = repeat(composed(*SMALL), range(1, 4))
    folder = first.record.folder
    before = content(folder)
    again = repeat(composed(*SMALL, "trainer.chunk_size=2", "description=another"), range(1, 4))
    assert (first.trained, again.trained) == (3, 0)
    assert content(folder) == before
    more = repeat(composed(*SMALL), range(1, 7))
    assert more.trained == 3
    extended = content(folder)
    shutil.rmtree(folder)
    assert repeat(composed(*SMALL), range(1, 7)).trained == 6
    assert content(folder) == extended


def test_fewer_seeds_are_refused_or_the_others_removed(composed: Composed) -> None:
    folder = repeat(composed(*SMALL), range(1, 5)).record.folder
    before = content(folder)
    with pytest.raises(UserError, match=r"^seeds/noisy_polynomial holds 4 seeds, and --count asks for 2; ask for "):
        repeat(composed(*SMALL), range(1, 3))
    assert content(folder) == before
    assert repeat(composed(*SMALL, "replace=true"), range(1, 3)).trained == 0
    assert [row["seed"] for row in rows(folder / "runs.csv")] == ["1", "2"]
    assert [row["seed"] for row in rows(folder / "evaluations.csv")] == ["1", "2", "1", "2"]


def test_other_runs_are_kept_unless_they_are_to_be_replaced(composed: Composed, project: Path) -> None:
    folder = repeat(composed(*SMALL), range(1, 3)).record.folder
    before = content(folder)
    other = (*SMALL, "optimizer.lr=0.1", "schedule=cosine")
    with pytest.raises(
        UserError, match=r"holds other runs: optimizer\.lr is 0\.3 there and 0\.1 here \(and \d more\); r"
    ):
        repeat(composed(*other), range(1, 3))
    points = project / "data" / "noisy_polynomial" / "points.csv"
    points.write_text(points.read_text().replace("-10.0", "-10.5", 1))
    with pytest.raises(UserError, match=r"holds other runs: the data have changed; remove it, or add replace=true"):
        repeat(composed(*SMALL), range(1, 3))
    assert content(folder) == before
    assert repeat(composed(*other, "replace=true"), range(1, 3)).trained == 2
    assert "lr: 0.1" in (folder / "config.yaml").read_text()


def test_runs_of_which_it_is_not_known_what_they_are_are_kept_too(composed: Composed) -> None:
    folder = repeat(composed(*SMALL), range(1, 3)).record.folder
    (folder / "seeds.json").unlink()  # as one that was killed, or an earlier version, left it
    with pytest.raises(UserError, match=r"^seeds/noisy_polynomial holds runs of which it does not say what they are; "):
        repeat(composed(*SMALL), range(1, 3))
    assert repeat(composed(*SMALL, "replace=true"), range(1, 3)).trained == 2


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (
            ("experiment=noisy_polynomial", "gradient=central_difference", "trainer.max_steps=20"),
            "their gradients are not autograd's",
        ),
        (
            ("experiment=mnist_two_layer", "network=dropout", "trainer.max_steps=5"),
            "their steps draw random numbers",
        ),
    ],
    ids=["central difference", "dropout"],
)
def test_what_can_not_be_a_batch_is_repeated_one_run_after_the_other(
    composed: Composed, project: Path, capsys: pytest.CaptureFixture[str], overrides: tuple[str, ...], reason: str
) -> None:
    (project / "conf" / "network" / "dropout.yaml").write_text("_target_: networks.dropout\n")
    repeated = repeat(composed(*overrides), range(1, 3)).record.runs()
    assert f"2 runs are trained alone: {reason}" in capsys.readouterr().out
    for row in repeated:
        alone = train(composed(*overrides, f"seed={row['seed']}")).metrics
        reached = row.keys() & alone.keys()
        assert "loss/train" in reached
        assert {name: float(row[name]) for name in reached} == {name: alone[name] for name in reached}


def test_what_can_not_work_is_refused_in_a_line_before_the_first_step(composed: Composed, project: Path) -> None:
    with pytest.raises(UserError, match=r"^torch\.optim\.SparseAdam can't take a step on problem bowl: "):
        repeat(composed("problem=bowl", "trainer.max_steps=5", "optimizer._target_=torch.optim.SparseAdam"), range(2))
    assert not (project / "seeds").exists()
