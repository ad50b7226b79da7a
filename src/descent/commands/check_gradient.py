"""Hold backpropagation against central differences, parameter by parameter, at an experiment's start."""

from typing import TYPE_CHECKING

from descent.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from descent.runs.gradient_check import Comparison


def main() -> None:
    """Check the gradient of what the command line composes, into gradients/NAME."""
    from descent.runs import composition

    composition.run(_check, "train")


def _check(config: "DictConfig") -> None:
    import os

    from descent.runs.composition import require_experiment

    require_experiment(config)
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
    wrong = [comparison.parameter for comparison in comparisons if not comparison.agrees]
    if wrong:
        raise UserError(
            f"backpropagation and central difference disagree on {', '.join(wrong)}; see {where}/views/{PICTURE}"
        )
    print(f"{config.name}: backpropagation and central difference agree")


def _row(comparison: "Comparison") -> tuple[str, ...]:
    return (
        comparison.parameter,
        str(comparison.shape),
        f"{comparison.components:,}",
        f"{comparison.largest_absolute:.1e}",
        f"{comparison.largest_relative:.1e}",
        "yes" if comparison.agrees else "no",
    )
