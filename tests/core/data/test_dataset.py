import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Composed
from idx_files import write_mnist
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, TensorDataset
from torchvision.datasets import FashionMNIST

from descent.core.build import data_of
from descent.core.data.dataset import from_datasets, from_tensors
from descent.errors import UserError
from descent.records.run import RunRecord
from descent.runs.identity import RunResult, finished_run
from descent.runs.train import train


class Items(Dataset[Any]):
    """A dataset of given items; an item that is an exception is raised."""

    def __init__(self, *items: Any) -> None:
        self.items = items

    def __getitem__(self, index: int) -> Any:
        if isinstance(self.items[index], Exception):
            raise self.items[index]
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)


class Noise(Items):
    """A dataset that draws its inputs."""

    def __getitem__(self, index: int) -> Any:
        return torch.rand(2), 0


class Endless(IterableDataset[Any]):
    """A dataset without a length."""

    def __iter__(self) -> Iterator[Any]:
        return iter([(1.0, 2)])


def image(mode: str, *values: Any) -> Image.Image:
    """An image of two pixels, one below the other."""
    picture = Image.new(mode, (1, 2))
    for row, value in enumerate(values):
        picture.putpixel((0, row), value)
    return picture


@pytest.mark.parametrize(
    ("item", "inputs"),
    [
        (image("L", 0, 255), [0, 1]),
        (image("RGB", (255, 0, 51), (0, 0, 255)), [1, 0, 0.2, 0, 0, 1]),
        (image("1", 0, 1), [0, 1]),
        (torch.tensor([[0, 255]], dtype=torch.uint8), [0, 1]),
        (torch.tensor([[0.5, -2.0]]), [0.5, -2]),
        (np.array([3, 4]), [3, 4]),
        ([True, False], [1, 0]),
        (2.5, [2.5]),
    ],
)
def test_inputs_of_any_kind_are_flat_floats_bytes_from_0_to_1(item: Any, inputs: list[float]) -> None:
    given, classes = from_datasets(Items((item, 4), (item, 0))).train.head(2)
    assert given.dtype == torch.float32
    torch.testing.assert_close(given, torch.tensor([inputs, inputs], dtype=torch.float32))
    assert (classes.tolist(), classes.dtype) == ([4, 0], torch.int64)


@pytest.mark.parametrize("target", [0.5, torch.tensor(0.5), np.array([0.5])])
def test_targets_of_floats_are_numbers(target: Any) -> None:
    _, targets = from_datasets(Items((1.0, target))).train.head(1)
    assert (targets.tolist(), targets.dtype) == ([[0.5]], torch.float32)


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        (Items(), "data.source.train has no items; there must be one at least"),
        (Items((1.0, 2), 3), "data.source.train, item 1 is int; it must be a pair (input, target)"),
        (Items((1.0, 2, 3)), "data.source.train, item 0 is tuple; it must be a pair (input, target)"),
        (Items((1.0, 2), OSError("gone")), "data.source.train, item 1 can't be read: gone"),
        (Items((torch.zeros(3), 1), (torch.zeros(4), 1)), "data.source.train, item 1, its input, is float32 of shape "
         "(4,), and that of item 0 float32 of shape (3,); give all the same shape"),
        (Items((1.0, 2), (1.0, 2.5)), "data.source.train, item 1, its target, is float64 of shape (), and that"),
        (Items(("text", 1)), "data.source.train, item 0, its input, is str; give a PIL image, a tensor"),
        (Items(([[1], [1, 2]], 1)), "data.source.train, item 0, its input, is list, not numbers: "),
        (Items((1.0, None)), "data.source.train, item 0, its target, is NoneType; give a PIL image, a tensor"),
        (Items((Image.new("CMYK", (2, 2)), 1)), "data.source.train, item 0, its input, is an image of mode CMYK"),
        (Items((1.0, -1)), "data.source.train, its targets, has a class -1; classes are whole numbers from 0"),
        (Endless(), "data.source.train is Endless; it must have a length, and a pair (input, target) at each index"),
        ({"_target_": "torchvision.datasets.MNIST", "root": "nowhere"}, "data.source.train: Dataset not found."),
    ],
)  # fmt: skip
def test_what_is_no_dataset_of_pairs_is_refused_in_a_line(project: Path, dataset: Any, said: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(said)}") as refused:
        from_datasets(dataset)
    assert "\n" not in str(refused.value)


def test_what_a_dataset_draws_by_pytorchs_generator_is_the_same_every_time_and_leaves_it_as_it_was() -> None:
    before = torch.get_rng_state()
    one, other = (from_datasets(Noise(0, 1)) for _ in range(2))
    assert torch.equal(one.train.columns[0], other.train.columns[0])
    assert one.digest == other.digest
    assert torch.equal(torch.get_rng_state(), before)


