"""Classification by a network: softmax cross entropy on its scores."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from descent.core.problems.networks import is_perceptron, scores_of_all, scores_spanned
from descent.core.problems.problem import AT_ONCE, Problem


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

    def losses_spanned(
        self,
        origin: Mapping[str, Tensor],
        directions: Sequence[Mapping[str, Tensor]],
        coordinates: Tensor,
        minibatch: tuple[Tensor, ...],
    ) -> Tensor:
        """The mean losses at points that directions span from an origin."""
        if not is_perceptron(self.network) or not isinstance(next(self.network.children()), nn.Linear):
            return super().losses_spanned(origin, directions, coordinates, minibatch)
        inputs, labels = minibatch
        network_origin, *network_directions = map(_of_network, (origin, *directions))
        parts = coordinates.split(AT_ONCE)
        scores_of_parts = scores_spanned(self.network, network_origin, network_directions, parts, inputs)
        return torch.cat([self._losses(scores, labels) for scores in scores_of_parts])

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
            "accuracy": (scores.mT.contiguous().max(dim=1).indices == labels).float().mean(dim=1),
        }

    def _scores(self, parameters: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Those of all networks, (networks, examples, classes)."""
        return scores_of_all(self.network, _of_network(parameters), inputs)

    def _losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Mean losses of all networks; labels are (examples,), or (networks, examples) where they differ."""
        # Classes before examples takes half the time: a processor computes several examples at once.
        losses = F.cross_entropy(scores.mT.contiguous(), labels.expand(scores.shape[:2]), reduction="none")
        return losses.mean(dim=1)


def _of_network(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The problem's parameters by the names that its network has for them."""
    return {name.removeprefix("network."): parameter for name, parameter in parameters.items()}
