"""A landscape that is computed in no time, for tests of what stands around it."""

from typing import Any

import numpy as np

from descent.core.training.landscape import TrainedRun
from descent.records.run import TRAJECTORY, Landscape

QUICK: dict[str, Any] = {"_target_": "quick_landscape.trajectory", "_partial_": True}
"""What a configuration has as its `landscape`."""


def trajectory(run: TrainedRun) -> Landscape:
    """The bytes of the positions that a network passed, which tell one path from another."""
    path = run.record.files / TRAJECTORY
    content = path.read_bytes() if path.exists() else b""
    return {"kind": np.array("trajectory"), "bytes": np.frombuffer(content, np.uint8)}
