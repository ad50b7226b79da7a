from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Composed
from descents import nobody, record_in, timeless

from descent.assembly import assemble
from descent.experiment import Run, course, take_steps, train
from descent.fused import LARGEST, Waiting, begin, go_together, groups, take_steps_together
from descent.tracking.record import EVALUATIONS, STEPS, VISITED, RunRecord

SURFACE = ("problem=himmelblau", "problem.start=[0.5,-1]", "trainer.max_steps=150", "bound=100")
JOBS = [
    ("optimizer=sgd", "optimizer.lr=0.01"),
    ("optimizer=sgd", "optimizer.lr=1"),  # runs away
    ("optimizer=adam", "optimizer.lr=0.1"),
    ("optimizer=momentum", "schedule=cosine", "problem.start=[2,2]"),
    ("optimizer=rmsprop", "schedule=one_cycle", "seed=5"),
]
NETWORK = ("experiment=mnist_two_layer", "evaluation.first=null", "evaluation.every=500", "trainer.max_steps=1000")


def waiting(composed: Composed, *overrides: str) -> Waiting[Any]:
    """A course that waits for its run's steps."""
    begun = begin(course(composed(*overrides)))
    assert isinstance(begun, Waiting)
    return begun


def run_in(folder: Path, composed: Composed, *overrides: str, notify: Any = nobody) -> Run:
    """A run whose steps are to be taken, into a record in a folder."""
    config = composed(*overrides)
    parts = assemble(config)
    return Run(config, parts, record_in(folder, parts.plan), notify)


def checkpoint(folder: Path) -> dict[str, Any]:
    return torch.load(folder / "checkpoint.ckpt", weights_only=True)  # type: ignore[no-any-return]


def losses(record: RunRecord) -> list[float | None]:
    return [row[1] for row in timeless(record, STEPS)]


def test_jobs_on_a_surface_take_to_the_last_bit_the_steps_that_each_takes_alone(
    composed: Composed, tmp_path: Path
) -> None:
    runs = [run_in(tmp_path / f"together{n}", composed, *SURFACE, *job) for n, job in enumerate(JOBS)]
    standings = take_steps_together(runs)
    for number, (job, run, ours) in enumerate(zip(JOBS, runs, standings, strict=True)):
        single = run_in(tmp_path / f"alone{number}", composed, *SURFACE, *job)
        its = take_steps(single)
        assert (ours.steps_taken, ours.diverged) == (its.steps_taken, its.diverged)
        for table in (STEPS, EVALUATIONS):
            assert timeless(run.record, table) == timeless(single.record, table)
        kept, expected = (checkpoint(record.folder) for record in (run.record, single.record))
        assert kept.keys() == expected.keys()
        assert torch.equal(kept["state_dict"]["point"], expected["state_dict"]["point"])
        assert str(kept["optimizer"]) == str(expected["optimizer"])
        assert str(kept["schedule"]) == str(expected["schedule"])
    assert [standing.diverged for standing in standings] == [False, True, False, False, False]


def test_each_job_leaves_what_it_leaves_alone(composed: Composed, project: Path) -> None:
    jobs = JOBS[:3]
    begun = [waiting(composed, *SURFACE, *job, f"run_dir=together/{n}") for n, job in enumerate(jobs)]
    for number, (job, ours) in enumerate(zip(jobs, go_together(begun), strict=True)):
        its = train(composed(*SURFACE, *job, f"run_dir=alone/{number}"))
        assert ours.result == its.result
        assert {**ours.metrics, "seconds_per_step": 0} == {**its.metrics, "seconds_per_step": 0}
        assert RunRecord(ours.folder).header.key == RunRecord(its.folder).header.key
        names = [{path.name for path in outcome.folder.iterdir()} for outcome in (ours, its)]
        assert names[0] == names[1]
        pictures = [(outcome.folder / "descent.png").read_bytes() for outcome in (ours, its)]
        assert pictures[0] == pictures[1]


@pytest.mark.parametrize(
    "jobs",
    [
        [("optimizer.lr=0.1",), ("optimizer.lr=0.03",), ("optimizer=adam", "optimizer.lr=0.001"), ("schedule=cosine",)],
        [("seed=1",), ("seed=2",)],
    ],
    ids=["in one order", "in orders of their own"],
)
def test_networks_are_within_rounding_of_what_they_are_alone(
    composed: Composed, tmp_path: Path, jobs: list[tuple[str, ...]]
) -> None:
    runs = [run_in(tmp_path / f"together{n}", composed, *NETWORK, *job) for n, job in enumerate(jobs)]
    take_steps_together(runs)
    for number, (job, run) in enumerate(zip(jobs, runs, strict=True)):
        single = run_in(tmp_path / f"alone{number}", composed, *NETWORK, *job)
        take_steps(single)
        assert losses(run.record) == pytest.approx(losses(single.record), rel=1e-5)
        ours, its = (timeless(record, EVALUATIONS) for record in (run.record, single.record))
        assert [row[0] for row in ours] == [row[0] for row in its]
        assert [row[1] for row in ours] == pytest.approx([row[1] for row in its], rel=1e-5)


