"""Classification by a network: softmax cross entropy on its scores."""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from descent.problems.networks import is_perceptron, scores_of_all
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

    def losses(self, parameters: Mapping[str, Tensor], minibatch: tuple[Tensor, ...], *, is_shared: bool) -> Tensor:
        """The mean losses of all networks; of perceptrons with a matrix product a layer, not one a network."""
        if not is_perceptron(self.network):
            return super().losses(parameters, minibatch, is_shared=is_shared)
        inputs, labels = minibatch
        own = {name.removeprefix("network."): stack for name, stack in parameters.items()}
        scores = scores_of_all(self.network, own, inputs)
        networks, examples, _ = scores.shape
        every = F.cross_entropy(scores.flatten(0, 1), labels.expand(networks, examples).flatten(), reduction="none")
        return every.view(networks, examples).mean(dim=1)

    def measure(self, *examples: Tensor) -> dict[str, Tensor]:
        """Mean loss and accuracy on (inputs, labels)."""
        inputs, labels = examples
        scores = self.network(inputs)
        return {
            "loss": F.cross_entropy(scores, labels),
            "accuracy": (scores.argmax(dim=1) == labels).float().mean(),
        }
