"""Make the noisy points along a polynomial in data/noisy_polynomial."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from pydantic import Field, model_validator

from descent.project import project_root
from descent.runs.composition import CommandLine
from descent.schema import Section


class NoisyPolynomial(Section):
    """The schema of conf/noisy_polynomial.yaml."""

    count: int
    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    degree: int = Field(ge=1)
    noise: float = Field(ge=0, allow_inf_nan=False)
    seed: int = Field(ge=0)
    control_points: str
    folder: str

    @model_validator(mode="after")
    def _make_a_data_set(self) -> Self:
        if self.count <= self.degree:
            raise ValueError(f"count={self.count}: choose a number above degree={self.degree}")
        if self.low >= self.high:
            raise ValueError(f"low={self.low:g}: choose a number below high={self.high:g}")
        return self


def noisy_polynomial(config: NoisyPolynomial) -> None:
    """Write points.csv and points.png to the folder; paths are relative to the project.

    Raises:
        UserError: for control points that make no polynomial.
    """
    from descent.core.data.control_points import read_control_points
    from descent.core.data.noisy_polynomial import fit, generate
    from descent.core.data.points import write_points
    from descent.render.points import points_picture

    control_points = read_control_points(project_root() / config.control_points, config.degree)
    polynomial = fit(control_points, config.degree)
    points = generate(polynomial, config.count, config.low, config.high, config.noise, config.seed)

    folder = project_root() / config.folder
    folder.mkdir(parents=True, exist_ok=True)
    # Within the folder, so that a rename puts a whole file in its place.
    with TemporaryDirectory(prefix=".making-", dir=folder) as made:
        write_points(Path(made) / "points.csv", points)
        points_picture(points, polynomial, control_points).savefig(Path(made) / "points.png")
        for path in sorted(Path(made).iterdir()):
            path.replace(folder / path.name)


def main(words: Sequence[str]) -> None:
    """Make the points that the command line composes from conf/noisy_polynomial.yaml."""
    line = CommandLine("noisy_polynomial", NoisyPolynomial, words)
    if not line.show():
        line.run(noisy_polynomial)
