import csv
import math
from pathlib import Path

import pytest
from conftest import composed_in
from suites import write_suite
from tracking.runs import new_store

from descent.comparisons.benchmark_views import draw_benchmark, read_benchmark
from descent.errors import UserError
from descent.records.criterion import TRAIN_LOSS
from descent.records.listener import NullListener
from descent.records.outcomes import Outcome
from descent.records.run import SWEEP_OF, RunRecord, run_folders
from descent.records.sweep import SweepRecord, sweep_folders
from descent.runs import benchmark as module
from descent.runs.benchmark import run_benchmark
from descent.runs.composition import CommandLine
from descent.runs.outcomes import train_outcomes
from descent.runs.suite import BenchmarkConfig
from descent.runs.train import train
from descent.tracking.store import connect
from descent.tracking.sweep_sync import sync_record

TINY = """
name: tiny
description: Two surfaces.
overrides: [sweep=random_starts, trainer.max_steps=60]
problems:
  bowl: {overrides: [problem=bowl], target: {value: 1e-3}}
  cubic: {overrides: [problem=cubic, "start.x=[-1.5,1.5]"], target: {value: 0.7501}}
optimizers:
  sgd: {rates: [0.01, 1]}
  adam: {}
rates: 3
seeds: 2
"""


@pytest.fixture
def tiny(project: Path) -> Path:
    return write_suite(project, TINY)


def configured(*words: str) -> BenchmarkConfig:
    configs: list[BenchmarkConfig] = []
    CommandLine("benchmark", BenchmarkConfig, ["suite=tiny", "tracking=none", *words]).run(configs.append)
    return configs[0]


def outcomes(benchmark: SweepRecord, problem: str) -> list[Outcome]:
    rows = SweepRecord(benchmark.folder / problem).outcomes()
    assert rows is not None
    return rows


def test_every_run_of_a_suite_ends_as_it_does_alone(tiny: Path) -> None:
    benchmark = run_benchmark(configured(), NullListener())
    for problem, start in (("bowl", "x=[-5,5]"), ("cubic", "x=[-1.5,1.5]")):
        rows = outcomes(benchmark, problem)
        tried = {(row.params["optimizer"], row.params["optimizer.lr"]) for row in rows}
        assert tried == {
            *(("sgd", rate) for rate in ("0.01", "0.1", "1")),
            *(("adam", rate) for rate in ("1e-05", "0.001", "0.1")),  # its own range
        }
        assert len(rows) == 2 * 3 * 2
        target = next(line for line in TINY.splitlines() if line.strip().startswith(problem)).split("value: ")[1]
        for number, row in enumerate(rows):
            values = [f"{name}={value}" for name, value in row.params.items()]
            words = ["sweep=random_starts", f"problem={problem}", f"start.{start}", "trainer.max_steps=60"]
            alone = train(
                composed_in(
                    tiny, *words, *values, f"target.value={target.rstrip('}')}", f"run_dir=alone/{problem}/{number}"
                )
            )
            assert row.result == alone.result
            assert row.steps == RunRecord(alone.folder).read("steps.csv").rows[-1][0]
            assert row.metrics["loss/train"] == pytest.approx(alone.metrics["loss/train"], rel=1e-6, nan_ok=True)
            assert row.metrics["steps_to_target"] == alone.metrics["steps_to_target"]
            assert row.metrics["x"] == pytest.approx(alone.metrics["x"], rel=1e-6, nan_ok=True)


def test_the_best_run_of_each_optimizer_has_a_record_below_that_of_its_sweep(tiny: Path) -> None:
    benchmark = run_benchmark(configured(), NullListener())
    result = read_benchmark(benchmark)
    assert [problem.name for problem in result.problems] == ["bowl", "cubic"]
    for problem in result.problems:
        sweep = SweepRecord(benchmark.folder / problem.name)
        assert sweep.header.tags[SWEEP_OF] == benchmark.header.id
        assert [Path(str(job.folder)).name for job in sweep.jobs()] == ["adam", "sgd"]
        for run in sweep.runs():
            optimizer = run.header.params["optimizer"]
            assert float(run.header.params["optimizer.lr"]) == problem.best[optimizer]
            assert run.metrics()["steps_to_target"] in problem.steps[optimizer]
            assert run.header.tags[SWEEP_OF] == sweep.header.id
    assert benchmark.state().conclusions == result.conclusions
    assert draw_benchmark(benchmark) is False  # it is drawn
    assert {path.name for path in benchmark.views.iterdir()} == {
        "drawn.txt", "heat_map.png", "profile.png", "ranks.csv",
    }  # fmt: skip
    with (benchmark.views / "ranks.csv").open(newline="") as file:
        assert {row["optimizer"] for row in csv.DictReader(file)} == {"sgd", "adam"}


def test_a_run_that_diverges_beyond_its_target_does_not_reach_it(tiny: Path) -> None:
    benchmark = run_benchmark(configured("suite.seeds=8"), NullListener())
    cubic = read_benchmark(benchmark).problems[1]
    gone = [
        row for row in outcomes(benchmark, "cubic") if row.result == "diverged" and row.params["optimizer"] == "sgd"
    ]
    assert any(math.isfinite(row.metrics["steps_to_target"]) for row in gone)
    for row in gone:
        steps = cubic.steps_at[row.params["optimizer"]][float(row.params["optimizer.lr"])]
        assert steps[int(row.params["seed"])] == math.inf


