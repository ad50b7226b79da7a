"""The bar of a training's progress, and what is printed above it."""

import logging
import sys
from importlib.util import find_spec
from typing import Any

from tqdm import tqdm


def progress_bar(**settings: Any) -> "tqdm[Any]":
    """A bar on a terminal or in a notebook, which is removed at the end; nothing where neither would show it.

    In a notebook it is a widget if ipywidgets is installed, else a text.

    Args:
        settings: of `tqdm`.
    """
    if not _in_notebook():
        return tqdm(**settings, disable=None, leave=False)
    if find_spec("ipywidgets") is None:
        return tqdm(**settings, file=sys.stdout, leave=False)
    from tqdm.notebook import tqdm as tqdm_of_notebook

    return tqdm_of_notebook(**settings, leave=False)


def _in_notebook() -> bool:
    """Whether a kernel of Jupyter's runs this process's code."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


class ProgressBarHandler(logging.Handler):
    """Prints log messages above a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a message."""
        tqdm.write(self.format(record))


def configure_logging() -> None:
    """Print what training logs, which is each evaluation, for a user who waits for a single run."""
    logger = logging.getLogger("descent")
    logger.setLevel(logging.INFO)
    if not any(isinstance(handler, ProgressBarHandler) for handler in logger.handlers):
        logger.addHandler(ProgressBarHandler())
