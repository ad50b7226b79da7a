"""A command line in Hydra's syntax, which composes conf/NAME.yaml for one run or for the jobs of a sweep."""

import re
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Generic, Self, TypeVar

from hydra._internal.hydra import Hydra
from hydra._internal.utils import _run_hydra, create_config_search_path, get_args_parser
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from hydra.version import setbase
from omegaconf import DictConfig, OmegaConf

from descent.errors import UserError, suggestion
from descent.project import PACKAGE_CONF, project_root
from descent.runs.hydra_errors import as_user_errors, one_line
from descent.runs.job_check import quick_job_check
from descent.runs.overrides import first_job, parsed, without_passwords
from descent.runs.sweep_loader import SweepLoader
from descent.schema import Section, check_keys

SHOWS = ("help", "hydra_help", "cfg", "info", "shell_completion")
"""Options that make Hydra print something and run nothing."""
UNCOMPOSED = ("hydra_help", "shell_completion")
"""The options among them that work even if the configuration does not compose."""
Schema = TypeVar("Schema", bound=Section)


class CommandLine(Generic[Schema]):
    """The arguments of a command: Hydra's options and overrides.

    Args:
        config_name: of the file in conf.
        schema: of the composed configuration.
        words: the options and overrides, in any order that Hydra takes.

    Attributes:
        first_job: the configuration of a multirun's first job, once `common` is composed.
    """

    first_job: DictConfig

    def __init__(self, config_name: str, schema: type[Schema], words: Sequence[str]) -> None:
        self.schema = schema
        self.parser = get_args_parser()
        self.options = self.parser.parse_intermixed_args(words)
        self.options.overrides = without_passwords(self.options.overrides)
        self.config_name = self.options.config_name or config_name
        self.config_path = self.options.config_path or _config_path()

    def show(self) -> bool:
        """Print what an option such as `--help` shows; return whether there is one.

        Raises:
            UserError: if `--multirun` is given as well.
        """
        option = next((name for name in SHOWS if getattr(self.options, name)), None)
        if option is None:
            return False
        if self.options.multirun:
            name = option.replace("_", "-")
            raise UserError(f"--{name} shows something and -m runs something; leave one of them out")
        if option not in UNCOMPOSED:
            with self.hydra() as hydra:
                self._composed(hydra, self.options.overrides)
        _run_hydra(self.options, self.parser, _do_nothing, self.config_path, self.config_name)
        return True

    @cached_property
    def common(self) -> DictConfig | None:
        """The configuration that the jobs of a multirun have in common, with Hydra's section; None for a single run.

        Raises:
            UserError: if the configuration does not compose, has an unknown key, or names no problem.
        """
        with self.hydra() as hydra:
            composed = self._composed(hydra, self.options.overrides)
            if not self.options.multirun and composed.hydra.mode != RunMode.MULTIRUN:
                return None
            params = composed.hydra.sweeper.get("params") or {}
            self.first_job = self._composed(hydra, first_job(params, self.options.overrides, hydra.config_loader))
            _require_problem(self.first_job)
            check_keys(self.schema, OmegaConf.to_container(without_hydra(self.first_job)))
            return composed

    def with_overrides(self, *overrides: str) -> Self:
        """The same command line with more overrides."""
        line = copy(self)
        line.__dict__.pop("common", None)
        line.options = Namespace(**{**vars(self.options), "overrides": [*self.options.overrides, *overrides]})
        return line

    def sweep(self, job: Callable[[DictConfig], object], *overrides: str) -> list[list[str]] | None:
        """Run the jobs of a multirun, with additional overrides, by its launcher.

        Returns:
            The overrides of each job; None from a sweeper that launches only some of its jobs each time, as a search.

        Raises:
            UserError: if a job does not compose.
        """
        words = [*self.options.overrides, *overrides, "hydra.mode=MULTIRUN"]
        with self.hydra() as hydra, quick_job_check():
            batches = hydra.multirun(self.config_name, job, words)
        return None if batches is None else [list(each.overrides) for batch in batches for each in batch]

    def run(self, task: Callable[[Schema], object]) -> None:
        """Run a task on the composed configuration, once or as a multirun in this process.

        Raises:
            UserError: if the configuration does not compose, or the schema or the task rejects it.
        """
        errors: list[UserError] = []

        def job(composed: DictConfig) -> None:
            try:
                task(typed(self.schema, composed))
            except UserError as error:  # Hydra would print the job's overrides before it
                errors.append(error)

        if self.common is None:
            with self.hydra() as hydra:
                hydra.run(self.config_name, job, [*self.options.overrides, "hydra.mode=RUN"])
        else:
            self.sweep(job)
        if errors:
            raise UserError("; ".join(map(str, errors)))

    @contextmanager
    def hydra(self) -> Iterator[Hydra]:
        """Hydra, in place of one that the caller may have initialized; the package's configurations are found last."""
        setbase("1.3")
        search_path = create_config_search_path(self.config_path)
        folders = []
        if self.options.config_dir is not None:
            if not Path(self.options.config_dir).is_dir():
                raise UserError(f"--config-dir {self.options.config_dir}: there is no such folder")
            folders.append(("command-line", Path(self.options.config_dir)))
        if Path(self.config_path).resolve() != PACKAGE_CONF.resolve():
            folders.append(("descent", PACKAGE_CONF))
        for provider, folder in folders:  # in this order after the project's, and before Hydra's last
            search_path.prepend(provider, f"file://{folder.resolve()}", anchor=SearchPathQuery(provider="schema"))
        of_process = GlobalHydra.instance()
        before = of_process.hydra
        with as_user_errors():
            try:
                of_process.hydra = Hydra(self.config_name, SweepLoader(search_path))
                yield of_process.hydra
            finally:
                of_process.hydra = before

    def _composed(self, hydra: Hydra, overrides: Sequence[str]) -> DictConfig:
        try:
            # In this mode, overrides may have several values.
            return hydra.compose_config(self.config_name, list(overrides), RunMode.MULTIRUN)
        except ConfigCompositionException as error:
            unknown = re.search(r"Could not override '(.+?)'", str(error))
            if not unknown:
                raise
            places = {override.get_key_element(): place for place, override in enumerate(parsed(overrides))}
            if unknown[1] not in places:  # but is in the defaults list of a file
                hint = suggestion(unknown[1], self.schema.model_fields)
                raise UserError(f"{one_line(error).rstrip('.')}; {hint}") from error
            raise self._refusal(hydra, overrides, places[unknown[1]], unknown[1]) from error
        except ValueError as error:  # Hydra raises it for a choice that is not a string
            raise UserError(one_line(error)) from error

    def _refusal(self, hydra: Hydra, overrides: Sequence[str], place: int, key: str) -> UserError:
        """The error for an override of a key that does not exist, which Hydra would only advise to add."""
        word, others = overrides[place], [*overrides[:place], *overrides[place + 1 :]]
        composed = self._composed(hydra, others)
        section, _, name = key.rpartition(".")
        if re.match(r"hydra[./]", key):
            keys = map(str, OmegaConf.select(composed, section) if section else composed.hydra.runtime.choices)
            hint = suggestion(name, keys, f"{section}." if section else "")
            return UserError(f"{word}: there is no key or group {key!r}; {hint}")
        task = without_hydra(self._composed(hydra, [*others, f"+{word}"]))
        check_keys(self.schema, OmegaConf.to_container(task))
        if section and OmegaConf.select(composed, section) is None:
            return UserError(f"{word}: there is no {section!r} in this configuration")
        from descent.core.components import check_arguments  # it imports PyTorch, which takes seconds

        check_arguments(typed(self.schema, task))
        return UserError(f"{word}: the configuration does not set {key!r}; +{word} does")


