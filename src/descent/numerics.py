"""How this process computes."""

import torch


def flush_subnormals() -> None:
    """Take numbers too small to be normal floats for 0, in this thread and all that it starts.

    Adam's moments of pixels that are seldom lit sink below 1e-38, where a CPU computes so slowly that
    mnist_three_layer takes twice as long.
    """
    torch.set_flush_denormal(True)
