"""Compare backpropagation with central differences, parameter by parameter, at an experiment's start."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from descent.core.config import TrainConfig
from descent.errors import UserError
from descent.runs.composition import CommandLine

if TYPE_CHECKING:
    from descent.runs.gradient_check import GradientComparison


def main(words: Sequence[str]) -> None:
    """Check the gradient of what the command line composes, into gradients/NAME."""
    line = CommandLine("train", TrainConfig, words)
    if not line.show():
        line.run(_check)


def _check(config: TrainConfig) -> None:
    import os

    from descent.render.gradients import PICTURE
    from descent.runs.gradient_check import DIFFERENCES, check_gradient

    comparisons, folder = check_gradient(config)
    rows = [
        ("parameter", "shape", "components", "largest difference", "relative", "agree"),
        *(_row(comparison) for comparison in comparisons),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, shape, *others in rows:
        numbers = "  ".join(cell.rjust(width) for cell, width in zip(others, widths[2:], strict=True))
        print(f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {numbers}")
    where = os.path.relpath(folder)
    print(f"{where}/record/{DIFFERENCES}  {where}/views/{PICTURE}")
    disagreeing = [comparison.parameter for comparison in comparisons if not comparison.agrees]
    if disagreeing:
        raise UserError(
            f"backpropagation and central difference disagree on {', '.join(disagreeing)}; see {where}/views/{PICTURE}"
        )
    print(f"{config.name}: backpropagation and central difference agree")


def _row(comparison: "GradientComparison") -> tuple[str, ...]:
    return (
        comparison.parameter,
        str(comparison.shape),
        f"{comparison.components:,}",
        f"{comparison.largest_absolute:.1e}",
        f"{comparison.largest_relative:.1e}",
        "yes" if comparison.agrees else "no",
    )
