"""The IDX files that MNIST comes in: a magic number, the length of each dimension, then the values."""

import math
from pathlib import Path

import numpy as np
import torch

from descent.errors import UserError

UNSIGNED_BYTES = 8
"""The third byte of the magic number: the type of the values."""


def read_idx(path: Path) -> torch.Tensor:
    """The values of a file of unsigned bytes, in uint8, in the shape of its header.

    Raises:
        UserError: for a file that is missing, of another format or type, cut short, or too long.
    """
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError as error:
        raise UserError(f"there is no {path}; `dvc repro fetch_mnist` or `descent fetch_mnist` gets MNIST") from error
    magic = content[:4].tolist()
    if len(magic) < 4 or magic[:3] != [0, 0, UNSIGNED_BYTES]:
        raise UserError(f"{path} is no IDX file of unsigned bytes (it starts with {bytes(magic)!r}); fetch it again")
    start = 4 + 4 * magic[3]
    shape = content[4:start].tobytes()
    lengths = [int.from_bytes(shape[at : at + 4], "big") for at in range(0, len(shape), 4)]
    promised = start + math.prod(lengths)
    if len(content) < start or len(content) != promised:
        fault = "is cut short" if len(content) < max(start, promised) else "has bytes after its end"
        raise UserError(f"{path} {fault}: {len(content)} bytes, its header says {promised}; fetch it again")
    return torch.from_numpy(content[start:]).reshape(lengths)
