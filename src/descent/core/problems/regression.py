"""Regression by a network: numbers predicted from inputs."""

from collections.abc import Callable

from torch import Tensor, nn

from descent.core.problems.problem import Problem


class Regression(Problem):
    """The mean loss of a network's outputs on inputs and targets, (examples, outputs) in the network's dtype.

    Args:
        network: gives outputs, (examples, outputs).
        loss: of outputs and targets, a mean, as `torch.nn.MSELoss()` or `torch.nn.HuberLoss()`.
    """

    def __init__(self, network: nn.Module, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.network, self.loss = network, loss

    def forward(self, *minibatch: Tensor) -> Tensor:
        """The mean loss on (inputs, targets)."""
        inputs, targets = minibatch
        return self.loss(self._outputs(inputs, targets), targets)

    def measure(self, *examples: Tensor) -> dict[str, Tensor]:
        """Mean loss and mean absolute error on (inputs, targets)."""
        inputs, targets = examples
        outputs = self._outputs(inputs, targets)
        return {"loss": self.loss(outputs, targets), "absolute_error": (outputs - targets).abs().mean()}

    def _outputs(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The network's outputs; a RuntimeError for another shape than the targets', which PyTorch would broadcast."""
        outputs: Tensor = self.network(inputs)
        if outputs.shape != targets.shape:
            raise RuntimeError(f"the network gives {tuple(outputs.shape)} for targets of {tuple(targets.shape)}")
        return outputs
