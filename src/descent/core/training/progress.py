"""How far a run is, for who waits for it."""

import logging
from typing import Any

from pytorch_lightning import Callback, Trainer
from tqdm import tqdm


class OverTheBar(logging.Handler):
    """Prints what is logged, without breaking a bar that stands on the terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print it."""
        tqdm.write(self.format(record))


def tell() -> None:
    """Print what runs log, which is their evaluations, as a user wants it who waits for a single one."""
    log = logging.getLogger("descent")
    log.setLevel(logging.INFO)
    log.addHandler(OverTheBar())


class Progress(Callback):
    """A bar of the steps taken, on a terminal only."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Show the bar, from where the run stands."""
        self.bar = tqdm(
            total=self.steps, initial=pl_module.standing.steps_taken, unit="step", disable=None, leave=False
        )

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Move it on."""
        rows = outputs["rows"]
        self.bar.set_postfix(loss=f"{rows[-1]['loss/step']:.4f}", refresh=False)
        self.bar.update(pl_module.standing.steps_taken - self.bar.n)

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Take it away."""
        self.bar.close()
