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
    folder = repeat(composed(*overrides, "trainer.chunk_size=5"), range(6))  # so that runs leave between others' chunks
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
    for row in rows(repeat(composed(*overrides), range(3)) / "runs.csv"):
        result = train(composed(*overrides, f"seed={row['seed']}"))
        assert row["result"] == result.result == "diverged"
        assert int(row["step"]) == len(RunRecord(result.folder).read(STEPS).rows)
        assert float(row["x"]) == pytest.approx(result.metrics["x"], rel=1e-6)


def test_repeats_are_evaluated_as_planned_however_long_that_takes(composed: Composed) -> None:
    config = composed("experiment=noisy_polynomial", "trainer.max_steps=250", "evaluation.every=220")
    folder = repeat(config, range(1))
    assert [row["step"] for row in rows(folder / "evaluations.csv")] == ["0", "220", "250"]
    assert b"\r" not in (folder / "evaluations.csv").read_bytes()


def test_networks_share_their_data_and_are_evaluated_as_planned(composed: Composed) -> None:
    overrides = ("experiment=mnist_two_layer", "trainer.max_steps=20", "evaluation.every=10")
    folder = repeat(composed(*overrides), range(3))
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


def test_nothing_is_overwritten(composed: Composed) -> None:
    config = composed("experiment=mnist_two_layer", "trainer.max_steps=2")
    repeat(config, range(2))
    with pytest.raises(UserError, match="seeds/mnist_two_layer is there already; remove it"):
        repeat(config, range(2))


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
    repeated = rows(repeat(composed(*overrides), range(1, 3)) / "runs.csv")
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
