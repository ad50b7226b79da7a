import resource
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import torch
from conftest import Composed
from descents import Stopper, run_in, timeless, train_together
from parabola import Parabola
from torch import Tensor, nn

from descent.core.config import TrainConfig
from descent.core.data.examples import Data, Examples, unchanged
from descent.core.problems.problem import Problem
from descent.core.training.batching import LARGEST, batches
from descent.core.training.training_run import TrainingRun
from descent.records.run import EVALUATIONS, STEPS, TRAJECTORY, RunRecord, run_folders
from descent.runs.identity import RunResult
from descent.runs.tracked_run import TrackedRun
from descent.runs.train import train, train_batch

SURFACE = ("problem=himmelblau", "problem.start=[0.5,-1]", "trainer.max_steps=150", "divergence_threshold=100")
JOBS = [
    ("optimizer=sgd", "optimizer.lr=0.01"),
    ("optimizer=sgd", "optimizer.lr=1"),  # diverges
    ("optimizer=adam", "optimizer.lr=0.1"),
    ("optimizer=momentum", "schedule=cosine", "problem.start=[2,2]"),
    ("optimizer=rmsprop", "schedule=one_cycle", "seed=5"),
]
NETWORK = ("experiment=mnist_two_layer", "evaluation.first=null", "evaluation.every=200", "trainer.max_steps=400")


def training(run: TrackedRun) -> TrainingRun:
    """The run in training."""
    assert run.training is not None
    return run.training


def refuse(line: str) -> None:
    """Is called where runs are trained alone."""
    raise AssertionError(line)


def checkpoint(folder: Path) -> dict[str, Any]:
    return torch.load(folder / "record" / "checkpoint.ckpt", weights_only=True)  # type: ignore[no-any-return]


def losses(record: RunRecord) -> list[float | None]:
    return [row[1] for row in timeless(record, STEPS)]


def test_jobs_on_a_surface_take_to_the_last_bit_the_steps_that_each_takes_alone(
    composed: Composed, tmp_path: Path
) -> None:
    runs = [run_in(tmp_path / f"together{n}", composed(*SURFACE, *job)) for n, job in enumerate(JOBS)]
    train_batch(runs)
    for number, (job, run) in enumerate(zip(JOBS, runs, strict=True)):
        single = run_in(tmp_path / f"alone{number}", composed(*SURFACE, *job))
        train_batch([single])
        ours, its = training(run).state, training(single).state
        assert (ours.steps_taken, ours.diverged) == (its.steps_taken, its.diverged)
        for table in (STEPS, EVALUATIONS):
            assert timeless(run.record, table) == timeless(single.record, table)
        kept, expected = (checkpoint(record.folder) for record in (run.record, single.record))
        assert kept.keys() == expected.keys()
        assert torch.equal(kept["state_dict"]["point"], expected["state_dict"]["point"])
        assert str(kept["optimizer"]) == str(expected["optimizer"])
        assert str(kept["schedule"]) == str(expected["schedule"])
    assert [training(run).state.diverged for run in runs] == [False, True, False, False, False]


def test_each_job_leaves_what_it_leaves_alone(composed: Composed, project: Path) -> None:
    jobs = JOBS[:3]
    results = train_together(*(composed(*SURFACE, *job, f"run_dir=together/{n}") for n, job in enumerate(jobs)))
    for number, (job, ours) in enumerate(zip(jobs, results, strict=True)):
        its = train(composed(*SURFACE, *job, f"run_dir=alone/{number}"))
        assert ours.result == its.result
        assert ours.metrics.pop("runs_in_batch") == len(jobs)
        assert {**ours.metrics, "seconds_per_step": 0} == {**its.metrics, "seconds_per_step": 0}
        assert RunRecord(ours.folder).header.key == RunRecord(its.folder).header.key
        names = [{path.name for path in RunRecord(result.folder).files.iterdir()} for result in (ours, its)]
        assert names[0] == names[1]
        landscapes = [RunRecord(result.folder).landscape() for result in (ours, its)]
        assert str(landscapes[0]) == str(landscapes[1])


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
    runs = [run_in(tmp_path / f"together{n}", composed(*NETWORK, *job)) for n, job in enumerate(jobs)]
    train_batch(runs)
    for number, (job, run) in enumerate(zip(jobs, runs, strict=True)):
        single = run_in(tmp_path / f"alone{number}", composed(*NETWORK, *job))
        train_batch([single])
        assert losses(run.record) == pytest.approx(losses(single.record), rel=1e-5)
        ours, its = (timeless(record, EVALUATIONS) for record in (run.record, single.record))
        assert [row[0] for row in ours] == [row[0] for row in its]
        assert [row[1] for row in ours] == pytest.approx([row[1] for row in its], rel=1e-5)


