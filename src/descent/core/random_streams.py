"""Independent random streams from a run's one seed."""

import zlib

import numpy as np
from torch import Generator


def generator(seed: int, stream: str, index: int = 0) -> Generator:
    """A generator on the CPU for the index-th draw of a named stream, independent of every other."""
    state = np.random.SeedSequence([seed, zlib.crc32(stream.encode()), index]).generate_state(1, np.uint64)
    return Generator().manual_seed(int(state[0]) >> 1)
