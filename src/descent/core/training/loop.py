"""The training loop: Lightning's, over chunks of steps, for one run or for a batch of them."""

import logging
import warnings
from collections.abc import Sequence

import torch
from pytorch_lightning import Callback, Trainer

from descent.core.training.batched_stepper import BatchedStepper
from descent.core.training.chunks import Chunks
from descent.core.training.interruption import StopOnSignal
from descent.core.training.module import Descent
from descent.core.training.stepper import SingleStepper, Stepper
from descent.core.training.training_run import TrainingRun, place


def fit(runs: Sequence[TrainingRun], callbacks: Sequence[Callback], chunk_size: int) -> None:
    """Train a run, or a batch of runs (`descent.core.training.batching`), to its end.

    Its problems are then in `eval()` mode. Results depend neither on `chunk_size` nor on where a run was interrupted.

    Raises:
        KeyboardInterrupt: if the process was told to end; the callbacks have seen the steps before.
    """
    components = runs[0].components
    place(runs, torch.device(components.accelerator))
    stepper: Stepper = BatchedStepper(runs) if len(runs) > 1 or runs[0].is_last_of_batch() else SingleStepper(runs[0])
    chunks = Chunks([run.components.sampler for run in runs], components.plan, chunk_size, stepper)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with StopOnSignal() as stop_on_signal, warnings.catch_warnings():
        # Lightning advises DataLoader workers; the data are in memory.
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        # Lightning 2.6 asks PyTorch 2.14 about its trees in the old way.
        warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")
        trainer = Trainer(
            accelerator=components.accelerator,
            devices=1,
            max_epochs=1,
            callbacks=[stop_on_signal, *callbacks],
            deterministic=components.accelerator != "cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Descent(stepper), chunks)
    stepper.finish()
