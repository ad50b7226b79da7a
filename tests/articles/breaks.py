"""Wrong programs, and the figures that must say `differs` of each, for tests/articles/test_breaks.py.

`PYTHONPATH=tests python -m articles.breaks`, in a project after `dvc repro`, trains each of them with all steps, also
two layers on the real MNIST from 20 seeds, and prints the tables of docs/figures.md. It writes the accuracies of two
layers to tests/articles/two_layers.csv, with those of a hundred more runs of the right program.
"""

import csv
from collections.abc import Callable, Iterable
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hydra import compose, initialize_config_dir

from descent.articles import article_000, article_001, article_002, article_003, article_004, article_004_mnist
from descent.articles.curves import power
from descent.articles.published_value import PublishedValue
from descent.articles.results import Array, Results
from descent.core import numerics
from descent.core.config import TrainConfig
from descent.project import project_root
from descent.runs.composition import typed
from descent.runs.seeds import repeat
from descent.runs.train import train

Part = Callable[[Results], Iterable[PublishedValue]]

PARTS: dict[str, Part] = {
    "noisy_polynomial": article_000.descent_values,
    **dict.fromkeys(article_001.RATES, article_001.published_values),
    "patterns": article_002.network_values,
    **dict.fromkeys(article_002.PARABOLAS, article_002.descent_values),
    **dict.fromkeys(("parabola_003", "cubic_003"), article_003.descent_values),
    **dict.fromkeys(article_004.RATES, article_004.descent_values),
    "linear_softmax": article_004.layer_values,
    "two_layer_gradient": article_004.gradient_check_values,
    "mnist_three_layer": article_003.three_layer_values,
    "mnist_two_layer": article_004_mnist.published_values,
}
"""The figures that are computed from an experiment's run."""


@dataclass(frozen=True)
class Break:
    """A wrong program.

    Args:
        experiment: the experiment that is changed.
        overrides: the changes.
        rows: the names of the figures that say `differs`.
    """

    experiment: str
    overrides: tuple[str, ...]
    rows: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((self.experiment, *self.overrides))


PROGRAM, SHOWN, BY_AUTOGRAD, OWN = (
    "the program",
    "the descent that is shown",
    "x² by autograd from 1, 800 steps of width 0.01",
    "x² by an optimizer of one's own from 1, 50 steps at rate 0.1",
)
AT_0_1, AT_1 = "from (3, 2) at rate 0.1", ("from (3, 2) at rate 1", "what a rate of 1 does")
TOO_SMALL = ("from (3, 2) at rate 0.000001", "what a rate of 0.000001 does")
PATTERNS, ERRORS, AFTERWARDS = "the training of the network", "the first errors", "the errors after those"
BEFORE, AFTER = (f"right on pattern A at 999999999, {when}" for when in ("before", "after"))
PARABOLA, CUBIC = "x² from 1, 25,000 steps", "x³ - 0.75x + 1 from 1, 25,000 steps"
OUTPUT, LOSS, GRADIENT = (f"the 2x3 layer: its {what}" for what in ("output", "loss", "numerical gradient"))
BOTH = "two layers: numerical gradient and backpropagation"
THREE_LAYERS, TWO_LAYERS = (f"MNIST, {count} layers: the program" for count in ("three", "two"))
ONE_STEP = "MNIST, two layers: training and test accuracy after one step"
CURVE = "MNIST, two layers: training/test accuracy by steps"
TOGETHER = "MNIST, two layers: training and test accuracy"

