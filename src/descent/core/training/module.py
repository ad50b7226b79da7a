"""Descent as a Lightning module: a batch is a chunk of many minibatches, each a step of gradient descent."""

from pytorch_lightning import LightningModule
from torch import Tensor
from torch.optim import Optimizer

from descent.core.training.stepper import StepBlock, Stepper


class Descent(LightningModule):
    """Has a stepper take the steps of each chunk, of one run or of a batch of them.

    What Lightning does around a batch, for devices, checkpoints and callbacks, costs its time once a chunk.
    """

    def __init__(self, stepper: Stepper) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.stepper = stepper

    def configure_optimizers(self) -> list[Optimizer]:
        """The stepper's optimizers; it steps their schedules itself."""
        return self.stepper.optimizers

    def training_step(self, chunk: Tensor) -> dict[str, list[StepBlock]]:
        """Take the steps of a chunk; `blocks` has what they did, a block for each run that was in training."""
        blocks = self.stepper.advance(chunk)
        self.trainer.should_stop = not self.stepper.runs
        return {"blocks": blocks}
