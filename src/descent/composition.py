"""Hydra's entry for a verb: composes `conf/NAME.yaml`, and tells a user's error in one line."""

import itertools
import os
import re
from collections.abc import Callable

import hydra
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from descent.errors import UserError
from descent.project import project_root


def one_line(error: BaseException) -> str:
    """The message of an error as one line, the choices Hydra lists below it included."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = itertools.takewhile(lambda line: not line.startswith(("Config search path", "full_key:", "See http")), lines)
    return re.sub(r"^In '\w+': ", "", " ".join(filter(None, told)))


def run(task: Callable[[DictConfig], object], config_name: str) -> None:
    """Compose what the command line asks for and run the task on it, once or as a multirun.

    Raises:
        UserError: for a configuration that does not compose, or one that a task refused.
    """
    # Else Hydra prints an error itself, over several lines, and exits.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    refused: list[UserError] = []

    def job(config: DictConfig) -> object:
        try:
            return task(config)
        except UserError as error:
            refused.append(error)
            return None

    try:
        hydra.main(version_base="1.3", config_path=str(project_root() / "conf"), config_name=config_name)(job)()
    except OverrideParseException as error:
        raise UserError(f"{error.override}: {one_line(error)}") from error
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(one_line(error)) from error
    if refused:
        raise UserError("; ".join(map(str, refused)))


def require_experiment(config: DictConfig) -> None:
    """Refuse what conf/train.yaml composes where nothing is chosen to be trained.

    Raises:
        UserError: with the experiments to choose from.
    """
    if OmegaConf.is_missing(config, "problem_name"):
        names = sorted(path.stem for path in (project_root() / "conf" / "experiment").glob("*.yaml"))
        raise UserError(f"say what to train: experiment=NAME, one of {', '.join(names)}")
