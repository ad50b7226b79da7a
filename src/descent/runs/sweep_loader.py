"""A loader of configurations for Hydra that composes the choices which jobs of a sweep share only once."""

import os
import pickle

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.config_repository import IConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from descent.runs.overrides import parsed


class SweepLoader(ConfigLoaderImpl):
    """Composes the choices from groups once for all jobs that share them, and sets each job's values in a copy.

    Hydra also sets values last, by the same method, but it composes every job from its files, and does so twice. The
    composed choices are pickled with the loader, for the processes of other launchers.
    """

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self._repositories: dict[tuple[str, ...], IConfigRepository] = {}
        self._composed: dict[tuple[str, ...], bytes] = {}

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Compose the configuration of a job; it is equal to Hydra's."""
        overrides = parsed(sweep_overrides)
        if not any(override.is_sweep_override() or _is_for_hydra(override) for override in overrides):
            common = (master_config.hydra.job.config_name, *master_config.hydra.overrides.hydra)
            values = self._values(overrides, common)
            choices = [override.input_line or "" for override in overrides if override not in values]
            key = (os.getcwd(), *common, *choices)  # noqa: PTH109  (Hydra's text)
            if key not in self._composed:
                self._composed[key] = pickle.dumps(super().load_sweep_config(master_config, choices))
            config: DictConfig = pickle.loads(self._composed[key])
            if not config.hydra.job.env_copy:  # else it has variables of the job's environment
                self._apply_overrides_to_config(values, config)
                job = config.hydra.job
                config.hydra.overrides.task = sweep_overrides
                job.override_dirname = get_overrides_dirname(overrides, **job.config.override_dirname)
                OmegaConf.copy_cache(from_config=master_config, to_config=config)
                return config
        return super().load_sweep_config(master_config, sweep_overrides)

    def _values(self, overrides: list[Override], common: tuple[str, ...]) -> list[Override]:
        """The overrides of a job that set values, and choose from no group of the configuration of `common`."""
        if common not in self._repositories:
            name, *hydras = common
            _, self._repositories[common] = self._parse_overrides_and_create_caching_repo(name, hydras)
        groups = self._repositories[common]
        return [
            override
            for override in overrides
            if isinstance(override.value(), dict) or not groups.group_exists(override.key_or_group)
        ]


def _is_for_hydra(override: Override) -> bool:
    return override.key_or_group.partition(".")[0].partition("/")[0] == "hydra"
