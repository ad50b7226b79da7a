import gzip
from pathlib import Path

import pytest
import torch
from conftest import Composed
from idx_files import NAMES, write_idx, write_mnist

from descent.core.data.examples import Data
from descent.core.data.idx import read_idx
from descent.core.data.idx_images import read_idx_images
from descent.errors import UserError
from descent.records.run import RunRecord
from descent.runs.train import train


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of small files in MNIST's format, within a project that is the current folder."""
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "mnist").mkdir()
    write_mnist(tmp_path / "mnist", train=200, test=50)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mnist"


def read(folder: str = "mnist") -> Data:
    return read_idx_images(folder, *NAMES)


def test_images_stay_in_memory_as_the_bytes_they_are(folder: Path) -> None:
    data = read()
    assert data.test is not None
    for part, images, labels, count in ((data.train, *NAMES[:2], 200), (data.test, *NAMES[2:], 50)):
        assert [column.dtype for column in part.columns] == [torch.uint8, torch.uint8]
        assert [column.shape for column in part.columns] == [(count, 784), (count,)]
        assert torch.equal(part.columns[0], read_idx(folder / images).view(count, 784))
        assert torch.equal(part.columns[1], read_idx(folder / labels))


def test_minibatches_are_images_from_0_to_1_in_float32_and_labels_in_int64(folder: Path) -> None:
    train = read().train
    chosen = torch.tensor([[5, 0, 199], [7, 7, 1]])
    for (images, labels), rows in zip(train.minibatches(chosen), chosen, strict=True):
        assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
        assert torch.equal(images, train.columns[0][rows].float() / 255)
        assert torch.equal(labels, train.columns[1][rows].long())


def test_black_is_0_and_white_is_1(folder: Path) -> None:
    write_idx(folder / NAMES[0], torch.tensor([[[0, 255], [51, 102]]], dtype=torch.uint8))
    write_idx(folder / NAMES[1], torch.tensor([3], dtype=torch.uint8))
    images, labels = read().train.head(1)
    torch.testing.assert_close(images, torch.tensor([[0, 1, 0.2, 0.4]]), rtol=1e-7, atol=0)
    assert labels.tolist() == [3]


def test_the_files_read_are_named(folder: Path) -> None:
    assert read().files == tuple(folder / name for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_of_another_folder_is_reported_with_what_the_folder_is_relative_to(
    folder: Path, name: str
) -> None:
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name}; data.source.folder is relative to the project's folder$"):
        read()


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_a_missing_file_of_a_data_set_is_reported_with_the_command_that_fetches_it(folder: Path, name: str) -> None:
    with pytest.raises(UserError, match=rf"^there is no .*{NAMES[0]}; `descent fetch {name}` gets it$"):
        read(f"data/{name}")


@pytest.mark.parametrize(("images", "labels", "count"), [(*NAMES[:2], 200), (*NAMES[2:], 50)])
def test_images_and_labels_of_different_numbers_are_refused(folder: Path, images: str, labels: str, count: int) -> None:
    write_idx(folder / labels, torch.zeros(count - 1, dtype=torch.uint8))
    with pytest.raises(UserError, match=f"^{images} has {count} examples, but {labels} {count - 1}$"):
        read()


def test_files_may_have_any_names_be_packed_and_come_without_test_images(folder: Path) -> None:
    (folder / "pictures.gz").write_bytes(gzip.compress((folder / NAMES[0]).read_bytes()))
    (folder / NAMES[1]).rename(folder / "names")
    data = read_idx_images("mnist", "pictures", "names")
    assert data.test is None
    assert data.files == (folder / "pictures.gz", folder / "names")
    assert torch.equal(data.train.columns[0], read_idx(folder / NAMES[0]).view(200, 784))


def test_test_images_without_labels_are_refused(folder: Path) -> None:
    with pytest.raises(
        UserError, match=r"^data.source: test_images and test_labels are either both files or both null$"
    ):
        read_idx_images("mnist", *NAMES[:3])


@pytest.mark.parametrize("shape", [(6,), (6, 5), (6, 2, 3, 4)])
def test_images_of_any_number_of_dimensions_are_flat(folder: Path, shape: tuple[int, ...]) -> None:
    written = torch.randint(0, 256, shape, dtype=torch.uint8)
    write_idx(folder / "images", written)
    write_idx(folder / "labels", torch.arange(6, dtype=torch.uint8))
    images, labels = read_idx_images("mnist", "images", "labels").train.head(6)
    assert torch.equal(images, written.reshape(6, -1) / 255)
    assert labels.tolist() == list(range(6))


def test_training_on_a_folder_of_idx_files_needs_their_names_alone(composed: Composed, project: Path) -> None:
    (project / "shapes").mkdir()
    write_mnist(project / "shapes", train=40, test=20, side=6)
    result = train(
        composed(
            "problem=classification", "data=idx", "data.source.folder=shapes", "data.batch_size=20",
            "data.features=36", "data.classes=10", "network=softmax_regression", "trainer.max_epochs=2",
        )
    )  # fmt: skip
    assert 0 <= result.metrics["accuracy/test"] <= 1
    inputs = RunRecord(result.folder).header.inputs
    assert [source.path for source in inputs] == [f"shapes/{name}" for name in NAMES]
