"""Hydra's entry for a command: composes `conf/NAME.yaml`, and tells a user's error in one line."""

import functools
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hydra
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from descent.errors import UserError
from descent.project import project_root

SHOWS = ("--help", "-h", "--hydra-help", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc")
"""Options by which Hydra shows something and runs nothing."""


def one_line(error: BaseException) -> str:
    """The message of an error as one line, the choices Hydra lists below it included."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = itertools.takewhile(lambda line: not line.startswith(("Config search path", "full_key:", "See http")), lines)
    return re.sub(r"^In '\w+': ", "", " ".join(filter(None, told)))


@contextmanager
def as_user_errors() -> Iterator[None]:
    """Tell what is wrong with a configuration in one line: a UserError."""
    try:
        yield
    except OverrideParseException as error:
        raise UserError(f"{error.override}: {one_line(error)}") from error
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(one_line(error)) from error


def run(task: Callable[[DictConfig], object], config_name: str) -> None:
    """Compose what the command line asks for and run the task on it, once or as a multirun.

    Raises:
        UserError: for a configuration that does not compose, or one that a task refused.
    """
    # Else Hydra prints an error itself, over several lines, and exits.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    refused: list[UserError] = []

    @functools.wraps(task, updated=())
    def job(config: DictConfig) -> object:
        try:
            return task(config)
        except UserError as error:
            refused.append(error)
            return None

    with as_user_errors():
        hydra.main(version_base="1.3", config_path=str(project_root() / "conf"), config_name=config_name)(job)()
    if refused:
        raise UserError("; ".join(map(str, refused)))


def multirun(config_name: str) -> DictConfig | None:
    """What the jobs of the command line's multirun have in common, Hydra's part included; None for a single run.

    Raises:
        UserError: for a configuration that does not compose, or a command line that asks for two things.
    """
    words = sys.argv[1:]
    asked = any(word in ("-m", "--multirun") for word in words)
    shows = next((word for word in words if word.partition("=")[0] in SHOWS), None)
    if shows:
        if asked:
            raise UserError(f"{shows} shows something and -m runs something; leave one of them out")
        return None
    if not asked and not any(word.lstrip("+").startswith(("sweep=", "hydra.mode=")) for word in words):
        return None
    overrides = [word for word in words if _is_override(word)]
    with as_user_errors(), initialize_config_dir(str(project_root() / "conf"), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration(config_name, overrides, run_mode=RunMode.MULTIRUN)
    return config if asked or config.hydra.mode == RunMode.MULTIRUN else None


def override(*overrides: str) -> None:
    """Add to the overrides on the command line, which the options stand around."""
    words = sys.argv
    last = max((place for place, word in enumerate(words) if place and _is_override(word)), default=0)
    sys.argv = [*words[: last + 1], *overrides, *words[last + 1 :]]


def _is_override(word: str) -> bool:
    return ("=" in word and not word.startswith("-")) or word.startswith("~")


def require_experiment(config: DictConfig) -> None:
    """Refuse what conf/train.yaml composes where nothing is chosen to be trained.

    Raises:
        UserError: with the experiments to choose from.
    """
    if OmegaConf.is_missing(config, "problem_name"):
        names = sorted(path.stem for path in (project_root() / "conf" / "experiment").glob("*.yaml"))
        raise UserError(f"say what to train: experiment=NAME, one of {', '.join(names)}")
