"""Overrides of a command line, as Hydra parses them."""

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override

from descent.records.secrets import IN_ADDRESS

PASSWORD = "DESCENT_PASSWORD"
"""The environment variable that holds the password of an address in an override; of a second address, it ends in 2."""


def without_passwords(overrides: Sequence[str]) -> list[str]:
    """The overrides with references to environment variables for the passwords of addresses.

    Hydra writes overrides into files, and errors quote them. The variables are set, and processes inherit them.
    """
    names: list[str] = []

    def moved(match: re.Match[str]) -> str:
        if "${" in match[2]:
            return match[0]
        names.append(PASSWORD if not names else f"{PASSWORD}_{len(names) + 1}")
        os.environ[names[-1]] = match[2]
        return f"{match[1]}:${{oc.env:{names[-1]}}}@"

    return [IN_ADDRESS.sub(moved, override) for override in overrides]


def parsed(overrides: Sequence[str], loader: ConfigLoader | None = None) -> list[Override]:
    """Parse overrides; a glob needs the loader, which lists its choices."""
    return [_parsed(override) for override in overrides] if loader is None else _parse(overrides, loader)


@cache
def _parsed(override: str) -> Override:
    """Cached, since jobs of a sweep have many overrides in common, and each takes half a millisecond to parse."""
    return _parse([override])[0]


def _parse(overrides: Sequence[str], loader: ConfigLoader | None = None) -> list[Override]:
    return list(OverridesParser.create(loader).parse_overrides(list(overrides)))


def quoted(text: str) -> str:
    """A text as the value of an override, with quotes and the backslashes before them escaped."""
    escaped = re.sub(r"(\\+)(?='|\Z)", r"\1\1", text).replace("'", r"\'")
    return f"'{escaped}'"


def first_job(params: Mapping[str, object], overrides: Sequence[str], loader: ConfigLoader) -> list[str]:
    """The overrides of a sweep's first job.

    Args:
        params: of the sweeper's configuration; the command line takes precedence.
        overrides: of the command line.
        loader: lists the choices of a glob.
    """
    words = [*(f"{key}={values}" for key, values in params.items()), *overrides]
    return list({override.get_key_element(): _first(override) for override in parsed(words, loader)}.values())


def _first(override: Override) -> str:
    """The override with the first of its values."""
    value = override.value()
    if isinstance(value, IntervalSweep):
        first = str(value.start)
    elif override.is_sweep_override():
        first = next(override.sweep_string_iterator(), "null")
    else:
        return override.input_line or ""
    return f"{override.get_key_element()}={first}"
