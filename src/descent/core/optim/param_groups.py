"""Parameter groups, chosen by the names of parameters."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from inspect import Parameter, signature, unwrap
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from descent.errors import UserError, suggestion

NamedParameters = Iterable[tuple[str, Tensor]]
"""What `named_parameters()` of a module gives."""
NAMELESS = (Parameter.POSITIONAL_ONLY, Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
"""Parameters of functions that no keyword names."""
PARAMS = "params"
"""The key of a group that has its pattern."""


def refuse_ignored(make: Callable[..., Optimizer], optimizer: Optimizer, path: str) -> None:
    """Raise a UserError for a keyword of a partial that its optimizer only swallows, with others of `**kwargs`.

    Args:
        make: made the optimizer; if it is no partial, it has no keywords.
        optimizer: the optimizer.
        path: its dotted key in the configuration.
    """
    for name, value in make.keywords.items() if isinstance(make, partial) else ():
        if not has_setting(optimizer, name):
            raise UserError(f"{path}.{name}={value}: {_advice(optimizer, name)}")


def has_setting(optimizer: Optimizer, name: str) -> bool:
    """Whether an optimizer has a setting: an argument of its class, or a text in the code of its methods.

    The keys of its groups don't tell: those of a class that takes `**kwargs` have whatever they were given.
    """
    return name in _arguments(optimizer) or any(
        name in function.__code__.co_consts
        for kind in type(optimizer).__mro__
        for function in map(unwrap, filter(callable, vars(kind).values()))
        if hasattr(function, "__code__")
    )


def _arguments(optimizer: Optimizer) -> list[str]:
    """The names of its class's arguments, less the parameters."""
    parameters = signature(type(optimizer)).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind not in NAMELESS and parameter.name != PARAMS]


def _advice(optimizer: Optimizer, name: str) -> str:
    return f"{type(optimizer).__name__} has no {name!r}; {suggestion(name, _arguments(optimizer))}"


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
        refuse_ignored(self.make, optimizer, "optimizer")
        for place, group in enumerate(self.groups):
            for name in group.keys() - {PARAMS}:
                if name not in optimizer.defaults and not has_setting(optimizer, name):
                    raise UserError(f"optimizer.groups.{place}.{name}: {_advice(optimizer, name)}")
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
