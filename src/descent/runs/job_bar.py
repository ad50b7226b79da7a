"""A bar that shows how far a sweep of many jobs is before the first of them is trained."""

from typing import TYPE_CHECKING, Any

from descent.core.training.progress import progress_bar

if TYPE_CHECKING:
    from tqdm import tqdm

DELAY = 1.0
"""Seconds after which the bar appears; a sweep of a few jobs has none."""


def job_bar(**settings: Any) -> "tqdm[Any]":
    """A bar of jobs, where a user can see it.

    Args:
        settings: of `tqdm`.
    """
    return progress_bar(**settings, delay=DELAY)
