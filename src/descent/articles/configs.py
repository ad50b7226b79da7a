"""The configurations of the runs behind the articles' values."""

from descent.articles.results import Results
from descent.core.config import TrainConfig
from descent.records.run import CONFIG


def run_config(results: Results, name: str) -> TrainConfig:
    """The configuration of an experiment's run."""
    return TrainConfig.read(results.record(name).files / CONFIG)


def seeds_config(results: Results, name: str) -> TrainConfig:
    """The configuration of an experiment's runs from other seeds, which differ in their seeds only."""
    return TrainConfig.read(results.root / "seeds" / name / CONFIG)