def test_a_network_that_runs_away_leaves_the_others_as_they_are_alone(composed: Composed, tmp_path: Path) -> None:
    common = (*NETWORK, "trainer.max_steps=60", "evaluation.every=20")
    jobs = ["optimizer.lr=0.1", "optimizer.lr=1e38"]
    runs = [run_in(tmp_path / f"together{n}", composed, *common, job) for n, job in enumerate(jobs)]
    kept, lost = take_steps_together(runs)
    assert (kept.diverged, lost.diverged) == (False, True)
    for number, (job, run) in enumerate(zip(jobs, runs, strict=True)):
        single = run_in(tmp_path / f"alone{number}", composed, *common, job)
        take_steps(single)
        for table in (STEPS, EVALUATIONS):
            assert [row[0] for row in timeless(run.record, table)] == [row[0] for row in timeless(single.record, table)]
        visited = [(record.folder / VISITED).stat().st_size for record in (run.record, single.record)]
        assert visited[0] == visited[1]
        if not number:
            assert losses(run.record) == pytest.approx(losses(single.record), rel=1e-5)


class KilledError(Exception):
    """What stands for a kill."""


@pytest.mark.parametrize("common", [SURFACE, (*NETWORK, "trainer.max_steps=300")], ids=["surface", "network"])
@pytest.mark.parametrize(("killed_at", "again"), [(4, "together"), (5, "alone")])
def test_what_was_interrupted_goes_on_together_or_alone(
    composed: Composed, tmp_path: Path, common: tuple[str, ...], killed_at: int, again: str
) -> None:
    jobs = [("optimizer=adam", "optimizer.lr=0.01"), ("optimizer=momentum", "schedule=cosine")]
    common = (*common, "trainer.checkpoint_seconds=0", "evaluation.every=50")
    whole = [run_in(tmp_path / f"whole{n}", composed, *common, *job) for n, job in enumerate(jobs)]
    take_steps_together(whole)
    told = 0

    def kill() -> None:
        nonlocal told
        told += 1
        if told == killed_at:
            raise KilledError

    def runs() -> list[Run]:
        return [run_in(tmp_path / f"again{n}", composed, *common, *job, notify=kill) for n, job in enumerate(jobs)]

    with pytest.raises(KilledError):
        take_steps_together(runs())
    told = 100
    taken_up = runs()
    left = [len(run.record.read(STEPS).rows) for run in taken_up]
    assert all(0 < steps < 150 for steps in left)
    if again == "together":
        assert left[0] == left[1]
        take_steps_together(taken_up)
    else:
        assert left[0] > left[1]
        for run in taken_up:
            take_steps(run)
    for run, expected in zip(taken_up, whole, strict=True):
        steps = [row[0] for row in timeless(run.record, STEPS)]
        assert steps == list(range(1, len(steps) + 1))
        assert losses(run.record) == pytest.approx(losses(expected.record), rel=1e-5)
        assert [row[0] for row in timeless(run.record, EVALUATIONS)] == [
            row[0] for row in timeless(expected.record, EVALUATIONS)
        ]


def test_runs_that_have_nothing_in_common_are_trained_each_by_itself(composed: Composed) -> None:
    jobs = [
        ("problem=bowl", "trainer.max_steps=20", "run_dir=a"),
        ("problem=booth", "trainer.max_steps=20", "run_dir=b"),
        ("problem=bowl", "trainer.max_steps=20", "gradient=central_difference", "run_dir=c"),
        ("problem=bowl", "trainer.max_steps=30", "run_dir=d"),
    ]
    outcomes = go_together([waiting(composed, *job) for job in jobs])
    assert [outcome.folder.name for outcome in outcomes] == ["a", "b", "c", "d"]
    assert begin(course(composed(*jobs[0]))) == train(composed(*jobs[0]))  # it is finished, and does not wait


def test_no_more_runs_are_trained_together_than_a_cache_holds(composed: Composed, tmp_path: Path) -> None:
    run = run_in(tmp_path, composed, *NETWORK)
    most = LARGEST // run.parts.problem.size()
    lengths = [len(places) for places in groups([run] * (2 * most + 1))]
    assert sum(lengths) == 2 * most + 1
    assert len(lengths) == 3
    assert max(lengths) - min(lengths) <= 2  # none is left with a few
    assert list(groups([run] * most)) == [list(range(most))]


class Faulty(torch.optim.SGD):
    """Can't take its third step."""

    taken = 0

    def step(self, closure: Any = None) -> Any:
        self.taken += 1
        if self.taken == 3:
            raise RuntimeError("out of steps")
        return super().step(closure)


def test_a_run_that_fails_harms_no_other_that_it_was_trained_with(
    composed: Composed, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sgd = ("optimizer=sgd", "optimizer.lr=0.01")
    jobs = [sgd, (*sgd, "optimizer._target_=test_fused.Faulty")]
    begun = [waiting(composed, *SURFACE, *job, f"run_dir=runs/{n}") for n, job in enumerate(jobs)]
    with pytest.raises(RuntimeError, match="out of steps"):
        go_together(begun)
    assert "2 runs together: RuntimeError: out of steps; each by itself" in capsys.readouterr().err
    alone = train(composed(*SURFACE, *jobs[0], "run_dir=alone"))
    kept = RunRecord(project / "runs" / "0")
    assert timeless(kept, STEPS) == timeless(RunRecord(alone.folder), STEPS)
    (failed,) = [folder for folder in (project / "runs").iterdir() if RunRecord(folder).failed()]
    assert RunRecord(failed).header.params["optimizer._target_"] == "test_fused.Faulty"


def test_ctrl_c_ends_all_and_says_once_how_to_go_on(
    composed: Composed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    begun = [waiting(composed, *SURFACE, *job, f"run_dir=runs/{n}") for n, job in enumerate(JOBS[:2])]
    monkeypatch.setattr("descent.fused.Together", stopped)
    with pytest.raises(KeyboardInterrupt):
        go_together(begun)
    del begun
    assert capsys.readouterr().err.splitlines() == ["the same command goes on from the last checkpoint"]
