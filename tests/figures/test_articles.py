"""What the articles' figures rest on, as far as it takes no training runs."""

from functools import partial

import numpy as np
import pytest
import torch
from conftest import ROOT
from numpy.polynomial import Polynomial
from torch.optim import SGD

from descent.data.patterns import A
from descent.figures import article_000, article_002, article_003, article_004
from descent.figures.figure import drawn, same_digits
from descent.figures.results import Results


def test_minima_and_maxima_are_told_apart() -> None:
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


def test_three_numbers_of_the_unknown_weights_give_all_the_errors_that_article_002_prints() -> None:
    scores = article_002.article_scores()
    _, errors = article_002.train(
        article_002.convolution_with(scores), partial(SGD, lr=article_002.LR, momentum=article_002.MOMENTUM), epochs=1
    )
    assert all(map(same_digits, article_002.ERRORS, errors))
    # Other weights give other errors: the match says something.
    _, others = article_002.train(
        article_002.convolution_with(scores * 1.01), partial(SGD, lr=article_002.LR, momentum=article_002.MOMENTUM), 1
    )
    assert not any(map(same_digits, article_002.ERRORS[1:], others[1:]))


def test_the_errors_depend_on_the_weights_through_three_numbers_alone() -> None:
    scores = np.array([0.9, 0.5, 0.3])
    trained = article_002.convolution_with(scores)
    with torch.no_grad():
        trained.weight += torch.rand(4, 1, 4, 4) * (1 - A)  # where pattern A is dark
    _, errors = article_002.train(trained, partial(SGD, lr=article_002.LR, momentum=article_002.MOMENTUM), epochs=1)
    assert errors[:20] == pytest.approx(article_002.errors_from(scores, 20).tolist(), rel=1e-3, abs=1e-6)


def test_the_articles_optimizer_trains_its_network_as_sgd_does() -> None:
    assert article_002.same_bits_as_sgd()


def test_momentum_leaves_the_dip_where_gradient_descent_stays_and_adam_and_adagrad_stay_longer() -> None:
    least = {name: rate or np.inf for name, rate in article_003.least_rates().items()}
    assert least["momentum"] < least["gradient descent"] < least["Adam"] <= least["AdaGrad"]
    # From 1 the first step leads over the crest at -0.5 if the rate is above 1.5 / 2.25.
    assert least["gradient descent"] == pytest.approx(2 / 3, abs=0.05)


def test_the_gradients_and_the_layer_of_article_004_are_reproduced_or_explained() -> None:
    verdicts = [figure.verdict for figure in [*article_004._gradients(), *article_004._layer()]]
    assert verdicts == ["reproduced"] * 5 + ["explained"] * 2


def test_a_rare_draw_explains_only_what_it_reaches() -> None:
    far = drawn("004", "a", "0.1835", [0.10, 0.11, 0.09, 0.10, 0.10], of=34)
    assert far.verdict == "differs"
    assert article_004._or_a_rare_draw(far, 0.1870).verdict == "explained"
    assert article_004._or_a_rare_draw(far, 0.1834) == far
    near = drawn("004", "a", "0.1000", [0.10, 0.11, 0.09, 0.10, 0.10], of=34)
    assert article_004._or_a_rare_draw(near, 0.5) == near
