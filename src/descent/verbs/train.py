"""Train an experiment, tracked and pictured."""

import os

from omegaconf import DictConfig, OmegaConf

from descent import composition
from descent.errors import UserError
from descent.project import project_root


def main() -> None:
    """Train what the command line composes."""
    composition.run(_train, "train")


def _train(config: DictConfig) -> None:
    if OmegaConf.is_missing(config, "name"):
        names = sorted(path.stem for path in (project_root() / "conf" / "experiment").glob("*.yaml"))
        raise UserError(f"say what to train: experiment=NAME, one of {', '.join(names)}")
    # Lightning takes seconds to import, and a configuration that doesn't compose shall not wait for it.
    from hydra.core.hydra_config import HydraConfig

    from descent.experiment import train

    outcome = train(config, HydraConfig.get().overrides.task)
    where = os.path.relpath(outcome.folder)
    if outcome.was_finished:
        print(f"{config.name}: {where} holds this run already, {outcome.result}; remove it to train again")
        return
    metrics = "  ".join(f"{name} {value:.4g}" for name, value in outcome.metrics.items())
    print(f"{config.name}: {outcome.result}  {metrics}")
    print(f"record {where}  picture {where}/descent.png  animation {where}/descent.gif")
