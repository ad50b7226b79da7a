"""The handwritten digits that scikit-learn carries: real data without a download (Alpaydin and Kaynak 1998, UCI)."""

from pathlib import Path

import numpy as np
import sklearn.datasets
import torch
from torch import Tensor

from descent.core.data.examples import Data, Examples

BRIGHTEST = 16


def scaled(images: Tensor) -> Tensor:
    """Stored brightnesses (images, pixels) to float32 from 0 to 1."""
    return images.float() / BRIGHTEST


def read_digits() -> Data:
    """1,797 images of 8 by 8 pixels, (images, 64) in uint8, and their classes; hold some out with `data.test_share`."""
    bunch = sklearn.datasets.load_digits()
    images, labels = (torch.from_numpy(array.astype(np.uint8)) for array in (bunch.data, bunch.target))
    file = Path(sklearn.datasets.__file__).parent / "data" / "digits.csv.gz"
    return Data(Examples((images, labels), (scaled, Tensor.long)), files=(file,))
