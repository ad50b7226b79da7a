"""The process of a notebook or a script, which lives on after a call."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from descent.errors import UserError


@contextmanager
def session() -> Iterator[None]:
    """Compute as the commands do, with modules from the project's folder; leave PyTorch as it was.

    Raises:
        UserError: if Descent's own source was edited since it was imported.
    """
    import torch

    from descent.core import numerics
    from descent.core.own_modules import search_project
    from descent.records.lineage import source_hash

    search_project()
    if source_hash() != _source_hash_at_first():
        raise UserError("the source of descent.core was edited since it was imported; restart Python to train with it")
    is_flushed, is_deterministic = numerics.flushes_denormal(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        numerics.configure_torch()
        try:
            yield
        finally:
            torch.set_flush_denormal(is_flushed)
            torch.use_deterministic_algorithms(is_deterministic)


@cache
def _source_hash_at_first() -> str:
    from descent.records.lineage import source_hash

    return source_hash()
