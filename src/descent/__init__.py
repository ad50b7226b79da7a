"""Descent: a tracked training pipeline for gradient descent itself, from y = x² to MNIST.

Example:
    >>> import descent
    >>> run = descent.train("himmelblau", "optimizer=adam", "optimizer.lr=0.1")
    >>> sweep = descent.sweep("himmelblau", "optimizer=sgd,adam", "optimizer.lr=1e-3,1e-2")
    >>> descent.compare(run, sweep)
"""

from descent.api.calls import compare, load, sweep, train
from descent.api.compared_runs import ComparedRuns
from descent.api.run import Run
from descent.errors import UserError

__all__ = ["ComparedRuns", "Run", "UserError", "compare", "load", "sweep", "train"]
