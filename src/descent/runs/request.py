"""The request for a run, by Hydra's record of the command line."""

from hydra.core.hydra_config import HydraConfig

from descent.runs.identity import RunRequest


def hydra_request() -> RunRequest:
    """The overrides and the choices of the configuration that Hydra has composed for its current job."""
    hydra = HydraConfig.get()
    choices = {
        group: choice
        for group, choice in hydra.runtime.choices.items()
        if choice is not None and not group.startswith("hydra/")
    }
    return RunRequest(list(hydra.overrides.task), choices)
