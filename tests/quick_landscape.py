"""A landscape that is computed in no time, for tests of what is around it."""

from typing import Any

import numpy as np

from descent.core.training.landscape import TrainedRun
from descent.records.run import TRAJECTORY, Landscape

QUICK: dict[str, Any] = {"_target_": "quick_landscape.trajectory", "_partial_": True}
"""What a configuration has as its `landscape`."""


def trajectory(run: TrainedRun) -> Landscape:
    """A flat plane, and the bytes of the positions that a network passed, which tell one path from another."""
    path = run.record.files / TRAJECTORY
    content = path.read_bytes() if path.exists() else b""
    return {**flat_plane(), "bytes": np.frombuffer(content, np.uint8)}


def flat_plane() -> Landscape:
    """The landscape of a run that stays where it is, on a loss that is the same everywhere."""
    side = np.linspace(-1, 1, 3)
    plane = {"first": side, "second": side, "heights": np.zeros((3, 3)), "path": np.zeros((2, 2))}
    return {
        "kind": np.array("plane"), **plane, "steps": np.array([0, 1]), "explained": np.ones(2), "examples": np.array(1),
    }  # fmt: skip


def unknown(run: TrainedRun, **settings: object) -> Landscape:
    """The landscape of a kind that no picture shows."""
    return {"kind": np.array("fog")}