def _config_path() -> str:
    """The project's conf, or the package's for a project without one."""
    folder = project_root() / "conf"
    return str(folder if folder.is_dir() else PACKAGE_CONF)


def composed(config_name: str, *overrides: str) -> DictConfig:
    """The composed configuration of a single run, without Hydra's section.

    Raises:
        UserError: if it does not compose.
    """
    line = CommandLine(config_name, Section, overrides)
    with line.hydra() as hydra:
        return without_hydra(hydra.compose_config(config_name, list(overrides), RunMode.RUN))


def typed(schema: type[Schema], composed: DictConfig) -> Schema:
    """The typed configuration that a composed one, without Hydra's section, resolves to.

    Raises:
        UserError: if it does not resolve, or the schema rejects it.
    """
    with as_user_errors():
        _require_problem(composed)
        return schema.of(composed)


def _require_problem(composed: DictConfig) -> None:
    """Raise a UserError if the configuration names no problem."""
    if OmegaConf.is_missing(composed, "problem_name"):
        names = GlobalHydra.instance().config_loader().get_group_options("experiment")
        raise UserError(f"say what to train: experiment=NAME, one of {', '.join(names)}")


def without_hydra(composed: DictConfig) -> DictConfig:
    """A composed configuration without Hydra's section."""
    return OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])


def _do_nothing(config: DictConfig) -> None:
    """The task for options that only print something."""
