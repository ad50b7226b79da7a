"""What Hydra requires of every launcher."""

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.test_utils.launcher_common_tests import BatchedSweeperTestSuite, IntegrationTestSuite, LauncherTestSuite
from hydra.version import VersionBase
from packaging.version import Version

from hydra_plugins.descent_fused_launcher.fused_launcher import FusedLauncher

# Hydra's suites are of the days when a job was in a folder of its own, which Hydra warns of.
pytestmark = [pytest.mark.usefixtures("hydra_1_1"), pytest.mark.filterwarnings("ignore:.*:UserWarning:hydra")]
BATCHES = ["hydra/sweeper=basic", "hydra.sweeper.max_batch_size=2"]


@pytest.fixture
def hydra_1_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults of Hydra 1.1."""
    monkeypatch.setattr(VersionBase.instance(), "version_base", Version("1.1"))


def test_hydra_finds_it() -> None:
    found = [launcher.__qualname__ for launcher in Plugins.instance().discover(Launcher)]
    assert FusedLauncher.__qualname__ in found


@pytest.mark.parametrize(("launcher_name", "overrides"), [("fused", [])])
class TestLauncher(LauncherTestSuite):
    """Sweeps of all kinds of configuration."""


@pytest.mark.parametrize(("launcher_name", "overrides"), [("fused", BATCHES)])
class TestBatches(BatchedSweeperTestSuite):
    """Jobs that come in batches."""


@pytest.mark.parametrize(("task_launcher_cfg", "extra_flags"), [({}, ["-m", "hydra/launcher=fused"])])
class TestIntegration(IntegrationTestSuite):
    """Applications in processes of their own."""
