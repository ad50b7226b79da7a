from pathlib import Path

import pytest
from end_to_end.commands import run


@pytest.mark.parametrize("verb", ["check-gradient", "check_gradient"])
def test_an_experiments_gradient_is_checked_and_pictured(project: Path, verb: str) -> None:
    done = run("descent", verb, "experiment=noisy_polynomial", cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "noisy_polynomial: backpropagation and central difference agree"
    assert (project / "gradients" / "noisy_polynomial" / "gradients.png").exists()
    assert not (project / "runs").exists()
