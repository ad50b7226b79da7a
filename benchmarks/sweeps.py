"""A sweep whose runs are trained together, against each by itself."""

import csv
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.descents import composed, seconds_together
from benchmarks.measured import MILLISECOND, Measured, in_turns
from benchmarks.peers import SGD, by_hand, noisy_polynomials, two_layers, with_replacement
from descent.project import project_root

RATES = [f"{rate:.4g}" for rate in np.logspace(-3, 0, 32)]
STEPS, EVERY = 3_000, 600
HIMMELBLAU_RATES = ("0.001", "0.003", "0.01", "0.03")
TRIALS, TRIALS_BY_NUMPY = 2_000, 50


def sweeps(turns: int) -> list[Measured]:
    """All comparisons of sweeps."""
    return [_a_run_of_32(turns), _trials(turns), _whole_sweep(), *_sweep_of_36(turns)]


def _a_run_of_32(turns: int) -> Measured:
    """A step of one of 32 runs, the article's evaluations and all records included, against the loop by hand."""
    configs = [
        composed("experiment=mnist_two_layer", f"trainer.max_steps={STEPS}", f"optimizer.lr={rate}") for rate in RATES
    ]
    ours, hand = in_turns(
        turns,
        lambda: seconds_together(configs) / len(configs) / STEPS / MILLISECOND,
        lambda: by_hand(two_layers(), SGD, with_replacement, STEPS, range(1, STEPS, EVERY)) / STEPS / MILLISECOND,
    )
    return Measured(
        "a step of one of 32 runs, evaluations and all", "that loop, with evaluations", "ms", ours, hand, 0.35
    )


def _trials(turns: int) -> Measured:
    """Source article 000 from 2,000 seeds, its data made anew for each, as `descent seeds` does it but for imports."""

    def ours() -> float:
        with project() as folder:
            command = (
                "import sys, time; from descent.commands.seeds import main; import descent.runs.seeds, torch._dynamo; "
                "started = time.perf_counter(); main(sys.argv[1:]); print(time.perf_counter() - started)"
            )
            words = (
                "--count",
                str(TRIALS),
                "experiment=noisy_polynomial",
                "data=fresh_noisy_points",
                "evaluation.every=100",
            )
            done = subprocess.run(
                (sys.executable, "-c", command, *words), cwd=folder, check=True, capture_output=True, text=True
            )
            return float(done.stdout.splitlines()[-1]) / TRIALS / MILLISECOND

    mine, numpy = in_turns(turns, ours, lambda: noisy_polynomials(TRIALS_BY_NUMPY) / TRIALS_BY_NUMPY / MILLISECOND)
    return Measured("a trial of the noisy polynomial, of 2,000", "the article's numpy", "ms", mine, numpy, 1 / 10)


def _whole_sweep() -> Measured:
    """32 learning rates of the two-layer network, from the command to finished runs in MLflow."""
    (ours,), (joblib,) = in_turns(1, lambda: _seconds("fused"), lambda: _seconds("joblib", "hydra.launcher.n_jobs=2"))
    what = f"a sweep of 32 rates, {STEPS:,} steps each, from command to MLflow"
    return Measured(what, "hydra/launcher=joblib", "s", [ours], [joblib], 0.5)


def _seconds(launcher: str, *settings: str) -> float:
    with project() as folder:
        swept = (f"trainer.max_steps={STEPS}", f"optimizer.lr={','.join(RATES)}")
        command = ("descent", "train", "-m", "experiment=mnist_two_layer", *swept)
        started = time.perf_counter()
        subprocess.run(
            (*command, f"hydra/launcher={launcher}", *settings), cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        seconds = time.perf_counter() - started
        with next(folder.glob("sweeps/*/views/runs.csv")).open(newline="", encoding="utf-8") as file:
            assert len(list(csv.reader(file))) == len(RATES) + 1
        return seconds


def _sweep_of_36(turns: int) -> list[Measured]:
    """36 runs on himmelblau, from the command to finished runs in MLflow, and the same commands again."""
    one = ("-m", "experiment=himmelblau", "optimizer=sgd", "optimizer.lr=0.01", "seed=0")
    rates = f"optimizer.lr={','.join(HIMMELBLAU_RATES)}"
    all_jobs = ("-m", "experiment=himmelblau", "optimizer=sgd,momentum,adam", rates, "seed=0,1,2")
    again: list[float] = []
    single_again: list[float] = []

    def one_job() -> float:
        with project() as folder:
            seconds = _train(folder, *one)
            single_again.append(_train(folder, *one[1:]))
            return seconds

    def basic() -> float:
        with project() as folder:
            seconds = _train(folder, *all_jobs)
            again.append(_train(folder, *all_jobs))
            assert len(list(folder.glob("runs/*"))) == 36
            return seconds

    def fused() -> float:
        with project() as folder:
            return _train(folder, *all_jobs, "hydra/launcher=fused")

    job, separately, together = in_turns(turns, one_job, basic, fused)
    what, peer = "a sweep of 36 runs on himmelblau, from command to MLflow", "that command with one job"
    return [
        Measured(what, peer, "s", separately, job, 2.5),
        Measured(f"{what}, hydra/launcher=fused", peer, "s", together, job, 2.0),
        Measured("that sweep again, with nothing to do", "a second", "s", again, [1.0] * turns, 2.5),
        Measured("descent train of a run that is there", "a second", "s", single_again, [1.0] * turns, 1.0),
    ]


def _train(folder: Path, *words: str) -> float:
    """Seconds that `descent train` takes."""
    started = time.perf_counter()
    subprocess.run(("descent", "train", *words), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


@contextmanager
def project() -> Iterator[Path]:
    """A project with the configuration and the data of this one, and nothing else."""
    with tempfile.TemporaryDirectory() as name:
        folder, root = Path(name), project_root()
        shutil.copytree(root / "conf", folder / "conf")
        shutil.copy(root / "dvc.yaml", folder)
        (folder / "data").symlink_to(root / "data")
        yield folder
