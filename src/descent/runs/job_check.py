"""Checks that the jobs of a sweep compose before the first is launched, as Hydra does, but not each of thousands."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hydra.core.override_parser.types import Override
from hydra.plugins.sweeper import Sweeper

from descent.runs.job_bar import job_bar
from descent.runs.overrides import parsed


@contextmanager
def quick_job_check() -> Iterator[None]:
    """Have Hydra's sweepers compose one job of each kind, and show how far they are."""
    check = Sweeper.validate_batch_is_legal

    def check_kinds(self: Sweeper, batch: Sequence[Sequence[str]]) -> None:
        checked = set()
        with job_bar(iterable=batch, desc="jobs checked") as jobs:
            for job in jobs:
                kind = tuple(map(_kind, parsed(job)))
                if kind not in checked:
                    check(self, [job])
                    checked.add(kind)

    Sweeper.validate_batch_is_legal = check_kinds  # type: ignore[method-assign]
    try:
        yield
    finally:
        Sweeper.validate_batch_is_legal = check  # type: ignore[method-assign]


def _kind(override: Override) -> object:
    """Equal for overrides of which all compose if one does: those that set a number at the same key."""
    value = override.value()
    if isinstance(value, int | float) and not override.is_delete():
        return override.type, override.key_or_group, override.package, type(value)
    return override.input_line
