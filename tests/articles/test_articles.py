"""The components of the articles' modules that need no training runs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, composed_in
from numpy.polynomial import Polynomial
from tracking.runs import start

from descent.articles import article_000, article_001, article_002, article_003, article_004, article_004_mnist
from descent.articles.numpy_reference import float32_rounding
from descent.articles.published_value import same_digits
from descent.articles.results import Results
from descent.core.build import assemble
from descent.core.training.training_run import RunComponents
from descent.records.run import EVALUATIONS


def test_extrema_are_minima_and_maxima() -> None:
    curve = Polynomial.fromroots([-2, -1, 0, 1, 2])  # rises last
    minima, maxima = article_000.extrema(curve)
    assert np.all(np.diff(np.sort([*minima, *maxima])) > 0)
    assert [len(minima), len(maxima)] == [2, 2]
    assert all(curve.deriv(2)(minima) > 0)
    assert all(curve.deriv(2)(maxima) < 0)


def test_the_articles_points_have_three_minima_with_the_best_in_the_middle() -> None:
    curve = article_000.polynomial(Results(ROOT))
    minima, _ = article_000.extrema(curve)
    assert minima == pytest.approx([-4, 0, 4], abs=0.5)
    assert np.argmin(curve(minima)) == 1


def test_a_share_has_the_interval_of_wilson() -> None:
    assert str(article_000.Share(50, 100)) == "50.0% (40.4% to 59.6%)"


@pytest.fixture(scope="module")
def patterns() -> RunComponents:
    return assemble(composed_in(ROOT, "experiment=patterns"))


def test_three_scores_of_the_unknown_weights_give_all_errors_of_article_002(
    patterns: RunComponents,
) -> None:
    scores = article_002.article_scores()
    errors, _ = article_002.train_from(article_002.weights_of(scores), patterns, patterns.optimizer)
    assert all(map(same_digits, article_002.ERRORS, errors))
    assert errors[len(article_002.ERRORS)] < 0.0005  # what is printed after those is less than four digits show
    # Other weights give other errors: the match says something.
    other_errors, _ = article_002.train_from(article_002.weights_of(scores * 1.01), patterns, patterns.optimizer)
    assert not any(map(same_digits, article_002.ERRORS[1:], other_errors[1:]))


def test_the_errors_depend_on_the_weights_only_through_three_scores(patterns: RunComponents) -> None:
    scores = np.array([0.9, 0.5, 0.3])
    weights = article_002.weights_of(scores)
    weights += np.random.default_rng(0).random((4, 16)) * (1 - article_002.A)  # where pattern A is dark
    errors, _ = article_002.train_from(weights, patterns, patterns.optimizer)
    expected = article_002.errors_of(scores, 20)
    assert (abs(errors[:20] - expected) <= float32_rounding(expected)).all()


def test_the_articles_optimizer_trains_its_network_as_sgd_does(patterns: RunComponents) -> None:
    assert article_002.same_bits_as_sgd(patterns)


def test_momentum_leaves_the_dip_where_gradient_descent_stays_and_adam_and_adagrad_stay_longer() -> None:
    least = {name: rate or np.inf for name, rate in article_003.least_rates().items()}
    assert least["momentum"] < least["gradient descent"] < least["Adam"] <= least["AdaGrad"]
    # From 1 the first step leads over the crest at -0.5 if the rate is above 1.5 / 2.25.
    assert least["gradient descent"] == pytest.approx(2 / 3, abs=0.05)


def test_the_experiments_have_the_rates_of_the_articles_modules() -> None:
    rates = {
        **article_001.RATES,
        **{name: lr for name, (lr, _) in article_002.PARABOLAS.items()},
        "patterns": article_002.LR,
        "parabola_003": article_003.LR,
        "cubic_003": article_003.LR,
        **article_004.RATES,
        "linear_softmax": article_004.LR,
        "mnist_two_layer": article_004_mnist.LR,
        "noisy_polynomial": article_000.LR,
    }
    assert {name: composed_in(ROOT, f"experiment={name}").optimizer.lr for name in rates} == rates


def test_numerical_gradients_on_a_bowl_are_reproduced() -> None:
    assert [figure.verdict for figure in article_004.gradient_values()] == ["reproduced"] * 4


def test_ways_out_of_the_dip_are_explained_by_those_of_plain_numpy() -> None:
    assert [figure.verdict for figure in article_003.ways_out_values()] == ["explained"]


@pytest.mark.parametrize("optimizer", ["momentum", "Adam"])
def test_other_ways_out_of_the_dip_than_those_of_plain_numpy_differ(
    optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(article_003.OPTIMIZERS, optimizer, torch.optim.RMSprop)
    assert [figure.verdict for figure in article_003.ways_out_values()] == ["differs"]


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.991, "reproduced"), (0.989, "differs"), (np.nan, "differs")])
def test_three_layers_are_nearly_always_right_on_what_they_are_trained_on(
    accuracy: float, verdict: str, tmp_path: Path
) -> None:
    steps = article_003.THREE_LAYERS_STEPS
    with start(tmp_path / "runs" / article_003.THREE_LAYERS, 1) as record:
        record.append(EVALUATIONS, [{"step": steps, "timestamp": 1, "accuracy/train": accuracy}])
        record.finish("finished", steps, {})
    assert article_003.three_layer_accuracy(Results(tmp_path)).verdict == verdict
