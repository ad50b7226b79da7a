import subprocess
import sys

import pytest

PROGRAM = """
import sys, torch, descent.runs.tracked_run
from descent.core import numerics

numerics.configure_torch()
print((torch.tensor(1e-38) * 0.1).item())
opened = []
sys.addaudithook(lambda event, of: opened.append(of) if event == "ctypes.dlopen" else None)
weight = torch.nn.Parameter(torch.zeros(1))
weight.grad = torch.ones(1)
optimizer = torch.optim.Adam([weight])
for _ in range(3):
    optimizer.step()
print(opened)
"""


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """By a process of its own, since what is set up is set up for all that follows in a process."""
    done = subprocess.run((sys.executable, "-c", PROGRAM), check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def test_numbers_too_small_to_be_normal_floats_are_0(printed: list[str]) -> None:
    assert printed[0] == "0.0"


def test_adam_looks_for_no_library_at_its_steps(printed: list[str]) -> None:
    assert printed[1] == "[]"
