"""The training loop: Lightning's, over chunks of steps, from the start or from a checkpoint."""

import logging
import warnings
from collections.abc import Callable

from pytorch_lightning import Trainer

from descent.core.data.batch_sampler import BatchSampler
from descent.core.data.examples import Data
from descent.core.training.checkpoint import taken_up
from descent.core.training.checkpointing import Checkpointing
from descent.core.training.chunks import Chunks
from descent.core.training.evaluating import Evaluating
from descent.core.training.module import Descent
from descent.core.training.plan import Plan
from descent.core.training.progress import Progress
from descent.core.training.recording import Recording
from descent.records.run import RunRecord


def descend(
    module: Descent,
    data: Data,
    minibatches: BatchSampler,
    plan: Plan,
    record: RunRecord,
    accelerator: str,
    chunk_size: int,
    checkpoint_seconds: float,
    on_progress: Callable[[], None],
) -> None:
    """Train as planned, into the record; from the record's checkpoint where it has one.

    Results don't depend on `chunk_size`, nor on where a run was interrupted.
    """
    checkpoint = taken_up(record)
    if checkpoint is not None:
        module.take_up(checkpoint)

    def start() -> int:
        return plan.steps if module.standing.diverged else module.standing.steps_taken

    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with record, warnings.catch_warnings():
        # Lightning advises DataLoader workers; the data are in memory.
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        # Lightning 2.6 asks PyTorch 2.14 about its trees in the old way.
        warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")
        trainer = Trainer(
            accelerator=accelerator,
            devices=1,
            max_epochs=1,
            callbacks=[
                Recording(plan, record),
                Evaluating(plan, data, record),
                Checkpointing(record, checkpoint_seconds, on_progress),
                Progress(plan.steps),
            ],
            deterministic=accelerator != "cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, Chunks(minibatches, plan, chunk_size, start))
