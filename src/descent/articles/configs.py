"""The configurations of the runs behind the articles' values."""

from descent.articles.results import Results
from descent.core.config import TrainConfig
from descent.records.run import CONFIG

MNIST = "data/mnist"
"""The folder of MNIST's files."""


def run_config(results: Results, name: str) -> TrainConfig:
    """The configuration of an experiment's run."""
    return TrainConfig.read(results.record(name).files / CONFIG)


def seeds_config(results: Results, name: str) -> TrainConfig:
    """The configuration of an experiment's runs from other seeds, which differ in their seeds only."""
    return TrainConfig.read(results.root / "seeds" / name / CONFIG)


def other_images(results: Results, name: str) -> str | None:
    """What an experiment of MNIST is trained on instead, in its run or in those from other seeds; None if on MNIST.

    It is the name of the folder of the images, or of the module that gives them.
    """
    configs = [run_config(results, name)]
    if (results.root / "seeds" / name / CONFIG).exists():
        configs.append(seeds_config(results, name))
    for source in (config.data.source for config in configs):
        folder = source.arguments.get("folder")
        if folder != MNIST:
            return str(folder).removeprefix("data/") if folder else source.target.split(".")[-2]
    return None
