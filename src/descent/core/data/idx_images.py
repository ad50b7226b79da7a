"""Images and labels from IDX files, as MNIST's are, kept in memory as the bytes they are."""

from pathlib import Path

from descent.core.data.examples import Data, Examples
from descent.core.data.idx import read_idx
from descent.core.data.labelled import labelled
from descent.errors import UserError
from descent.project import project_root

FETCHED = Path(__file__).parents[2] / "datasets"
"""The folder with a list of files, NAME.sha256, for each data set that `descent fetch` brings into data/NAME."""


def read_idx_images(
    folder: str,
    train_images: str,
    train_labels: str,
    test_images: str | None = None,
    test_labels: str | None = None,
) -> Data:
    """Images, (images, pixels), and labels, (images,), as `descent.core.data.labelled` takes them.

    Args:
        folder: of the files, relative to the project.
        train_images: the file of the training images, of any number of dimensions; each file may have .gz after its
            name.
        train_labels: the file of their labels.
        test_images: the file of the test images; None for none.
        test_labels: the file of their labels.

    Raises:
        UserError: for a file that is missing or wrong, and for images without labels.
    """
    root = project_root() / folder
    if (test_images is None) != (test_labels is None):
        raise UserError("data.source: test_images and test_labels are either both files or both null")
    train = _found(root, train_images), _found(root, train_labels)
    if test_images is None or test_labels is None:
        return Data(_examples(*train, root), files=train)
    test = _found(root, test_images), _found(root, test_labels)
    return Data(_examples(*train, root), _examples(*test, root), files=(*train, *test))


def _examples(images: Path, labels: Path, root: Path) -> Examples:
    pixels, classes = (read_idx(path, _remedy(root)) for path in (images, labels))
    return labelled(pixels, classes, images.name, labels.name)


def _found(root: Path, name: str) -> Path:
    """The file of a name, or, where there is none, the one with .gz after it, if that is there."""
    packed = root / f"{name}.gz"
    return packed if packed.exists() and not (root / name).exists() else root / name


def _remedy(root: Path) -> str:
    """What to do if a folder lacks a file."""
    if root.parent == project_root() / "data" and (FETCHED / f"{root.name}.sha256").is_file():
        return f"`descent fetch {root.name}` gets it"
    return "data.source.folder is relative to the project's folder"