def test_a_network_that_diverges_leaves_the_others_as_they_are_alone(composed: Composed, tmp_path: Path) -> None:
    common = (*NETWORK, "trainer.max_steps=60", "evaluation.every=20")
    jobs = ["optimizer.lr=0.1", "optimizer.lr=1e38"]
    runs = [run_in(tmp_path / f"together{n}", composed(*common, job)) for n, job in enumerate(jobs)]
    train_batch(runs)
    assert [training(run).state.diverged for run in runs] == [False, True]
    for number, (job, run) in enumerate(zip(jobs, runs, strict=True)):
        single = run_in(tmp_path / f"alone{number}", composed(*common, job))
        train_batch([single])
        for table in (STEPS, EVALUATIONS):
            assert [row[0] for row in timeless(run.record, table)] == [row[0] for row in timeless(single.record, table)]
        visited = [(record.files / TRAJECTORY).stat().st_size for record in (run.record, single.record)]
        assert visited[0] == visited[1]
        if not number:
            assert losses(run.record) == pytest.approx(losses(single.record), rel=1e-5)


FEW = (*NETWORK, "network.sizes=[784,8,10]", "trainer.max_steps=100")
RATES = ("0.01", "0.003", "0.001", "1e38")  # the last diverges
KINDS = [
    *((kind, f"optimizer.lr={rate}") for kind in ("optimizer=sgd", "optimizer=adam") for rate in RATES),
    ("optimizer=momentum", "schedule=cosine", "seed=1"),
]


@pytest.mark.parametrize(("stopped", "chunk_size"), [(1, 1), (9 + 7 * 30, 7)])
def test_a_batch_that_was_interrupted_ends_with_the_bits_that_it_would_have_ended_with(
    composed: Composed, stopped: int, chunk_size: int
) -> None:
    """Runs that share an optimizer, that have their own, and that diverge, before the interruption or after it."""

    def configs(folder: str, *overrides: str) -> list[TrainConfig]:
        return [composed(*FEW, *job, *overrides, f"run_dir={folder}/{n}") for n, job in enumerate(KINDS)]

    whole = train_together(*configs("whole"))
    assert 0 < sum(result.result == "diverged" for result in whole) < len(whole)
    short = ("trainer.checkpoint_seconds=0", f"trainer.chunk_size={chunk_size}")
    with pytest.raises(KeyboardInterrupt):
        train_together(*configs("again", *short), listener=Stopper(stopped))
    for ours, expected in zip(train_together(*configs("again")), whole, strict=True):
        assert ours.was_begun
        assert_same(ours, expected)
        kept, wanted = (checkpoint(result.folder) for result in (ours, expected))
        torch.testing.assert_close(kept["optimizer"], wanted["optimizer"], rtol=0, atol=0, equal_nan=True)
        assert kept["schedule"] == wanted["schedule"]


@pytest.mark.parametrize("common", [SURFACE, (*FEW, "trainer.max_steps=60")], ids=["surface", "network"])
def test_a_run_that_is_resumed_without_its_batch_ends_within_rounding_and_that_is_said(
    composed: Composed, capsys: pytest.CaptureFixture[str], common: tuple[str, ...]
) -> None:
    jobs = [("optimizer=sgd", "optimizer.lr=0.01"), ("optimizer=momentum", "schedule=cosine")]
    configs = [
        composed(*common, *job, "trainer.checkpoint_seconds=0", f"run_dir=runs/{n}") for n, job in enumerate(jobs)
    ]
    with pytest.raises(KeyboardInterrupt):
        train_together(*configs, listener=Stopper(4))
    begun = {record.header.key: record.read(STEPS).rows for record in map(RunRecord, run_folders([Path("runs")]))}
    assert all(0 < len(rows) < 60 for rows in begun.values())
    for n, (config, job) in enumerate(zip(configs, jobs, strict=True)):
        resumed = train(config)
        assert "1 run is resumed without 1 of its batch" in capsys.readouterr().err
        record = RunRecord(resumed.folder)
        taken = begun[record.header.key]
        assert record.read(STEPS).rows[: len(taken)] == taken  # with their times: they were not taken again
        alone = train(composed(*common, *job, f"run_dir=alone/{n}"))
        precision = 0 if common is SURFACE else 60 * torch.finfo(torch.float32).eps
        for table in (STEPS, EVALUATIONS):
            rows = [timeless(each, table) for each in (record, RunRecord(alone.folder))]
            assert rows[0] == [pytest.approx(row, rel=precision, abs=0) for row in rows[1]]


