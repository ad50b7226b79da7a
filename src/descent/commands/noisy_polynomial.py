"""Make the noisy points along a polynomial in data/noisy_polynomial."""

import math
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from descent.errors import UserError
from descent.project import project_root

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass
class Parameters:
    """What conf/noisy_polynomial.yaml says."""

    count: int
    low: float
    high: float
    degree: int
    noise: float
    seed: int
    control_points: str
    folder: str

    def check(self) -> None:
        """Refuse what makes no data set.

        Raises:
            UserError: naming the parameter.
        """
        demands = {
            f"degree={self.degree}: it must be 1 or more": self.degree >= 1,
            f"count={self.count}: it must be above degree={self.degree}": self.count > self.degree,
            f"low={self.low:g}: it must be finite": math.isfinite(self.low),
            f"high={self.high:g}: it must be finite": math.isfinite(self.high),
            f"low={self.low:g}: it must be below high={self.high:g}": self.low < self.high,
            f"noise={self.noise:g}: it must be 0 or more, and finite": 0 <= self.noise < math.inf,
            f"seed={self.seed}: it must be 0 or more": self.seed >= 0,
        }
        for fault, met in demands.items():
            if not met:
                raise UserError(fault)


def noisy_polynomial(parameters: Parameters) -> None:
    """Write points.csv and points.png to the folder; paths are seen from the project.

    Raises:
        UserError: for parameters or control points that make no data set.
    """
    from descent.core.data.control_points import read_control_points
    from descent.core.data.noisy_polynomial import fit, generate
    from descent.core.data.points import write_points
    from descent.render.points import points_picture

    parameters.check()
    control_points = read_control_points(project_root() / parameters.control_points, parameters.degree)
    polynomial = fit(control_points, parameters.degree)
    points = generate(polynomial, parameters.count, parameters.low, parameters.high, parameters.noise, parameters.seed)

    folder = project_root() / parameters.folder
    folder.mkdir(parents=True, exist_ok=True)
    # Within the folder, so that a rename brings a file to its place whole.
    with TemporaryDirectory(prefix=".making-", dir=folder) as made:
        write_points(Path(made) / "points.csv", points)
        points_picture(points, polynomial, control_points).savefig(Path(made) / "points.png")
        for path in sorted(Path(made).iterdir()):
            path.replace(folder / path.name)


def from_config(config: "DictConfig") -> None:
    """Make the points that a composed configuration asks for.

    Raises:
        UserError: for a value of the wrong type, besides what `noisy_polynomial` refuses.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import ValidationError

    from descent.runs.composition import one_line

    try:
        typed = OmegaConf.merge(OmegaConf.structured(Parameters), config)
    except ValidationError as error:
        raise UserError(f"{error.full_key}: {one_line(error)}") from error
    noisy_polynomial(Parameters(**{str(key): value for key, value in typed.items()}))


def main() -> None:
    """Compose conf/noisy_polynomial.yaml with what the command line says, and make the points."""
    from descent.runs.composition import run

    run(from_config, "noisy_polynomial")
