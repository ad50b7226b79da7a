"""Hydra's sweeper `rates`: the basic one, which tries each optimizer at learning rates that suit it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from descent.errors import UserError
from descent.records.label import RATE
from descent.runs.suite import rates_between


@dataclass
class RatesSweeperConf:
    """Its configuration: the basic sweeper's, and the number of rates of each optimizer."""

    _target_: str = "hydra_plugins.descent_rates_sweeper.rates_sweeper.RatesSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = field(default_factory=dict)
    rates: int = 5


ConfigStore.instance().store(group="hydra/sweeper", name="rates", node=RatesSweeperConf, provider="descent")


class RatesSweeper(BasicSweeper):
    """Makes several jobs of each that sets no learning rate: at the rates of its optimizer, evenly in log space.

    The key `rates` of the optimizer's configuration holds the lowest and the highest.

    Args:
        max_batch_size: how many jobs are launched at once; None for all.
        params: overrides, which those of the command line replace.
        rates: the number of rates.
    """

    def __init__(self, max_batch_size: int | None, params: dict[str, str] | None = None, rates: int = 5) -> None:
        super().__init__(max_batch_size, params)
        self.rates = rates

    def split_arguments(  # type: ignore[override]  # Hydra's is static, and called on an instance
        self, overrides: list[Override], max_batch_size: int | None
    ) -> list[list[list[str]]]:
        """The jobs in batches, each as its overrides."""
        (jobs,) = BasicSweeper.split_arguments(overrides, None)
        if not any(override.get_key_element() == RATE for override in overrides):
            jobs = [[*job, f"{RATE}={rate:g}"] for job in jobs for rate in self._rates(job)]
        return list(map(list, self.split_overrides_to_chunks(jobs, max_batch_size)))

    def _rates(self, job: Sequence[str]) -> list[float]:
        """The learning rates of a job's optimizer."""
        context: Any = self.hydra_context
        composed = context.config_loader.load_sweep_config(self.config, list(job))
        rates = OmegaConf.select(composed, "optimizer.rates")
        if rates is None:
            name = composed.hydra.runtime.choices.optimizer
            raise UserError(f"optimizer={name} has no rates: add the lowest and the highest, as in rates: [1e-3, 1]")
        low, high = rates
        return rates_between(low, high, self.rates)