class Placed(Problem):
    """How far the sum of its parameter is from the mean of the examples, squared; its start says which parameter."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        super().__init__()
        self.name = start["name"]
        values = torch.tensor(list(start["values"]), dtype=getattr(torch, start["dtype"]))
        self.register_parameter(self.name, nn.Parameter(values))

    def forward(self, *minibatch: Tensor) -> Tensor:
        return (self.get_parameter(self.name).sum() - minibatch[0].mean()).square()


class Weighted(Parabola):
    """x² times a weight that is no parameter, and that its seed draws."""

    def __init__(self, start: float) -> None:
        super().__init__(start)
        self.register_buffer("weight", torch.rand(1, dtype=torch.float64))

    def forward(self, *minibatch: Tensor) -> Tensor:
        return super().forward(*minibatch) * self.get_buffer("weight").sum()


def tenths(count: int, width: int, dtype: str) -> Data:
    """Rows of 0.1, 0.2 and so on."""
    numbers = torch.arange(1, count * width + 1, dtype=torch.float64).div(10).to(getattr(torch, dtype))
    return Data(train=Examples((numbers.view(count, width),), (unchanged,)))


FINISHES = (*SURFACE, *JOBS[0], "evaluation.every=1000")
PLACED = ("problem=placed", "data=tenths", "trainer.max_steps=20", "evaluation.every=10", "optimizer.lr=0.01")
WEIGHTED = ("problem=weighted", "trainer.max_steps=20", "optimizer.lr=0.1")
CONFIGURATION = {
    "problem/placed": """
        # @package _global_
        problem_name: placed
        problem: {_target_: runs.test_fused.Placed, start: {name: x, values: [1.0, 2.0], dtype: float64}}
        landscape: {_target_: descents.no_landscape, _partial_: true}
        """,
    "problem/weighted": """
        # @package _global_
        problem_name: weighted
        problem: {_target_: runs.test_fused.Weighted, start: 1.0}
        landscape: {_target_: descents.no_landscape, _partial_: true}
        """,
    "data/tenths": """
        source: {_target_: runs.test_fused.tenths, count: 12, width: 1, dtype: float64}
        batch_size: 4
        """,
}


@pytest.fixture
def own_problems(project: Path) -> None:
    """A user's own problems and data, in the project's configuration."""
    for name, text in CONFIGURATION.items():
        (project / "conf" / f"{name}.yaml").write_text(dedent(text).lstrip())


@pytest.mark.usefixtures("own_problems")
@pytest.mark.parametrize(
    ("common", "other"),
    [
        (FINISHES, "divergence_threshold=2"),
        (FINISHES, "trainer.max_steps=180"),
        (FINISHES, "evaluation.every=7"),
        (FINISHES, "problem=booth"),
        (FINISHES, "gradient=central_difference"),
        ((*NETWORK, "network.sizes=[784,4,10]", "trainer.max_steps=20"), "network.activation._target_=torch.nn.Tanh"),
        (WEIGHTED, "seed=1"),
        (PLACED, "problem.start.name=y"),
        (PLACED, "problem.start.values=[3.0]"),
        (PLACED, "problem.start.dtype=float32"),
        (PLACED, "data.source.count=10"),
        (PLACED, "data.source.width=2"),
        (PLACED, "data.source.dtype=float32"),
        (PLACED, "data.batch_size=6"),
    ],
)
def test_what_differs_in_more_than_it_may_is_trained_alone(
    composed: Composed, capsys: pytest.CaptureFixture[str], common: tuple[str, ...], other: str
) -> None:
    jobs = [common, (*common, other)]
    ours = train_together(*(composed(*job, f"run_dir=together/{n}") for n, job in enumerate(jobs)))
    for number, (job, result) in enumerate(zip(jobs, ours, strict=True)):
        assert_same(result, train(composed(*job, f"run_dir=alone/{number}")))
    assert " a batch, " not in capsys.readouterr().err  # where it would be said that one was tried


def assert_same(ours: RunResult, its: RunResult) -> None:
    """One run ended as another did, after the same steps to the last bit."""
    assert ours.result == its.result
    for table in (STEPS, EVALUATIONS):
        rows = [timeless(RunRecord(result.folder), table) for result in (ours, its)]
        assert str(rows[0]) == str(rows[1])  # which are equal where both are NaN
    kept, expected = (checkpoint(result.folder) for result in (ours, its))
    assert kept["state"]["steps_taken"] == expected["state"]["steps_taken"]
    assert kept["state_dict"].keys() == expected["state_dict"].keys()
    torch.testing.assert_close(kept["state_dict"], expected["state_dict"], rtol=0, atol=0, equal_nan=True)


def test_what_is_computed_elsewhere_is_trained_alone(composed: Composed, tmp_path: Path) -> None:
    runs = [training(run_in(tmp_path / str(number), composed(*SURFACE))) for number in range(3)]
    runs[1].components = replace(runs[1].components, accelerator="mps")
    assert list(batches(runs, refuse)) == [[runs[0], runs[2]], [runs[1]]]


@pytest.mark.parametrize("interrupted", [0, 1])
def test_a_run_that_was_interrupted_and_one_that_was_not_end_as_each_does_alone(
    composed: Composed, interrupted: int
) -> None:
    jobs = [(*SURFACE, "trainer.checkpoint_seconds=0", *JOBS[place]) for place in (0, 2)]
    configs = [composed(*job, f"run_dir=together/{n}") for n, job in enumerate(jobs)]
    with pytest.raises(KeyboardInterrupt):
        train(configs[interrupted], listener=Stopper(3))
    ours = train_together(*configs)
    assert [result.was_begun for result in ours] == [number == interrupted for number in range(2)]
    for number, (job, result) in enumerate(zip(jobs, ours, strict=True)):
        assert_same(result, train(composed(*job, f"run_dir=alone/{number}")))


@pytest.mark.parametrize("job", JOBS[:2], ids=["at its end", "diverged"])
def test_runs_that_were_killed_after_their_last_step_take_no_other(
    composed: Composed, monkeypatch: pytest.MonkeyPatch, job: tuple[str, ...]
) -> None:
    def killed(run: object, **settings: object) -> None:
        raise KeyboardInterrupt

    configs = [composed(*SURFACE, *job, f"run_dir=runs/{seed}", f"seed={seed}") for seed in range(3)]
    expected, *others = configs
    with monkeypatch.context() as patch:
        patch.setattr("descent.core.training.landscape.field", killed)
        for config in others:
            with pytest.raises(KeyboardInterrupt):
                train(config)
    for result in train_together(*others):
        assert result.was_begun
        assert_same(result, train(expected))


def test_no_more_runs_are_trained_together_than_a_cache_holds(
    composed: Composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = training(run_in(tmp_path, composed(*NETWORK))).components
    runs = [TrainingRun(replace(first, problem=deepcopy(first.problem))) for _ in range(7)]
    monkeypatch.setattr("descent.core.training.batching.LARGEST", 3 * first.problem.size() + 1)
    assert [len(batch) for batch in batches(runs, refuse)] == [3, 2, 2]
    assert [len(batch) for batch in batches(runs[:4], refuse)] == [2, 2]  # none is left with a few
    assert list(batches(runs[:3], refuse)) == [runs[:3]]
    assert 3 * first.problem.size() < LARGEST


def test_more_runs_are_trained_as_a_batch_than_a_process_may_open_files(composed: Composed, tmp_path: Path) -> None:
    config = composed(*SURFACE, "trainer.max_steps=3")
    runs = [run_in(tmp_path / str(number), config) for number in range(40)]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 30, limits[1]))
    try:
        train_batch(runs)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert [len(run.record.read(STEPS).rows) for run in runs] == [3] * 40


class Faulty(torch.optim.SGD):
    """Can't take its tenth step."""

    taken = 0

    def step(self, closure: Any = None) -> Any:
        self.taken += 1
        if self.taken == 10:
            raise RuntimeError("out of steps")
        return super().step(closure)


