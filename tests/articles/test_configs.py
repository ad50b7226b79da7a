import shutil
from pathlib import Path

import pytest
from conftest import Composed

from descent.articles import article_003, article_004_mnist
from descent.articles.configs import other_images
from descent.articles.results import Results
from descent.articles.table import read_table, write_table
from descent.runs.seeds import repeat
from descent.runs.train import train

EXPERIMENTS = (article_004_mnist.NAME, article_003.THREE_LAYERS)


def trained(composed: Composed, name: str, *overrides: str) -> None:
    """Train a step of an experiment, and of two more seeds."""
    words = (f"experiment={name}", "trainer.max_epochs=null", "trainer.max_steps=1", f"run_dir=runs/{name}")
    train(composed(*words, *overrides))
    repeat(composed(*words, *overrides), [1, 2])


@pytest.mark.parametrize("data", ["digits", "fashion_mnist"])
def test_experiments_on_other_images_are_not_compared_with_what_is_published(
    composed: Composed, project: Path, data: str
) -> None:
    shutil.copytree(project / "data" / "mnist", project / "data" / "fashion_mnist")
    for name in EXPERIMENTS:
        trained(composed, name, f"data={data}")
    results = Results(project)
    values = article_003.three_layer_values(results) + article_004_mnist.published_values(results)
    assert {value.verdict for value in values} == {"not compared"}
    assert {value.cause for value in values} == {f"Trained on {data}; the article's figure is of MNIST."}
    assert {value.computed + value.difference for value in values} == {""}
    write_table(project / "figures.csv", values)
    assert read_table(project / "figures.csv") == values


def test_experiments_on_mnist_are_compared_by_the_same_names_and_published_values(
    composed: Composed, project: Path
) -> None:
    for name in EXPERIMENTS:
        trained(composed, name)
    results = Results(project)
    assert [other_images(results, name) for name in EXPERIMENTS] == [None, None]
    published = {
        value.name: value.published
        for value in (*article_003.three_layer_values(results), *article_004_mnist.published_values(results))
    }
    assert published == article_003.PUBLISHED | article_004_mnist.PUBLISHED


@pytest.mark.parametrize(
    ("folder", "said"), [("data/images", "images"), ("mnist", "mnist"), ("other/mnist", "other/mnist")]
)
def test_images_of_another_folder_are_not_mnist(composed: Composed, project: Path, folder: str, said: str) -> None:
    shutil.copytree(project / "data" / "mnist", project / folder)
    train(
        composed(
            "experiment=mnist_two_layer",
            "trainer.max_steps=1",
            "run_dir=runs/mnist_two_layer",
            f"data.source.folder={folder}",
        )
    )
    assert other_images(Results(project), "mnist_two_layer") == said


def test_seeds_on_other_images_are_not_compared_either(composed: Composed, project: Path) -> None:
    trained(composed, "mnist_two_layer")
    shutil.rmtree(project / "seeds")
    repeat(composed("experiment=mnist_two_layer", "trainer.max_steps=1", "data=digits"), [1, 2])
    assert other_images(Results(project), "mnist_two_layer") == "digits"
