import subprocess
import sys

HEAVY = {"hydra", "jinja2", "lightning", "matplotlib", "mlflow", "numpy", "omegaconf", "pandas", "pytorch_lightning",
         "scipy", "torch", "yaml"}  # fmt: skip


def test_importing_it_imports_nothing_that_takes_long() -> None:
    program = "import descent, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert HEAVY & {*done.stdout.split()} == set()


def test_compare_is_the_call_whatever_was_imported() -> None:
    import descent.comparisons.comparison

    assert all(callable(getattr(descent, name)) for name in descent.__all__)
