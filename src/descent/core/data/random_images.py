"""Random images in MNIST's shape, for what needs a network's size and nothing to learn."""

import torch

from descent.core.data.examples import Data, Examples, unchanged
from descent.core.random_streams import generator

PIXELS, CLASSES = 784, 10


def random_images(count: int, seed: int) -> Data:
    """Images, (count, 784) in float32 from 0 to 1, and labels from 0 to 9, both uniform."""
    drawn = generator(seed, "images")
    images = torch.rand(count, PIXELS, dtype=torch.float32, generator=drawn)
    labels = torch.randint(CLASSES, (count,), generator=drawn)
    return Data(train=Examples((images, labels), (unchanged, unchanged)))
