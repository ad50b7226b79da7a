"""How this process computes."""

import os

import torch

ASK_NVML = "PYTORCH_NVML_BASED_CUDA_CHECK"


def configure_torch() -> None:
    """What makes it compute fast; to be called when all is imported.

    Numbers too small to be normal floats are taken for 0, in this thread and all that it starts: Adam's moments of
    pixels that are seldom lit sink below 1e-38, where a CPU computes so slowly that mnist_three_layer takes twice as
    long.

    Whether there is a GPU is asked of CUDA, which knows. Lightning, when it is imported, has it asked of NVML, so that
    a process may still be forked; but Adam asks at every step, and where there is no driver each time looks for
    NVML's library on disk.
    """
    torch.set_flush_denormal(True)
    os.environ[ASK_NVML] = "0"
