"""Classification by a network: softmax cross entropy on its scores."""

import torch.nn.functional as F
from torch import Tensor, nn

from descent.problems.problem import Problem


class Classification(Problem):
    """Cross entropy of a network's scores, (examples, classes), on inputs and labels (int64)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *minibatch: Tensor) -> Tensor:
        """The mean loss on (inputs, labels)."""
        inputs, labels = minibatch
        return F.cross_entropy(self.network(inputs), labels)

    def measure(self, *examples: Tensor) -> dict[str, Tensor]:
        """Mean loss and accuracy on (inputs, labels)."""
        inputs, labels = examples
        scores = self.network(inputs)
        return {
            "loss": F.cross_entropy(scores, labels),
            "accuracy": (scores.argmax(dim=1) == labels).float().mean(),
        }
