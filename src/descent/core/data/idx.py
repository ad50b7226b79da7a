"""IDX files, the format of MNIST: a magic number, the length of each dimension, then the values, high bytes first."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import torch

from descent.errors import UserError

DTYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""NumPy's name of each type of value, by the third byte of the magic number."""
GZIP = b"\x1f\x8b"


def read_idx(path: Path, remedy: str = "name a file that is there") -> torch.Tensor:
    """The values of a file, in the dtype and the shape that its header says; it may be packed by gzip.

    Args:
        path: the file.
        remedy: what to do if it's missing.

    Raises:
        UserError: for a file that is missing, of another format, cut short, or too long.
    """
    content = _content(path, remedy)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in DTYPES:
        raise UserError(f"{path} is no IDX file (it starts with {content[:4]!r}); get it again, or name another")
    dtype = np.dtype(DTYPES[content[2]])
    start = 4 + 4 * content[3]
    lengths = [int.from_bytes(content[at : at + 4], "big") for at in range(4, min(start, len(content)), 4)]
    promised = start + math.prod(lengths) * dtype.itemsize
    if len(content) < start or len(content) != promised:
        fault = "is cut short" if len(content) < max(start, promised) else "has bytes after its end"
        raise UserError(f"{path} {fault}: {len(content)} bytes, its header says {promised}; get it again")
    values = np.frombuffer(content, dtype, offset=start).reshape(lengths)
    return torch.from_numpy(values.astype(dtype.newbyteorder("=")))


def _content(path: Path, remedy: str) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(GZIP) else content
    except FileNotFoundError as error:
        raise UserError(f"there is no {path}; {remedy}") from error
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder; name a file in it") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path} is packed by gzip and damaged ({error}); get it again") from error