def test_a_benchmark_goes_on_where_it_was_interrupted(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train_outcomes
    trained: list[str] = []

    def interrupted(configs, rates, seeds):  # type: ignore[no-untyped-def]
        if trained:
            raise KeyboardInterrupt
        trained.append(next(iter(configs.values())).problem_name)
        return whole(configs, rates, seeds)

    monkeypatch.setattr(module, "train_outcomes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(configured(), NullListener())
    (folder,) = (tiny / "suites").iterdir()
    assert SweepRecord(folder).state().status == "KILLED"
    first = folder / "bowl" / "record" / "outcomes.csv"
    before = first.stat().st_mtime_ns
    monkeypatch.setattr(module, "train_outcomes", whole)
    benchmark = run_benchmark(configured(), NullListener())
    assert (benchmark.folder, first.stat().st_mtime_ns) == (folder, before)
    assert benchmark.state().status == "FINISHED"


def test_its_sweeps_are_below_it_in_mlflow_and_the_best_runs_below_them(
    tiny: Path, empty_store: Path, tmp_path: Path
) -> None:
    uri = new_store(empty_store, tmp_path / "store")
    benchmark = run_benchmark(configured(), NullListener())
    parent = sync_record(benchmark.folder, uri, 10).run_id
    sweeps = {name: sync_record(benchmark.folder / name, uri, 10).run_id for name in ("bowl", "cubic")}
    runs = {
        (name, optimizer): sync_record(benchmark.folder / name / optimizer, uri, 10).run_id
        for name in sweeps
        for optimizer in ("sgd", "adam")
    }
    client = connect(uri)

    def above(run_id: str) -> str:
        return client.get_run(run_id).data.tags["mlflow.parentRunId"]

    assert {above(run_id) for run_id in sweeps.values()} == {parent}
    assert all(above(run_id) == sweeps[name] for (name, _), run_id in runs.items())
    assert client.get_experiment(client.get_run(parent).info.experiment_id).name == "suites"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["+suite.baseline={optimizer: sgb, lr: 0.1}"], "suite.baseline.optimizer=sgb: did you mean 'sgd'"),
        (
            ["+suite.baseline={optimizer: sgd, lr: 0.2}"],
            "suite.baseline.lr=0.2: choose one that is tried: 0.01, 0.1, 1",
        ),
        (["suite.problems.bowl.target.value=null"], "suite.problems.bowl.target.value is missing: choose what a run"),
        (["suite.rates=0"], "suite.rates=0: choose a whole number from 1"),
        (
            ["suite.overrides=['stop_at_target=true','trainer.max_steps=5']"],
            "bowl: stop_at_target: descent benchmark trains every run to its end; leave it out",
        ),
        (["suite.problems.bowl.overrides=['problem=bowel']"], "bowel"),
    ],
)
def test_a_suite_that_cannot_be_is_refused_in_a_line(tiny: Path, words: list[str], message: str) -> None:
    with pytest.raises(UserError) as refusal:
        run_benchmark(configured(*words), NullListener())
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_folder_of_another_benchmark_is_refused_or_replaced_where_that_is_asked_for(tiny: Path) -> None:
    run_benchmark(configured("folder=here"), NullListener())
    with pytest.raises(UserError, match="holds another benchmark; remove it or choose another folder=FOLDER"):
        run_benchmark(configured("folder=here", "suite.seeds=1"), NullListener())
    replacing = ("folder=here", "suite.seeds=1", "replace=true")
    benchmark = run_benchmark(configured(*replacing), NullListener())
    runs = {folder: RunRecord(folder).header.id for folder in run_folders([benchmark.folder])}
    outcomes = [SweepRecord(folder).outcomes() for folder in sweep_folders([benchmark.folder])]
    assert {outcome.params["seed"] for some in outcomes for outcome in some or []} == {"0"}
    run_benchmark(configured(*replacing), NullListener())
    assert {folder: RunRecord(folder).header.id for folder in run_folders([benchmark.folder])} == runs


@pytest.mark.parametrize("suite", ["surfaces", "small", "images"])
def test_the_suites_are_of_known_problems_and_have_targets_that_are_measured(project: Path, suite: str) -> None:
    configs: list[BenchmarkConfig] = []
    CommandLine("benchmark", BenchmarkConfig, [f"suite={suite}"]).run(configs.append)
    chosen = configs[0].suite
    for name, problem in chosen.problems.items():
        assert problem.target.value is not None
        for optimizer in chosen.optimizers:
            words = [*chosen.overrides, *problem.overrides, f"optimizer={optimizer}"]
            config = composed_in(project, *words, f"target.value={problem.target.value}")
            metric = problem.target.metric or config.objective.metric
            assert not metric.endswith("/test"), name
            assert metric == TRAIN_LOSS or config.data.validation != 0, name
