"""A finished run."""

import os
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from descent.errors import printable

if TYPE_CHECKING:
    from pandas import DataFrame

    from descent.core.problems.problem import Problem


class Run:
    """A finished run, read from its folder; a notebook shows its player.

    Attributes:
        folder: of the run.

    Example:
        >>> run = descent.load("runs/himmelblau-1f347a16")
        >>> run.result, run.metrics["loss/train"]
        ('converged', 3.5e-12)
        >>> run.steps.plot(x="step", y="loss/step")
    """

    def __init__(self, folder: Path) -> None:
        """Open the run in a folder; raise FileNotFoundError if there is none, UserError if it is not finished."""
        from descent.records.run import RunRecord
        from descent.render.stamp import run_stamp

        self.folder = folder.absolute()
        self.record: RunRecord = RunRecord(self.folder)
        run_stamp(self.record)  # which refuses a run that is not finished

    @property
    def name(self) -> str:
        """The name of the experiment, or of the job in its sweep."""
        return self.record.header.name

    @property
    def key(self) -> str:
        """What the run's folder is named after: equal for runs that compute the same."""
        return self.record.header.key

    @property
    def result(self) -> str:
        """How it ended: `converged`, `finished` or `diverged`."""
        ending = self.record.ending()
        assert ending is not None
        return ending.result

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of the last evaluation, by name, such as `loss/train`, with `seconds_per_step` and `diverged`."""
        return self.record.metrics()

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, nested: `run.config["optimizer"]["lr"]`."""
        from omegaconf import OmegaConf

        from descent.records.run import CONFIG

        config = OmegaConf.to_container(OmegaConf.load(self.record.files / CONFIG))
        assert isinstance(config, dict)
        return {str(name): value for name, value in config.items()}

    @property
    def params(self) -> dict[str, str]:
        """The parameters by which runs are compared, flat and as texts: `run.params["optimizer.lr"]`."""
        return self.record.header.params

    @property
    def steps(self) -> "DataFrame":
        """A row for every step: its number, its time, its loss, the norm of its gradient, and a small position."""
        from descent.api.tables import metrics_frame
        from descent.records.run import STEPS

        return metrics_frame(self.record.table(STEPS))

    @property
    def evaluations(self) -> "DataFrame":
        """A row for every evaluation: after how many steps, its time, and the losses and accuracies over all data."""
        from descent.api.tables import metrics_frame
        from descent.records.run import EVALUATIONS

        return metrics_frame(self.record.table(EVALUATIONS))

    @property
    def picture(self) -> Path:
        """The picture of the path, a PNG file."""
        from descent.render.run_views import STILL

        return self.drawn().record.views / STILL

    @property
    def player(self) -> Path:
        """The player of the path, an HTML file without dependencies."""
        from descent.render.run_views import PLAYER

        return self.drawn().record.views / PLAYER

    def problem(self) -> "Problem":
        """The trained module, in `eval()` mode, at the weights of the last evaluation.

        With an optimizer that averages (`average=ema`, Schedule-Free) these are the averaged weights. A problem's call
        gives the loss on a minibatch; a network is its `network`. If the code here is not the code that the run was
        trained with, a warning says what differs.

        This alone runs what a record names, so that it is for runs that you trust.

        Returns:
            The module, on the CPU.

        Raises:
            UserError: if the module can't be built by the code that is here.

        Example:
            >>> network = run.problem().network
            >>> scores = network(images)
        """
        from descent.api.trained import trained_problem

        return trained_problem(self.record)

    def drawn(self) -> Self:
        """The run, with views that are up to date."""
        from descent.render import run_views

        run_views.draw(self.folder)
        return self

    def _summary(self) -> tuple[str, str, str, str]:
        metrics = {name: value for name, value in self.metrics.items() if name not in ("seconds_per_step", "diverged")}
        values = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        return self.name, self.result, values, os.path.relpath(self.folder)

    def __repr__(self) -> str:
        name, result, values, where = self._summary()
        return printable(f"<Run {name}: {result}  {values}  {where}>")

    def _repr_html_(self) -> str:
        from descent.api.html import player_frame

        name, result, values, where = map(escape, self._summary())
        line = f"<p><b>{name}</b>: {result} &nbsp; {values} &nbsp; <code>{where}</code></p>"
        return line + player_frame(self.player.read_text(encoding="utf-8"), f"player of {self.name}")
