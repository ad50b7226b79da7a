from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Composed
from descents import record_in

from descent.core.build import assemble
from descent.core.training import callbacks
from descent.core.training.callbacks import Checkpointer, Evaluator
from descent.core.training.loop import fit
from descent.core.training.resumption import restore
from descent.core.training.stepper import SingleStepper
from descent.core.training.training_run import TrainingRun


def test_a_run_is_measured_on_chosen_examples_on_its_way_and_on_all_at_its_end(composed: Composed) -> None:
    words = ("experiment=mnist_two_layer", "data.validation=100", "trainer.max_steps=6")
    components = assemble(composed(*words, "evaluation.first=2", "evaluation.every=2"))
    measured: list[set[str]] = []

    def report(run: TrainingRun, metrics: Mapping[str, float]) -> None:
        measured.append({name.partition("/")[2] for name in metrics})

    fit([TrainingRun(components)], [Evaluator(components.plan, report, splits=["validation"])], 10)
    assert measured == [{"validation"}] * 3 + [{"train", "validation", "test"}]


@pytest.mark.parametrize(("saving", "wait"), [(0.0, 10.0), (0.1, 10.0), (2.0, 40.0), (1000.0, 200.0)])
def test_saving_takes_a_twentieth_of_the_time_at_most_unless_that_is_too_seldom(
    composed: Composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saving: float, wait: float
) -> None:
    components = assemble(composed("problem=bowl", "trainer.max_steps=6"))
    record = record_in(tmp_path / "run", components.plan)
    run = TrainingRun(components, restore([record])[0])
    times = [0.0]
    progressed: list[TrainingRun] = []
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: times[-1]))

    def on_progress(run: TrainingRun) -> None:
        times.append(times[-1] + saving)
        progressed.append(run)

    checkpointer = Checkpointer({run: record}, 10.0, on_progress)
    module: Any = SimpleNamespace(stepper=SingleStepper(run))
    trainer: Any = SimpleNamespace(should_stop=False)

    def saves_at(time: float) -> bool:
        times.append(time)
        before = len(progressed)
        checkpointer.on_train_batch_end(trainer, module, None, None, 0)
        return len(progressed) > before

    assert not saves_at(9.9)
    assert saves_at(10.0)
    ended = times[-1]
    assert not saves_at(ended + wait - 0.1)
    assert saves_at(ended + wait)
    assert progressed == [run, run]