SMALL = (
    Break("noisy_polynomial", ("optimizer.lr=0.29",), (PROGRAM,)),
    Break("noisy_polynomial", ("problem.start=3.4",), (PROGRAM,)),
    Break("noisy_polynomial", ("problem.degree=5",), (PROGRAM, SHOWN)),
    Break("noisy_polynomial", ("optimizer=momentum",), (PROGRAM,)),
    Break("noisy_polynomial", ("sampler=shuffled", "seed=4"), (PROGRAM,)),
    Break("noisy_polynomial", ("sampler=with_replacement",), (PROGRAM,)),
    Break("noisy_polynomial", ("data.batch_size=20",), (PROGRAM, SHOWN)),
    Break("noisy_polynomial", ("trainer.max_steps=90",), (PROGRAM,)),
    Break("noisy_polynomial", ("trainer.max_steps=101",), (PROGRAM,)),
    Break("bowl_001", ("optimizer.lr=0.11",), (AT_0_1,)),
    Break("bowl_001", ("problem.start=[3.0,2.1]",), (AT_0_1,)),
    Break("bowl_001", ("optimizer=momentum", "optimizer.lr=0.1"), (AT_0_1,)),
    Break("bowl_001", ("trainer.max_steps=99",), (AT_0_1,)),
    Break("bowl_001_too_large", ("optimizer.lr=1.1",), AT_1),
    Break("bowl_001_too_large", ("problem.start=[3.0,2.1]",), AT_1),
    Break("bowl_001_too_large", ("trainer.max_steps=98",), AT_1),
    Break("bowl_001_too_small", ("optimizer.lr=1.1e-6",), TOO_SMALL),
    Break("bowl_001_too_small", ("problem.start=[3.0,2.1]",), TOO_SMALL),
    Break("parabola_002", ("optimizer.lr=0.011",), (BY_AUTOGRAD,)),
    Break("parabola_002", ("optimizer=adam", "optimizer.lr=0.01"), (BY_AUTOGRAD,)),
    Break("parabola_002", ("problem.start=1.1",), (BY_AUTOGRAD,)),
    Break("parabola_002_own_optimizer", ("optimizer.lr=0.11",), (OWN,)),
    Break("parabola_002_own_optimizer", ("optimizer=sgd",), (OWN,)),
    Break("patterns", ("optimizer=sgd",), (PATTERNS, ERRORS, AFTERWARDS)),
    Break("patterns", ("optimizer=nesterov",), (PATTERNS, ERRORS)),
    Break("patterns", ("optimizer.lr=0.0011",), (PATTERNS, ERRORS)),
    Break("patterns", ("sampler=shuffled",), (PATTERNS, ERRORS, AFTERWARDS)),
    Break("patterns", ("data.batch_size=2",), (PATTERNS, AFTER, ERRORS, AFTERWARDS)),
    Break("patterns", ("trainer.max_epochs=1",), (PATTERNS, AFTER)),
    Break("patterns", ("trainer.max_steps=12",), (PATTERNS, AFTER, AFTERWARDS)),
    Break("patterns", ("seed=0",), (BEFORE, AFTER)),
    Break("parabola_003", ("optimizer=adam",), (PARABOLA,)),
    Break("parabola_003", ("optimizer.lr=3e-4",), (PARABOLA,)),
    Break("cubic_003", ("optimizer=adam",), (CUBIC,)),
    Break("cubic_003", ("optimizer.lr=3e-4",), (CUBIC,)),
    Break("bowl_004", ("optimizer.lr=0.11",), ("from (-3, 4) at rate 0.1",)),
    Break("bowl_004", ("problem.start=[-3.0,4.1]",), ("from (-3, 4) at rate 0.1",)),
    Break("bowl_004_too_large", ("optimizer.lr=11.0",), ("from (-3, 4) at rate 10",)),
    Break("bowl_004_too_large", ("problem.start=[-3.0,4.1]",), ("from (-3, 4) at rate 10",)),
    Break("bowl_004_too_small", ("optimizer.lr=1.1e-10",), ("from (-3, 4) at rate 1e-10",)),
    Break("bowl_004_too_small", ("problem.start=[-3.0,4.1]",), ("from (-3, 4) at rate 1e-10",)),
    Break("linear_softmax", ("optimizer.lr=0.11",), (LOSS,)),
    Break("linear_softmax", ("optimizer=momentum", "optimizer.lr=0.1"), (LOSS,)),
    Break("linear_softmax", ("data.source.label=1",), (LOSS, GRADIENT)),
    Break("linear_softmax", ("data.source.inputs=[0.6,0.8]",), (OUTPUT, LOSS, GRADIENT)),
    Break("two_layer_gradient", ("network.activation._target_=torch.nn.ReLU",), (BOTH,)),
    Break("two_layer_gradient", ("data.batch_size=50",), (BOTH,)),
)
MNIST = (
    Break("mnist_three_layer", ("optimizer.lr=0.002",), (THREE_LAYERS,)),
    Break("mnist_three_layer", ("sampler=shuffled",), (THREE_LAYERS,)),
    Break("mnist_two_layer", ("optimizer.lr=0.11",), (TWO_LAYERS, ONE_STEP, CURVE)),
    Break("mnist_two_layer", ("optimizer.lr=0.12",), (TWO_LAYERS, ONE_STEP, CURVE)),
    Break("mnist_two_layer", ("optimizer.lr=0.105",), (TWO_LAYERS, ONE_STEP)),
    Break("mnist_two_layer", ("sampler=in_order",), (TWO_LAYERS, ONE_STEP, CURVE)),
    Break("mnist_two_layer", ("sampler=shuffled",), (TWO_LAYERS, ONE_STEP)),
    Break("mnist_two_layer", ("sampler=without_replacement",), (TWO_LAYERS, ONE_STEP)),
    Break("mnist_two_layer", ("data.batch_size=50",), (TWO_LAYERS, ONE_STEP)),
    Break("mnist_two_layer", ("network.weight.std=0.011",), (TWO_LAYERS, ONE_STEP)),
    Break("mnist_two_layer", ("network.activation._target_=torch.nn.Tanh",), (TWO_LAYERS, CURVE, TOGETHER)),
)


