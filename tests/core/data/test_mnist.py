from pathlib import Path

import pytest
import torch
from idx_files import NAMES, write_idx, write_mnist

from descent.core.data.idx import read_idx
from descent.core.data.mnist import read_mnist
from descent.errors import UserError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of small files in MNIST's format, within a project that is the current folder."""
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "mnist").mkdir()
    write_mnist(tmp_path / "mnist", train=200, test=50)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mnist"


def test_images_stay_in_memory_as_the_bytes_they_are(folder: Path) -> None:
    data = read_mnist("mnist")
    assert data.test is not None
    for part, images, labels, count in ((data.train, *NAMES[:2], 200), (data.test, *NAMES[2:], 50)):
        assert [column.dtype for column in part.columns] == [torch.uint8, torch.uint8]
        assert [column.shape for column in part.columns] == [(count, 784), (count,)]
        assert torch.equal(part.columns[0], read_idx(folder / images).view(count, 784))
        assert torch.equal(part.columns[1], read_idx(folder / labels))


def test_minibatches_are_images_from_0_to_1_in_float32_and_labels_in_int64(folder: Path) -> None:
    train = read_mnist("mnist").train
    chosen = torch.tensor([[5, 0, 199], [7, 7, 1]])
    for (images, labels), rows in zip(train.minibatches(chosen), chosen, strict=True):
        assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
        assert torch.equal(images, train.columns[0][rows].float() / 255)
        assert torch.equal(labels, train.columns[1][rows].long())


def test_black_is_0_and_white_is_1(folder: Path) -> None:
    write_idx(folder / NAMES[0], torch.tensor([[[0, 255], [51, 102]]], dtype=torch.uint8))
    write_idx(folder / NAMES[1], torch.tensor([3], dtype=torch.uint8))
    images, labels = read_mnist("mnist").train.head(1)
    torch.testing.assert_close(images, torch.tensor([[0, 1, 0.2, 0.4]]), rtol=1e-7, atol=0)
    assert labels.tolist() == [3]


def test_the_files_read_are_named(folder: Path) -> None:
    assert read_mnist("mnist").files == tuple(folder / name for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_reported_with_how_to_get_it(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name}; `dvc repro fetch_mnist`"):
        read_mnist("mnist")


@pytest.mark.parametrize(("images", "labels", "count"), [(*NAMES[:2], 200), (*NAMES[2:], 50)])
def test_images_and_labels_of_different_numbers_are_refused(folder: Path, images: str, labels: str, count: int) -> None:
    write_idx(folder / labels, torch.zeros(count - 1, dtype=torch.uint8))
    with pytest.raises(UserError, match=f"^{images} holds {count} images, but {labels} {count - 1} labels$"):
        read_mnist("mnist")
