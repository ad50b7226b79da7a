"""Small files in MNIST's format, which a network can learn something from."""

import hashlib
import struct
from pathlib import Path

import torch
from torch import Tensor

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def write_idx(path: Path, tensor: Tensor) -> None:
    """Write bytes (uint8) of any shape."""
    header = struct.pack(f">BBBB{tensor.dim()}I", 0, 0, 8, tensor.dim(), *tensor.shape)
    path.write_bytes(header + tensor.numpy().tobytes())


def write_mnist(folder: Path, train: int = 200, test: int = 50, seed: int = 0, side: int = 28) -> None:
    """Write the four files; an image is its class's pattern under noise."""
    drawn = torch.Generator().manual_seed(seed)
    patterns = torch.randint(0, 200, (10, side, side), generator=drawn)
    for images, labels, count in ((*NAMES[:2], train), (*NAMES[2:], test)):
        classes = torch.randint(0, 10, (count,), generator=drawn)
        noise = torch.randint(0, 56, (count, side, side), generator=drawn)
        write_idx(folder / images, (patterns[classes] + noise).to(torch.uint8))
        write_idx(folder / labels, classes.to(torch.uint8))


def write_digests(path: Path, folder: Path) -> None:
    """Write the SHA-256 of the four files as `sha256sum -c` reads them."""
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in NAMES]
    path.write_text("".join(lines))
