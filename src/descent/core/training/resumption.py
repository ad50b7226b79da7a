"""Which checkpoints runs are resumed from: undamaged ones and, for runs of one batch, those of one step."""

import sys
from collections.abc import Mapping, Sequence

from descent.core.training.checkpoint import BatchPlace, Checkpoint
from descent.records.run import CHECKPOINT, PREVIOUS, RunRecord

Saved = dict[str, Checkpoint]
"""The checkpoints of a run by the names of their files, the last one first."""


def restore(records: Sequence[RunRecord]) -> list[Checkpoint | None]:
    """The checkpoints to resume runs from, with their records cut back to these; None for a run that starts.

    A damaged checkpoint, and one that covers a damaged table, is passed over for the one before, and stderr says so.
    Runs of one batch are resumed from the same step of it: the last one that all have saved and most have undamaged.
    """
    saved = [_whole_checkpoints(record) for record in records]
    # While the runs of a batch are saved, some have a checkpoint already that others lack.
    saved_by_all = {
        _step(checkpoint)
        for checkpoints, record in zip(saved, records, strict=True)
        for name, checkpoint in checkpoints.items()
        if name == PREVIOUS or checkpoint.place is None or checkpoint.position == record.committed()
    }
    places = {_step(checkpoint): checkpoint.place for checkpoints in saved for checkpoint in checkpoints.values()}
    votes = {step: sum(_is_there(checkpoints, place) for checkpoints in saved) for step, place in places.items()}
    chosen: list[Checkpoint | None] = []
    for checkpoints, record in zip(saved, records, strict=True):
        eligible = [name for name, checkpoint in checkpoints.items() if _step(checkpoint) in saved_by_all]
        # Of equally many votes, the first, which is the last saved.
        name = max(eligible, key=lambda name: votes[_step(checkpoints[name])], default=None)
        chosen.append(_cut_back(record, checkpoints, name))
    return chosen


def _step(checkpoint: Checkpoint) -> tuple[str, int] | None:
    """The step of its batch after which it was saved."""
    place = checkpoint.place
    return None if place is None else (place.batch, place.steps_taken)


def _is_there(checkpoints: Saved, place: BatchPlace | None) -> bool:
    """Whether a run can be resumed from a step of a batch, or has left the batch before it."""
    return place is not None and any(
        own.place is not None
        and own.place.batch == place.batch
        and (
            own.place.steps_taken == place.steps_taken
            or (own.state.has_left and own.place.steps_taken < place.steps_taken)
        )
        for own in checkpoints.values()
    )


def _cut_back(record: RunRecord, checkpoints: Mapping[str, Checkpoint], name: str | None) -> Checkpoint | None:
    """Cut a record back to one of its checkpoints, or to its start."""
    if name != CHECKPOINT:
        (record.files / CHECKPOINT).unlink(missing_ok=True)
    if name is None:
        record.rewind({})
        return None
    record.rewind(checkpoints[name].position)
    record.commit(checkpoints[name].position)
    return checkpoints[name]


def _whole_checkpoints(record: RunRecord) -> Saved:
    """The undamaged checkpoints of a run by their files, the last one first, and alone if the run is trained alone.

    Damaged ones are removed.
    """
    whole: Saved = {}
    damages: list[str] = []
    for path in (record.files / CHECKPOINT, record.files / PREVIOUS):
        if not path.exists() or any(checkpoint.place is None for checkpoint in whole.values()):
            continue
        try:
            checkpoint = Checkpoint.from_bytes(path.read_bytes())
            damage = record.damage(checkpoint.position)
        except OSError:
            raise
        except ValueError as error:
            damage = str(error)
        except Exception as error:  # whatever a damaged file makes PyTorch raise
            damage = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if damage is None:
            whole[path.name] = checkpoint
        else:
            path.unlink()
            damages.append(f"{path.name}: {damage}")
    if damages:
        steps = next((checkpoint.state.steps_taken for checkpoint in whole.values()), 0)
        print(f"{record.folder} is damaged ({'; '.join(damages)}); resumed from step {steps:,}", file=sys.stderr)
    return whole
