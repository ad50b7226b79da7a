"""Data that other code gives: datasets of torchvision's, PyTorch's or the user's, and tensors of a function's."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from descent.core.components import built
from descent.core.data.examples import Data, Examples
from descent.core.data.labelled import labelled
from descent.errors import UserError, user_errors
from descent.project import project_root
from descent.schema import Component, checked

MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}
"""For each mode of a PIL image that is accepted, the mode of bytes that its pixels are taken in."""


def from_datasets(
    train: Mapping[str, Any] | Dataset[Any],
    test: Mapping[str, Any] | Dataset[Any] | None = None,
    files: Sequence[str] | None = None,
) -> Data:
    """Read datasets of (input, target) pairs whole, once, as `descent.core.data.labelled` takes them.

    Inputs and targets may be PIL images of bytes, tensors, arrays or numbers, of one shape and dtype in all pairs.
    What a dataset draws by PyTorch's generator is the same every time.

    Args:
        train: a dataset, or a `_target_` that makes one, whose relative paths begin at the project.
        test: the same for the test examples; None for none.
        files: the files and folders that they read, relative to the project; where None, each dataset's `root`, as
            torchvision's datasets have it.

    Raises:
        UserError: for a dataset that can't be made or read, or whose items are no such pairs.
    """
    with _in_project():
        datasets = _made(train, test)
        examples = [_examples(*_stacked(dataset, name), name) for name, dataset in datasets.items()]
        roots = [getattr(dataset, "root", None) for dataset in datasets.values()]
        folders = [root for root in roots if isinstance(root, str | Path) and Path(root).is_dir()]
        return _data(examples, folders if files is None else files)


def from_tensors(
    train: Mapping[str, Any] | Sequence[Any],
    test: Mapping[str, Any] | Sequence[Any] | None = None,
    files: Sequence[str] = (),
) -> Data:
    """Take tensors or arrays of inputs and targets, as `descent.core.data.labelled` takes them.

    Args:
        train: inputs and targets, or a `_target_` that returns them, whose relative paths begin at the project.
        test: the same for the test examples; None for none.
        files: the files and folders that they were read from, relative to the project.

    Raises:
        UserError: for anything else than two tensors or arrays, and for what `labelled` refuses.
    """
    with _in_project():
        pairs = _made(train, test)
        return _data([_examples(*_pair(pair, name), name) for name, pair in pairs.items()], files)


@contextmanager
def _in_project() -> Iterator[None]:
    """Run with the project as the current folder, and with PyTorch's generator at a seed that is always the same."""
    with chdir(project_root()), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _made(train: Any, test: Any) -> dict[str, Any]:
    """What the training and the test examples come from, by the key of each, made if it is a `_target_`."""
    parts = {"data.source.train": train, "data.source.test": test}
    return {
        name: built(name, checked(Component, part)) if isinstance(part, Mapping) else part
        for name, part in parts.items()
        if part is not None
    }


def _data(examples: Sequence[Examples], paths: Sequence[str | Path]) -> Data:
    """Training examples, and test examples if there are any, the files below paths, and the digest of the examples."""
    train, *test = examples
    files = dict.fromkeys(file for path in paths for file in _files(Path(path)))
    return Data(train, next(iter(test), None), tuple(files), _digest(examples))


def _examples(inputs: Tensor, targets: Tensor, name: str) -> Examples:
    return labelled(inputs, targets, f"{name}, its inputs,", f"{name}, its targets,")


def _pair(pair: Any, name: str) -> tuple[Tensor, Tensor]:
    """The inputs and the targets that a function has returned."""
    if not isinstance(pair, Sequence) or len(pair) != 2:
        raise UserError(f"{name} gives {_said(pair)}; let it return a pair of tensors or arrays: inputs, targets")
    inputs, targets = (_tensor(_array(values, name)) for values in pair)
    return inputs, targets


def _stacked(dataset: Any, name: str) -> tuple[Tensor, Tensor]:
    """All inputs and all targets of a dataset."""
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        raise UserError(f"{name} is {_said(dataset)}; it must have a length, and a pair (input, target) at each index")
    inputs: list[NDArray[Any]] = []
    targets: list[NDArray[Any]] = []
    for index in range(len(dataset)):
        where = f"{name}, item {index}"
        with user_errors(f"{where} can't be read"):
            item = dataset[index]
        if not isinstance(item, Sequence) or len(item) != 2:
            raise UserError(f"{where} is {_said(item)}; it must be a pair (input, target)")
        for kind, value, column in zip(("input", "target"), item, (inputs, targets), strict=True):
            array = _array(value, f"{where}, its {kind},")
            if column and (array.shape, array.dtype) != (column[0].shape, column[0].dtype):
                raise UserError(
                    f"{where}, its {kind}, is {_said(array)}, and that of item 0 {_said(column[0])}; give all the same "
                    "shape and dtype, for example by a transform"
                )
            column.append(array)
    if not inputs:
        raise UserError(f"{name} has no items; there must be one at least")
    return _tensor(np.stack(inputs)), _tensor(np.stack(targets))


def _array(value: Any, where: str) -> NDArray[Any]:
    """A PIL image, a tensor, an array or a number as an array of numbers."""
    if isinstance(value, Image.Image):
        if value.mode not in MODES:
            raise UserError(
                f"{where} is an image of mode {value.mode}; convert it to L or RGB, for example by a transform"
            )
        return np.asarray(value.convert(MODES[value.mode]))
    with user_errors(f"{where} is {_said(value)}, not numbers"):
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise UserError(f"{where} is {_said(value)}; give a PIL image, a tensor, an array or a number")
    return array


def _tensor(array: NDArray[Any]) -> Tensor:
    """An array as a tensor: booleans and whole numbers but bytes as int64, since few operations take the others."""
    if array.dtype.kind in "biu" and array.dtype != np.uint8:
        array = array.astype(np.int64)
    return torch.from_numpy(np.ascontiguousarray(array))


def _said(value: object) -> str:
    """The type of a value in messages, and the shape and dtype if it has them."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    return type(value).__name__ if shape is None else f"{dtype} of shape {tuple(shape)}"


def _files(path: Path) -> list[Path]:
    """A file, or all in a folder, in the order of their names."""
    if not path.exists():
        raise UserError(f"data.source.files: there is no {path}; name files and folders that the data are read from")
    paths = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [file.absolute() for file in paths if file.is_file()]


def _digest(parts: Sequence[Examples]) -> str:
    """The MD5 of all tensors with their shapes and dtypes."""
    digest = hashlib.md5(usedforsecurity=False)
    for examples in parts:
        for column in examples.columns:
            digest.update(f"{column.dtype} {tuple(column.shape)}".encode())
            digest.update(column.contiguous().numpy().data)
    return digest.hexdigest()
