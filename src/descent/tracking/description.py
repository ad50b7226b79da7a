"""What MLflow's UI says of a run and of an experiment in words, as Markdown."""

import re

from descent.errors import printable
from descent.records.label import run_name
from descent.records.run import COMMAND, RunRecord

EXPERIMENT = """Runs that minimise **{}**.

To compare some, check their boxes and press *Compare*, or choose a saved view. The picture of a run's descent and its \
player are among its artifacts, in `views`; its whole configuration is `record/config.yaml`."""
"""The description of an experiment, with a place for the name of its problem."""
FIRST = ("loss/train", "accuracy/train", "accuracy/validation", "accuracy/test", "minimum", "loss_gap")
"""The metrics that a description has."""


def description_of_run(record: RunRecord) -> str:
    """What was minimised, what came of it, and the command that trains it again."""
    header, ending = record.header, record.ending()
    start = header.params.get("problem.start", "")
    subject = " from ".join(filter(None, [f"**{as_text(header.problem)}**", as_text(start)]))
    lines = [f"Minimises {subject} with {as_text(run_name(header))}."]
    if ending is not None:
        metrics = record.metrics()
        reached = ", ".join(f"{name} {metrics[name]:.4g}" for name in FIRST if name in metrics)
        length = "1 step" if ending.step == 1 else f"{ending.step:,} steps"
        lines.append(f"{ending.result.capitalize()} after {length}" + (f": {reached}." if reached else "."))
    if command := header.tags.get(COMMAND):
        lines.append(f"Again: `{printable(command).replace('`', '')}`")
    return "\n\n".join(lines)


def description_of_experiment(problem: str) -> str:
    """How the runs of an experiment are compared, and where their pictures are."""
    return EXPERIMENT.format(as_text(problem))


def as_text(text: str) -> str:
    """A text as Markdown that shows it as it is: names and values are whatever the runs' have, links included."""
    return re.sub(r"([\\`*_\[\]])", r"\\\1", printable(text)).replace("<", "&lt;")
