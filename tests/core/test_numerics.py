import subprocess
import sys

SET_UP = "import sys, torch, descent.runs.tracked_run; from descent.core import numerics; numerics.configure_torch(); "


def printed(code: str) -> str:
    """By a process of its own, since what is set up is set up for all that follows in a process."""
    done = subprocess.run((sys.executable, "-c", SET_UP + code), check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_numbers_too_small_to_be_normal_floats_are_0() -> None:
    assert printed("print((torch.tensor(1e-38) * 0.1).item())") == "0.0"


def test_adam_looks_for_no_library_at_its_steps() -> None:
    code = (
        "opened = []; sys.addaudithook(lambda event, of: opened.append(of) if event == 'ctypes.dlopen' else None); "
        "weight = torch.nn.Parameter(torch.zeros(1)); weight.grad = torch.ones(1); "
        "optimizer = torch.optim.Adam([weight]); [optimizer.step() for _ in range(3)]; print(opened)"
    )
    assert printed(code) == "[]"