def test_test_examples_and_every_change_are_in_the_digest() -> None:
    base = TensorDataset(torch.zeros(2, 3), torch.tensor([0, 1]))
    others = [
        (TensorDataset(torch.ones(2, 3), torch.tensor([0, 1])), None),
        (TensorDataset(torch.zeros(2, 3), torch.tensor([1, 1])), None),
        (TensorDataset(torch.zeros(2, 3, dtype=torch.float64), torch.tensor([0, 1])), None),
        (base, base),
    ]
    digests = {from_datasets(one, test).digest for one, test in [(base, None), *others]}
    assert len(digests) == len(others) + 1


@pytest.fixture
def clothes(project: Path) -> Path:
    """The small files as torchvision's Fashion-MNIST has them, in a folder of the project."""
    raw = project / "torchvision" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    write_mnist(raw, train=60, test=20)
    return raw


CLOTHES = (
    "problem=classification", "data=dataset", "data.source.train._target_=torchvision.datasets.FashionMNIST",
    "+data.source.train.root=torchvision", "data.batch_size=20", "network=softmax_regression", "data.features=784",
    "data.classes=10", "trainer.max_steps=3", "trainer.accelerator=cpu", "name=clothes",
)  # fmt: skip
TEST = "data.source.test={_target_: torchvision.datasets.FashionMNIST, root: torchvision, train: false}"


def test_a_dataset_of_torchvisions_is_read_below_the_project_and_its_files_are_in_the_record(
    composed: Composed, clothes: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clothes)  # from wherever the command is given
    (project / "dvc.yaml").touch()
    config = composed(*CLOTHES, TEST)
    data = data_of(config)
    assert data.test is not None
    pixels, classes = data.train.head(60)
    expected = FashionMNIST(project / "torchvision")
    assert torch.equal(pixels, expected.data.flatten(1) / 255)
    assert torch.equal(classes, expected.targets)
    assert len(data.test) == 20
    inputs = RunRecord(train(config).folder).header.inputs
    names = [f"torchvision/FashionMNIST/raw/{path.name}" for path in sorted(clothes.iterdir())]
    assert [source.path for source in inputs] == [*names, ""]
    assert inputs[-1].digest == data.digest


def test_a_dataset_that_has_changed_trains_again_and_one_that_has_not_does_not(
    composed: Composed, clothes: Path
) -> None:
    def trained() -> RunResult:
        assert finished_run(composed(*CLOTHES)) is None  # without the dataset's code, nobody knows
        return train(composed(*CLOTHES))

    first, again = trained(), trained()
    assert (first.was_finished, again.was_finished) == (False, True)
    write_mnist(clothes, train=60, test=20, seed=1)
    changed = trained()
    assert not changed.was_finished
    assert changed.folder != first.folder


def test_tensors_that_a_function_returns_are_trained_on_and_their_change_trains_again(
    composed: Composed, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(project / "numbers.npy", np.linspace(-1, 1, 30))
    words = (
        "problem=regression", "data=tensors", "data.source.train._target_=core.data.test_dataset.line",
        "+data.source.train.path=numbers.npy", "data.batch_size=null", "network=perceptron", "network.sizes=[1,1]",
        "trainer.max_steps=3", "name=line",
    )  # fmt: skip
    first, in_use = train(composed(*words)), data_of(composed(*words))
    assert train(composed(*words)).was_finished
    assert data_of(composed(*words)) is in_use
    listed = train(composed(*words, "data.source.files=[numbers.npy]"))
    assert [source.path for source in RunRecord(listed.folder).header.inputs] == ["numbers.npy", ""]
    np.save(project / "numbers.npy", np.linspace(-1, 2, 30))
    assert train(composed(*words)).folder != first.folder
    assert data_of(composed(*words)) is not in_use
    with pytest.raises(UserError, match=r"^data.source.files: there is no nowhere; name files and folders"):
        data_of(composed(*words, "data.source.files=[nowhere]"))


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint8, np.int16, np.uint16, np.uint32, np.int64])
def test_classes_may_be_numbers_of_any_whole_kind(kind: type) -> None:
    inputs, classes = from_tensors((np.array([[2.0], [5.0]]), np.array([1, 0], dtype=kind))).train.head(2)
    assert (inputs.dtype, classes.dtype) == (torch.float32, torch.int64)
    assert (inputs.tolist(), classes.tolist()) == ([[2.0], [5.0]], [1, 0])


def line(path: str) -> tuple[Tensor, Any]:
    """Inputs from a file, and three times as much."""
    x = np.load(path)
    return torch.from_numpy(x), 3 * x


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (torch.zeros(2), "data.source.train gives torch.float32 of shape (2,); let it return a pair of tensors"),
        ((torch.zeros(2), torch.zeros(2), torch.zeros(2)), "data.source.train gives tuple; let it return a pair"),
        ((torch.zeros(2, 3), torch.zeros(3)), "data.source.train, its inputs, has 2 examples, but data.source.train, "),
        ((["a"], [1]), "data.source.train is list; give a PIL image, a tensor, an array or a number"),
    ],
)
def test_what_is_no_pair_of_tensors_is_refused_in_a_line(given: Any, said: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(said)}"):
        from_tensors(given)
