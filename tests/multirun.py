"""Multiruns as the command line composes them."""

from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig


def common(project: Path, *overrides: str) -> DictConfig:
    """What the jobs of a multirun have in common, Hydra's part included."""
    with initialize_config_dir(str(project / "conf"), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        return loader.load_configuration("train", list(overrides), run_mode=RunMode.MULTIRUN)
