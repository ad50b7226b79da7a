from pathlib import Path

import pytest
from hydra._internal.callbacks import Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, RunMode
from hydra.version import setbase
from omegaconf import DictConfig

from descent.runs.job_check import quick_job_check

BASE = "experiment=himmelblau"


class CountingLoader(ConfigLoaderImpl):
    """Hydra's loader, which keeps the jobs that it has composed."""

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        self.composed.append(sweep_overrides)
        return super().load_sweep_config(master_config, sweep_overrides)

    @property
    def composed(self) -> list[list[str]]:
        return self.__dict__.setdefault("of_jobs", [])  # type: ignore[no-any-return]


class Checking(Sweeper):
    """A sweeper that launches nothing."""

    def __init__(self, loader: ConfigLoaderImpl) -> None:
        self.config = loader.load_configuration("train", [], RunMode.MULTIRUN)
        self.hydra_context = HydraContext(loader, Callbacks())

    def setup(self, **_: object) -> None:
        """Need nothing."""

    def sweep(self, arguments: list[str]) -> None:
        """Launch nothing."""


@pytest.fixture
def loader(project: Path) -> CountingLoader:
    setbase("1.3")
    setup_globals()
    return CountingLoader(create_config_search_path(str(project / "conf")))


def check(loader: ConfigLoaderImpl, *jobs: list[str]) -> None:
    """Check jobs as a multirun does before it launches them."""
    Checking(loader).validate_batch_is_legal(jobs)


def test_of_jobs_that_differ_in_numbers_one_is_composed(loader: CountingLoader) -> None:
    jobs = [
        [BASE, f"optimizer={optimizer}", f"optimizer.lr={rate}", f"+extra={seed}", f"seed={seed}"]
        for optimizer in ("sgd", "adam")
        for rate in (0.1, 1e-5, "inf")
        for seed in range(5)
    ]
    with quick_job_check():
        check(loader, *jobs)
    assert loader.composed == [jobs[0], jobs[15]]
    check(loader, *jobs)
    assert loader.composed[2:] == jobs  # as Hydra does it


@pytest.mark.parametrize(
    "wrong",
    [
        ["sead=1"],
        ["optimizer=adm"],
        ["optimizer=5"],
        ["+seed=1"],
        ["~seed=7"],
        ["seed=1.5", "~seed=2.5"],
        ["optimizer.lr.of=1"],
        ["optimizer@there=1"],
        ["hydra.job.num=1.5"],
        ["hydra.verbose=[]", "hydra.job.num=a"],
        ["description='${'"],
        ["seed=[1"],
    ],
)
def test_a_job_among_many_that_does_not_compose_is_found(loader: CountingLoader, wrong: list[str]) -> None:
    jobs = [[BASE, "seed=1"], [BASE, "~seed=0"], [BASE, "hydra.job.num=1"], [BASE, *wrong]]
    with pytest.raises((HydraException, ValueError)) as hydras:
        check(loader, *jobs)
    with quick_job_check(), pytest.raises((HydraException, ValueError)) as ours:
        check(loader, *jobs)
    assert (type(ours.value), str(ours.value)) == (type(hydras.value), str(hydras.value))
