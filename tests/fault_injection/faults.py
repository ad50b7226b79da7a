"""What happens to a task: faults in its calls, and power cuts after them."""

import errno
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Fault:
    """What happens in the n-th call.

    Args:
        name: of the fault.
        mode: as in fail_nth.c: the number of an error, or a kill.
        lasting: whether it happens in all later calls too.
    """

    name: str
    mode: int
    lasting: bool = False


@dataclass(frozen=True)
class PowerCut:
    """What the disk has after the n-th call of what it was not waited for.

    Args:
        name: of the power cut.
        has_names: whether it has files created, renamed and removed in folders that were not flushed.
        unflushed: what it has of bytes that were not flushed.
    """

    name: str
    has_names: bool
    unflushed: Literal["lost", "half", "zeros"]


NONE = Fault("none", 0)
FAULTS = (
    Fault("killed before the call", -1),
    Fault("killed in the middle of a write", -2),
    Fault("the call fails once (EIO)", errno.EIO),
    Fault("the disk is full from then on (ENOSPC)", errno.ENOSPC, lasting=True),
)
POWER_CUTS = (
    PowerCut("the power goes: the disk has what was flushed", has_names=False, unflushed="lost"),
    PowerCut("the power goes: all names, no unflushed bytes", has_names=True, unflushed="lost"),
    PowerCut("the power goes: all names, half of the unflushed bytes", has_names=True, unflushed="half"),
    PowerCut("the power goes: all names, zeros for unflushed bytes", has_names=True, unflushed="zeros"),
)
