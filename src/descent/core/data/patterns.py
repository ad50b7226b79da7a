"""Two patterns of stripes at twenty brightnesses each (source article 002)."""

import torch
from torch import Tensor

from descent.core.data.examples import Data, Examples, unchanged

A = torch.tensor([[0.0, 1, 0, 1]] * 4)
B = torch.tensor([[1.0, 1, 1, 1], [0, 1, 0, 1], [0, 1, 0, 1], [1, 1, 1, 1]])
BRIGHTEST = 999_999_999


def patterns(count: int) -> Data:
    """Pattern A at brightness 0 ... count - 1, then B likewise; tested on A alone, far brighter than any.

    Images are (2 * count, 1, 4, 4) in float32; A is class 0, B class 1.
    """
    brightness = torch.arange(count, dtype=torch.float32)[:, None, None, None]
    train = torch.cat([brightness * A, brightness * B])
    labels = torch.arange(2).repeat_interleave(count)
    return Data(train=_examples(train, labels), test=_examples(BRIGHTEST * A[None, None], labels[:1]))


def _examples(images: Tensor, labels: Tensor) -> Examples:
    return Examples((images, labels), (unchanged, unchanged))