def composed(project: Path, experiment: str, *overrides: str) -> TrainConfig:
    """The configuration of a run that is not synced to MLflow."""
    always = ("tracking=none", f"run_dir=runs/{experiment}")
    with initialize_config_dir(str(project / "conf"), version_base="1.3"):
        return typed(TrainConfig, compose("train", [f"experiment={experiment}", *always, *overrides]))


def beside(project: Path, folder: Path, *but: str) -> None:
    """Make a folder a project with links to all of another's files, except some paths."""
    for name in ("dvc.yaml", "conf", "data", "gradients", "seeds", "runs"):
        inner = [Path(path) for path in but if Path(path).parts[0] == name]
        if not inner:
            (folder / name).symlink_to(project / name)
            continue
        (folder / name).mkdir()
        for path in (project / name).iterdir():
            if Path(name, path.name) not in inner:
                (folder / name / path.name).symlink_to(path)


def broken(project: Path, folder: Path, fault: Break, *overrides: str, seeds: int = 0) -> Results:
    """The results of a project in a new folder, in which one run, also from other seeds, has a fault."""
    name = fault.experiment
    beside(project, folder, f"runs/{name}", *([f"seeds/{name}"] if seeds else []))
    config = composed(folder, name, *overrides, *fault.overrides)
    with chdir(folder):
        train(config)
        if seeds:
            repeat(config, range(1, 1 + seeds))
    return Results(folder)


CURVES = Path(__file__).with_name("two_layers.csv")
RIGHT, MORE = "right", "more of the right"
"""The names of the right program's runs: the 20 that the article's curve is compared with, and a hundred more."""


def write_curves(curves: dict[str, Array]) -> None:
    """Write accuracies in hundredths of a percent: a row for each run of each program, the training images' first."""
    columns = [f"{part} {step}" for step in article_004_mnist.ACCURACIES for part in article_004_mnist.PARTS]
    with CURVES.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["program", *columns])
        for program, runs in curves.items():
            writer.writerows([program, *map(round, 1e4 * run.ravel())] for run in runs)


def read_curves() -> dict[str, Array]:
    """Read the accuracies of each program's runs, (runs, accuracies), from 0 to 1."""
    with CURVES.open(newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    programs = dict.fromkeys(row[0] for row in rows)
    return {
        program: np.array([row[1:] for row in rows if row[0] == program], dtype=float) / 1e4 for program in programs
    }


HEADER = "| wrong | says `differs` |\n| --- | --- |"


def table_row(fault: Break, differ: Iterable[str]) -> str:
    """A wrong program's row of the table in docs/figures.md."""
    return f"| `{fault}` | {'; '.join(differ)} |"


def power_table(curves: dict[str, Array]) -> str:
    """The table of detection rates in docs/figures.md."""
    rows = [f"| `{program}` | {rate:.0%} |" for program, rate in powers(curves).items()]
    return "\n".join(["| 20 seeds with | noticed |", "| --- | --- |", *rows])


def powers(curves: dict[str, Array]) -> dict[str, float]:
    """For each program, the share of the right program's runs that are not typical of its 20 runs."""
    more_curves = curves[MORE]
    return {program: power(more_curves, runs) for program, runs in curves.items() if program != MORE}


def main() -> None:
    """Train every wrong program with all steps, and print the figures that differ."""
    numerics.configure_torch()
    project, name = project_root(), article_004_mnist.NAME
    curves = {RIGHT: article_004_mnist.accuracy_curves(Results(project))}
    print(HEADER)
    for fault in (*SMALL, *MNIST):
        with TemporaryDirectory() as folder:
            results = broken(project, Path(folder), fault, seeds=19 if fault.experiment == name else 0)
            with chdir(folder):
                differ = [figure.name for figure in PARTS[fault.experiment](results) if figure.verdict == "differs"]
            if fault.experiment == name:
                curves[" ".join(fault.overrides)] = article_004_mnist.accuracy_curves(results)
        print(table_row(fault, differ), flush=True)
    with TemporaryDirectory() as folder:
        beside(project, Path(folder), f"seeds/{name}")
        with chdir(folder):
            repeat(composed(project, name), range(1001, 1101))
        curves[MORE] = article_004_mnist.accuracy_curves(Results(Path(folder)))[1:]
    write_curves(curves)
    print(power_table(read_curves()))


if __name__ == "__main__":
    main()