def test_a_run_that_fails_harms_no_other_that_it_was_trained_with(
    composed: Composed, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sgd = ("optimizer=sgd", "optimizer.lr=0.01")
    jobs = [sgd, (*sgd, "optimizer._target_=runs.test_fused.Faulty")]
    with pytest.raises(RuntimeError, match="out of steps"):
        train_together(*(composed(*SURFACE, *job, f"run_dir=runs/{n}") for n, job in enumerate(jobs)))
    assert "2 runs are trained alone: as a batch, RuntimeError: out of steps" in capsys.readouterr().err
    alone = train(composed(*SURFACE, *jobs[0], "run_dir=alone"))
    kept = RunRecord(project / "runs" / "0")
    assert timeless(kept, STEPS) == timeless(RunRecord(alone.folder), STEPS)
    (failed,) = [folder for folder in (project / "runs").iterdir() if RunRecord(folder).failed()]
    assert RunRecord(failed).header.params["optimizer._target_"] == "runs.test_fused.Faulty"


def test_a_run_that_is_two_jobs_of_a_sweep_is_trained_once(composed: Composed) -> None:
    first, second, other = (composed(*SURFACE, f"optimizer.lr={rate}") for rate in ("0.01", "0.01", "0.02"))
    results = train_together(first, second, other)
    assert [result.was_finished for result in results] == [False, True, False]
    assert results[0].folder == results[1].folder != results[2].folder
