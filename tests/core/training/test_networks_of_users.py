"""Dropout, BatchNorm, frozen, unused and tied parameters, several dtypes: alone, as a batch, and resumed."""

from collections.abc import Callable
from pathlib import Path

import networks
import pytest
import torch
from conftest import Composed
from descents import Stopper, timeless, train_together
from networks import BATCHED, NETWORKS
from quick_landscape import QUICK
from torch import Tensor, nn

from descent.core.build import assemble
from descent.core.config import TrainConfig
from descent.records.run import EVALUATIONS, STEPS, RunRecord
from descent.runs.identity import RunResult
from descent.runs.train import train

COMMON = (
    "experiment=mnist_two_layer", "data.batch_size=50", "trainer.max_steps=24", "evaluation.first=null",
    "evaluation.every=8", "optimizer=adam", "optimizer.lr=0.01", "trainer.checkpoint_seconds=0",
)  # fmt: skip
Config = Callable[..., TrainConfig]
pytestmark = pytest.mark.parametrize("name", [network.__name__ for network in NETWORKS])


@pytest.fixture
def config(composed: Composed, project: Path, name: str) -> Config:
    """Composes the configuration of a run with the network."""
    (project / "conf" / "network" / f"{name}.yaml").write_text(f"_target_: networks.{name}\n")
    return lambda *overrides: composed(*COMMON, f"network={name}", *overrides).replaced("landscape", QUICK)


def weights(result: RunResult) -> dict[str, Tensor]:
    return torch.load(result.folder / "record" / "checkpoint.ckpt", weights_only=True)["state_dict"]  # type: ignore[no-any-return]


def assert_equal(ours: RunResult, theirs: RunResult, *, is_exact: bool = True) -> None:
    """Two runs have the same steps, evaluations and weights, to the last bit or within rounding."""
    for table in (STEPS, EVALUATIONS):
        rows = [timeless(RunRecord(result.folder), table) for result in (ours, theirs)]
        assert rows[0] == (rows[1] if is_exact else [pytest.approx(row, rel=1e-4) for row in rows[1]])
    rtol, atol = (0, 0) if is_exact else (1e-3, 1e-5)
    torch.testing.assert_close(weights(ours), weights(theirs), rtol=rtol, atol=atol)


def test_a_network_is_trained_to_the_same_bits_whatever_was_drawn_before_and_however_often_it_is_evaluated(
    config: Config,
) -> None:
    first = train(config("run_dir=runs/first"))
    with networks.other_random_numbers():
        again = train(config("run_dir=runs/again"))
    assert_equal(again, first)
    often = train(config("evaluation.every=1", "trainer.chunk_size=3", "run_dir=runs/often"))
    assert timeless(RunRecord(often.folder), STEPS) == timeless(RunRecord(first.folder), STEPS)
    torch.testing.assert_close(weights(often), weights(first), rtol=0, atol=0)


def test_a_run_that_is_resumed_ends_with_the_same_bits(config: Config) -> None:
    whole = train(config("run_dir=runs/whole"))
    with pytest.raises(KeyboardInterrupt):
        train(config("run_dir=runs/halves"), listener=Stopper(11))
    with networks.other_random_numbers():
        resumed = train(config("run_dir=runs/halves"))
    assert resumed.was_begun
    assert_equal(resumed, whole)


def test_runs_are_trained_as_a_batch_as_each_is_alone_or_are_not_and_that_is_said(
    config: Config, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = ("0.01", "0.003")
    together = train_together(*(config(f"optimizer.lr={rate}", f"run_dir=together/{rate}") for rate in rates))
    said = capsys.readouterr().err
    assert said == "" if name in BATCHED else "2 runs are trained alone: their " in said
    for rate, ours in zip(rates, together, strict=True):
        assert ours.metrics.get("runs_in_batch", 1) == (2 if name in BATCHED else 1)
        alone = train(config(f"optimizer.lr={rate}", f"run_dir=alone/{rate}"))
        assert_equal(ours, alone, is_exact=name not in BATCHED)


def test_a_batch_that_is_resumed_ends_with_the_same_bits(config: Config) -> None:
    whole = train_together(*(config(f"seed={seed}", f"run_dir=whole/{seed}") for seed in range(2)))
    halves = [config(f"seed={seed}", f"run_dir=halves/{seed}") for seed in range(2)]
    with pytest.raises(KeyboardInterrupt):
        train_together(*halves, listener=Stopper(10))
    with networks.other_random_numbers():
        for ours, expected in zip(train_together(*halves), whole, strict=True):
            assert_equal(ours, expected)


def test_the_last_evaluation_is_of_the_trained_weights_in_eval_mode(config: Config, name: str) -> None:
    result = train(config())
    network: nn.Module = getattr(networks, name)()
    network.load_state_dict({key.removeprefix("network."): value for key, value in weights(result).items()})
    network.eval()
    test = assemble(config()).data.test
    assert test is not None
    images, labels = test.head(len(test))
    accuracy = (network(images).argmax(dim=1) == labels).double().mean().item()
    assert result.metrics["accuracy/test"] == pytest.approx(accuracy, abs=1e-6)
