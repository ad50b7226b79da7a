"""Train the descents that race in the report's lesson: optimizers at rates from too small to too large."""

import os
from collections.abc import Sequence

from descent.runs.composition import CommandLine
from descent.runs.lesson_config import LessonConfig


def main(words: Sequence[str]) -> None:
    """Train what conf/lesson.yaml and the command line compose, into lesson/record."""
    line = CommandLine("lesson", LessonConfig, words)
    if not line.show():
        line.run(_train)


def _train(config: LessonConfig) -> None:
    from descent.core import numerics
    from descent.records.folder import RECORD
    from descent.records.lesson import ARRAYS
    from descent.runs.lesson import train_lesson

    numerics.configure_torch()
    folder = train_lesson(config)
    starts = sum(len(surface.starts) for surface in config.surfaces.values())
    descents = starts * len(config.optimizers) * config.rates
    print(f"{descents:,} descents on {len(config.surfaces)} surfaces: {os.path.relpath(folder)}/{RECORD}/{ARRAYS}")
