import math

from conftest import ROOT, Composed

from descent.experiment import Outcome
from descent.sweeps.job import ranked_by


def test_a_run_is_ranked_by_the_objective(composed: Composed) -> None:
    outcome = Outcome(ROOT, "finished", {"loss/train": 0.5, "accuracy/test": 0.9})
    assert ranked_by(composed("problem=bowl"), outcome) == 0.5
    assert ranked_by(composed("experiment=mnist_two_layer"), outcome) == 0.9
    assert ranked_by(composed("problem=bowl", "objective.metric=x"), outcome) is None


def test_a_run_that_ran_away_is_the_worst(composed: Composed) -> None:
    outcome = Outcome(ROOT, "diverged", {"loss/train": 0.5, "accuracy/test": 0.9})
    assert ranked_by(composed("problem=bowl"), outcome) == math.inf
    assert ranked_by(composed("experiment=mnist_two_layer"), outcome) == -math.inf
