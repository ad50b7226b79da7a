"""Turns Hydra's errors about a configuration into errors of one line."""

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import InterpolationKeyError, MissingMandatoryValue, OmegaConfBaseException
from yaml import YAMLError

from descent.errors import UserError, suggestion


def one_line(error: BaseException) -> str:
    """The message of an error as one line, with the choices that Hydra lists below it."""
    lines = [line.strip() for line in str(error).splitlines()]
    kept = itertools.takewhile(lambda line: not line.startswith(("Config search path", "full_key:", "See http")), lines)
    return re.sub(r"^In '\w+': ", "", " ".join(filter(None, kept)))


@contextmanager
def as_user_errors() -> Iterator[None]:
    """Raise an error about a configuration as a UserError of one line.

    Raises:
        UserError: for an error of Hydra's, OmegaConf's or YAML's.
    """
    try:
        yield
    except OverrideParseException as error:
        raise UserError(f"{error.override}: {one_line(error)}") from error
    except MissingConfigException as error:
        raise UserError(_on_missing_file(error)) from error
    except MissingMandatoryValue as error:
        raise UserError(f"{error.full_key} is missing: choose a value, {error.full_key}=VALUE") from error
    except InterpolationKeyError as error:
        raise UserError(f"{error.full_key}: {_on_missing_section(error)}") from error
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise UserError(one_line(error)) from error


def _on_missing_section(error: InterpolationKeyError) -> str:
    """The message about a value that refers to a section which no choice has brought, as `network`."""
    name = re.fullmatch(r"Interpolation key '(\w+)' not found", one_line(error))
    return f"it takes a {name[1]}; choose one with {name[1]}=NAME" if name else one_line(error)


def _on_missing_file(error: MissingConfigException) -> str:
    if not error.missing_cfg_file or not error.options:
        return one_line(error)
    group, _, choice = error.missing_cfg_file.rpartition("/")
    hint, choices = suggestion(choice, error.options), f"choose one of {', '.join(error.options)}"
    return f"{group}={choice}: there is no such choice; {hint if hint == choices else f'{hint} {choices}'}"
