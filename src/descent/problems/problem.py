"""What everything that is minimised has in common."""

from torch import Tensor, nn

COORDINATES = ("x", "y")
"""The names of the position's components, for problems small enough to be followed step by step."""


class Problem(nn.Module):
    """A module whose forward takes a minibatch and gives a scalar loss; its parameters are what descends."""

    def forward(self, *minibatch: Tensor) -> Tensor:
        """The loss on a minibatch, a scalar."""
        raise NotImplementedError

    def measure(self, *examples: Tensor) -> dict[str, Tensor]:
        """What an evaluation reports of some examples, each a mean over them; `loss` is always there."""
        return {"loss": self(*examples)}

    def size(self) -> int:
        """The number of parameters, counted as numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def is_small(self) -> bool:
        """Whether the position has so few components that each step's is recorded."""
        return self.size() <= len(COORDINATES)

    def position(self) -> list[float]:
        """The parameters as a flat list."""
        return [value for parameter in self.parameters() for value in parameter.detach().flatten().tolist()]
