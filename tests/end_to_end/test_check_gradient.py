from pathlib import Path

from end_to_end.commands import here


def test_an_experiments_gradient_is_checked_and_pictured(project: Path) -> None:
    done = here("descent", "check-gradient", "experiment=noisy_polynomial", cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "noisy_polynomial: backpropagation and central difference agree"
    assert (project / "gradients" / "noisy_polynomial" / "views" / "gradients.png").exists()
    assert not (project / "runs").exists()
