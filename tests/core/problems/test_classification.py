import math

import pytest
import torch
from conftest import Composed
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from descent.core.build import assemble
from descent.core.problems.classification import Classification
from descent.runs.train import train

SCORES = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 3.0], [1.0, 0.0, 0.5], [0.0, 0.0, 1.0]])
LABELS = torch.tensor([0, 2, 1, 2])
RIGHT = 3


def cross_entropy(scores: Tensor, labels: Tensor) -> float:
    losses: list[float] = [
        math.log(sum(map(math.exp, row))) - row[label]
        for row, label in zip(scores.tolist(), labels.tolist(), strict=True)
    ]
    return sum(losses) / len(losses)


def test_the_loss_is_the_mean_softmax_cross_entropy_of_the_scores() -> None:
    loss = Classification(nn.Identity())(SCORES, LABELS)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(cross_entropy(SCORES, LABELS), rel=1e-6)


def test_measure_gives_loss_and_the_share_of_highest_scores_that_are_right() -> None:
    measured = Classification(nn.Identity()).measure(SCORES, LABELS)
    assert set(measured) == {"loss", "accuracy"}
    assert measured["loss"].item() == pytest.approx(cross_entropy(SCORES, LABELS), rel=1e-6)
    assert measured["accuracy"].item() == RIGHT / len(LABELS)


def test_the_network_is_what_descends() -> None:
    network = nn.Linear(4, 3)
    problem = Classification(network)
    assert problem.size() == 4 * 3 + 3
    inputs = torch.rand(6, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    expected = cross_entropy(inputs @ network.weight.T + network.bias, labels)
    assert problem(inputs, labels).item() == pytest.approx(expected, rel=1e-6)


def test_softmax_regression_on_digits_reaches_the_minimum_that_scikit_learn_finds(composed: Composed) -> None:
    """With decay of the weights and not of the biases, as there; it makes the minimum a single point."""
    decay = 0.1
    config = composed(
        "problem=classification", "data=digits", "network=softmax_regression", "data.batch_size=null",
        "data.test_share=null", "data.standardize=true", "optimizer=nesterov",
        "optimizer.lr=0.1", f"+optimizer.weight_decay={decay}", "trainer.max_steps=400", "evaluation.every=400",
        '+optimizer.groups=[{params: "*.bias", weight_decay: 0}]',
    )  # fmt: skip
    images, labels = assemble(config).data.train.head(2000)
    result = train(config)
    state = torch.load(result.folder / "record" / "checkpoint.ckpt", weights_only=True)["state_dict"]
    theirs = LogisticRegression(C=1 / (decay * len(images)), tol=1e-8, max_iter=1000).fit(
        images.numpy(), labels.numpy()
    )
    weights = torch.from_numpy(theirs.coef_).float()
    torch.testing.assert_close(state["network.0.weight"], weights, rtol=0, atol=1e-3 * weights.abs().max().item())
