"""How this process computes."""

import os

import torch

ASK_NVML = "PYTORCH_NVML_BASED_CUDA_CHECK"


def configure_torch() -> None:
    """Make this process compute fast; to be called once everything is imported.

    Numbers too small to be normal floats are flushed to 0, in this thread and all that it starts: Adam's moments of
    pixels that are seldom lit sink below 1e-38, where a CPU computes so slowly that mnist_three_layer takes twice as
    long.

    Lightning, when imported, has PyTorch look for GPUs by NVML, so that the process may still be forked. But Adam looks
    at every step, and where there is no driver searches the disk for NVML's library each time. So PyTorch asks CUDA.
    """
    torch.set_flush_denormal(True)
    os.environ[ASK_NVML] = "0"


def flushes_denormal() -> bool:
    """Whether numbers too small to be normal floats are flushed to 0 in this thread."""
    return bool(torch.tensor([1e-40]).mul(1) == 0)
