"""Components of a run, instantiated with arguments that their signatures take."""

import inspect
import pkgutil
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from descent.errors import UserError, suggestion
from descent.schema import Component, Section

OF_HYDRA = ("_target_", "_partial_", "_args_", "_recursive_", "_convert_")
"""Keys that are not arguments."""
EXTRAS = {"pytorch_optimizer": "optimizers"}
"""The extra of Descent's that installs a package."""
SUPPLIED = {
    "optimizer": ("params",),
    "schedule": ("optimizer", "steps"),
    "average": ("optimizer",),
    "landscape": ("run",),
}
"""Arguments of components that a run supplies, and a configuration may not set."""


def built(path: str, component: Component) -> Any:
    """Instantiate a component.

    Args:
        path: its dotted key in the configuration.
        component: the description.

    Raises:
        UserError: if it can't be instantiated.
    """
    try:
        return instantiate(component.to_call(), _convert_="all")  # lists of OmegaConf's are in no checkpoint
    except InstantiationException as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from error
        raise UserError(f"{path}: {error.__cause__ or error}".replace("\n", " ")) from error


def check_arguments(section: Section, prefix: str = "") -> None:
    """Check that the targets of a section's components take the arguments that are given.

    Raises:
        UserError: if a target does not take an argument; it names the nearest one.
    """
    for name, value in section:
        path = prefix + name
        if isinstance(value, Component):
            _check(path, value.to_call(), SUPPLIED.get(path, ()))
        elif isinstance(value, Section):
            check_arguments(value, f"{path}.")


def _check(path: str, value: object, supplied: Collection[str] = ()) -> None:
    if isinstance(value, list):
        for place, item in enumerate(value):
            _check(f"{path}.{place}", item)
    if not isinstance(value, Mapping):
        return
    for name, argument in value.items():
        _check(f"{path}.{name}", argument)
    target = value.get("_target_")
    package = str(target).partition(".")[0]
    extra = EXTRAS.get(package)
    if extra and find_spec(package) is None:
        raise UserError(f"{path}: {target} is not installed; pip install 'descent[{extra}]' brings it")
    names = None if target is None else _parameters(target)
    if names is None:
        return
    names = [name for name in names if name not in supplied]
    for name in value:
        if name not in OF_HYDRA and name not in names:
            reason = f"{target} takes no {name!r}; {suggestion(name, names)}" if names else f"{target} takes nothing"
            raise UserError(f"{path}.{name}={value[name]}: {reason}")


def _parameters(target: str) -> list[str] | None:
    """The names of a target's arguments; None where it takes any, or can't be imported."""
    try:
        parameters = inspect.signature(pkgutil.resolve_name(target)).parameters.values()
    except (ImportError, AttributeError, TypeError, ValueError):  # `built` says what is wrong with it
        return None
    if any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return [parameter.name for parameter in parameters if parameter.kind != parameter.POSITIONAL_ONLY]
