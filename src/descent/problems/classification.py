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
        return self._losses(self._scores(parameters, inputs), labels)

    def measure(self, *examples: Tensor) -> dict[str, Tensor]:
        """Mean loss and accuracy on (inputs, labels)."""
        inputs, labels = examples
        scores = self.network(inputs)
        return {
            "loss": F.cross_entropy(scores, labels),
            "accuracy": (scores.argmax(dim=1) == labels).float().mean(),
        }

    def measures(self, parameters: Mapping[str, Tensor], examples: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Mean losses and accuracies of all networks; of perceptrons with a matrix product a layer."""
        if not is_perceptron(self.network):
            return super().measures(parameters, examples)
        inputs, labels = examples
        scores = self._scores(parameters, inputs)
        return {
            "loss": self._losses(scores, labels),
            "accuracy": (scores.max(dim=1).indices == labels).float().mean(dim=1),
        }

    def _scores(self, parameters: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Those of all networks, (networks, classes, examples)."""
        own = {name.removeprefix("network."): stack for name, stack in parameters.items()}
        # Classes before examples, of which a processor takes several at a time: what follows takes it half the time.
        return scores_of_all(self.network, own, inputs).mT.contiguous()

    def _losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        networks, _, examples = scores.shape
        # Labels of a minibatch that is not shared are (networks, examples) already.
        return F.cross_entropy(scores, labels.expand(networks, examples), reduction="none").mean(dim=1)
