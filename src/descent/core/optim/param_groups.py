"""Parameter groups, chosen by the names of parameters."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from descent.errors import UserError, suggestion

NamedParameters = Iterable[tuple[str, Tensor]]
"""What `named_parameters()` of a module gives."""
PARAMS = "params"
"""The key of a group that has its pattern."""


@dataclass(frozen=True)
class OptimizerFactory:
    """Makes an optimizer of named parameters, some of them in groups of their own.

    Args:
        make: makes the optimizer of a list of parameters or of groups of them.
        groups: mappings, each with `params`, a pattern of names such as `*.bias`, and the settings that differ there. A
            parameter is in the first group whose pattern its name matches.
        wrap: makes of the optimizer the one that is used.
    """

    make: Callable[[Any], Optimizer]
    groups: Sequence[Mapping[str, Any]] = ()
    wrap: Callable[[Optimizer], Optimizer] = lambda optimizer: optimizer

    def __call__(self, parameters: NamedParameters) -> Optimizer:
        """Make the optimizer.

        Raises:
            UserError: for a pattern that matches no parameter, and a setting that the optimizer does not have.
        """
        named = dict(parameters)
        optimizer = self.make(self._grouped(named) if self.groups else list(named.values()))
        for place, group in enumerate(self.groups):
            for name in group.keys() - {PARAMS, *optimizer.defaults}:
                hint = suggestion(name, optimizer.defaults)
                raise UserError(f"optimizer.groups.{place}.{name}: {type(optimizer).__name__} has no {name!r}; {hint}")
        return self.wrap(optimizer)

    def _grouped(self, named: Mapping[str, Tensor]) -> list[dict[str, Any]]:
        """The groups, as optimizers take them, and first those parameters that are in none of them."""
        remaining = dict(named)
        grouped: list[dict[str, Any]] = []
        for place, group in enumerate(self.groups):
            names = [name for name in remaining if fnmatchcase(name, group[PARAMS])]
            if not names:
                known = ", ".join(remaining) or "none, all are in the groups before"
                raise UserError(f"optimizer.groups.{place}: no parameter is named {group[PARAMS]!r}; there are {known}")
            grouped.append({**group, PARAMS: [remaining.pop(name) for name in names]})
        rest = [{PARAMS: list(remaining.values())}] if remaining else []
        return [*rest, *grouped]
