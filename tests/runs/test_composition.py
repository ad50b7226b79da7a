from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Composed
from end_to_end.commands import here, run

from descent.core.config import TrainConfig
from descent.errors import UserError
from descent.records.run import RunRecord
from descent.runs.composition import CommandLine
from descent.runs.sweep_identity import swept_params

BOWL = ("experiment=bowl_001", "trainer.max_steps=3", "tracking=none")
Refused = Callable[..., str]


def line(*words: str) -> CommandLine[TrainConfig]:
    return CommandLine("train", TrainConfig, words)


@pytest.fixture
def refused(project: Path) -> Refused:
    """Runs a command that is refused before anything is trained, and gives the line that it says."""

    def call(*words: str) -> str:
        done = here("descent", *words, cwd=project)
        assert (done.returncode, done.stdout) == (1, "")
        (said,) = done.stderr.splitlines()
        assert not (project / "runs").exists()
        assert not (project / "sweeps").exists()
        assert said.startswith(f"descent {words[0]}: ")
        return said.removeprefix(f"descent {words[0]}: ")

    return call


OPTIMISER = "optimiser=adam: there is no key or group 'optimiser'; did you mean 'optimizer'?"
LR = "lr=0.1: there is no key or group 'lr'; did you mean 'optimizer.lr'?"
ADM = "optimizer=adm: there is no such choice; did you mean 'adam'? choose one of adadelta, adafactor, adagrad, adam, "


@pytest.mark.parametrize("flag", [(), ("-m",)], ids=["single", "sweep"])
@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("optimiser=adam", OPTIMISER),
        ("+optimiser=adam", OPTIMISER),
        ("optimizer=adm", ADM),
        ("lr=0.1", LR),
        ("+lr=0.1", LR),
        ("++lr=0.1", LR),
        ("experiment=bowl_01", "experiment=bowl_01: there is no such choice; did you mean 'bowl_001'? choose one of "),
        ("experiment=nope", "experiment=nope: there is no such choice; choose one of ackley, "),
        ("experment=bowl_004", "experment=bowl_004: there is no key or group 'experment'; did you mean 'experiment'?"),
        ("max_step=4", "max_step=4: there is no key or group 'max_step'; did you mean 'trainer.max_steps'?"),
        ("trainer.max_step=4", "trainer.max_step=4: there is no key 'trainer.max_step'; did you mean 'trainer.max_st"),
        ("+trainer.gradient_clip_val=1", "trainer.gradient_clip_val=1: there is no key 'trainer.gradient_clip_val'; "),
        ("+trainer.precision=16", "trainer.precision=16: there is no key 'trainer.precision'; choose one of trainer."),
        ("network.sizes=[1]", "network.sizes=[1]: there is no 'network' in this configuration"),
        ("hydra/launchr=fused", "hydra/launchr=fused: there is no key or group 'hydra/launchr'; did you mean 'hydra/"),
        ("hydra.launchr=1", "hydra.launchr=1: there is no key or group 'hydra.launchr'; did you mean 'hydra.launcher'"),
        ("seed=[", "seed=[: no viable alternative at input '['"),
        ("trainer=5", "Config group override must be a string or a list. Got int"),
    ],
)  # fmt: skip
def test_what_is_misspelt_is_refused_with_the_nearest(
    refused: Refused, word: str, message: str, flag: tuple[str, ...]
) -> None:
    assert refused("train", *flag, *BOWL, word).startswith(message)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("optimizer.learning_rate=0.1", "torch.optim.SGD takes no 'learning_rate'; choose one of lr, momentum, "),
        ("optimizer.momentun=0.9", "torch.optim.SGD takes no 'momentun'; did you mean 'momentum'?"),
        ("+optimizer.momentun=0.9", "torch.optim.SGD takes no 'momentun'; did you mean 'momentum'?"),
        ("optimizer.momentum=0.9", "the configuration does not set 'optimizer.momentum'; +optimizer.momentum=0.9 does"),
    ],
)
def test_an_argument_that_a_component_does_not_take_is_refused_with_those_it_takes(
    refused: Refused, word: str, message: str
) -> None:
    assert refused("train", *BOWL, "optimizer=sgd", word).startswith(f"{word.lstrip('+')}: {message}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["optimiser=adam,sgd"], OPTIMISER),
        (["+lr=0.1,0.2"], LR),
        (["sweep=own"], LR),
        (["optimiser=choice(adam,sgd)"], OPTIMISER),
        (["hydra/sweeper=search", "+lr=interval(0.1,1)"], LR),
    ],
)  # fmt: skip
def test_what_is_swept_and_misspelt_is_refused_before_any_job(
    refused: Refused, project: Path, words: list[str], message: str
) -> None:
    (project / "conf" / "sweep" / "own.yaml").write_text(
        "# @package _global_\nhydra: {mode: MULTIRUN, sweeper: {params: {+lr: '0.1,0.2'}}}\n"
    )
    assert refused("train", "-m", *BOWL, *words) == message


@pytest.mark.parametrize("flag", [(), ("-m", "seed=0,1")], ids=["single", "sweep"])
def test_without_a_problem_the_experiments_are_listed(
    refused: Refused, outside: tuple[Path, Path], flag: tuple[str, ...]
) -> None:
    said = refused("train", *flag, "tracking=none", "--config-dir", str(outside[0]))
    assert said.startswith("say what to train: experiment=NAME, one of ackley, beale, ")
    assert said.endswith(", walk")


@pytest.mark.parametrize("command", ["seeds", "check-gradient"])
def test_other_commands_refuse_alike(refused: Refused, command: str) -> None:
    assert refused(command, *BOWL, "+lr=0.1") == LR
    assert refused(command, *BOWL, "optimizer=adm").startswith(ADM)


EXPERIMENT = """
# @package _global_
defaults: [override /problem: valley]
name: walk
trainer: {max_steps: 3}
"""
PROBLEM = """
# @package _global_
problem_name: valley
problem:
  _target_: descent.core.problems.surface.Surface
  height: {_target_: hydra.utils.get_method, path: descent.core.problems.surfaces.booth}
  start: [1.0, 1.0]
  minima: [[1, 3]]
divergence_threshold: 100.0
landscape: {_target_: descent.core.training.landscape.field, _partial_: true, x: [-5, 5], y: [-5, 5]}
"""


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders outside the project: one with an experiment, and one with its problem."""
    folders = tmp_path_factory.mktemp("outside"), tmp_path_factory.mktemp("further")
    for folder, name, text in zip(folders, ("experiment/walk", "problem/valley"), (EXPERIMENT, PROBLEM), strict=True):
        (folder / name).parent.mkdir()
        (folder / f"{name}.yaml").write_text(text.lstrip())
    return folders


@pytest.mark.parametrize("launcher", [None, "basic", "fused", pytest.param("joblib", marks=pytest.mark.services)])
def test_configurations_in_folders_outside_are_trained(
    project: Path, outside: tuple[Path, Path], launcher: str | None
) -> None:
    where = ("--config-dir", str(outside[0]), f"hydra.searchpath=[file://{outside[1]}]")
    sweep = () if launcher is None else ("-m", f"hydra/launcher={launcher}", "optimizer.lr=0.01,0.02")
    call = run if launcher == "joblib" else here  # whose workers would still be in the folder of another test
    done = call("descent", "train", *where, *sweep, "experiment=walk", "tracking=none", cwd=project)
    assert done.returncode == 0, done.stderr
    records = [RunRecord(folder) for folder in (project / "runs").iterdir()]
    assert len(records) == (1 if launcher is None else 2)
    assert {record.header.problem for record in records} == {"valley"}


def test_an_unknown_key_in_an_experiment_is_refused_by_its_name(refused: Refused, project: Path) -> None:
    experiment = project / "conf" / "experiment" / "wrong.yaml"
    experiment.write_text("# @package _global_\ndefaults: [bowl_001, _self_]\ntrainer: {max_step: 5}\n")
    message = "trainer.max_step=5: there is no key 'trainer.max_step'; did you mean 'trainer.max_steps'?"
    for flag in ((), ("-m",)):
        assert refused("train", *flag, "experiment=wrong", "tracking=none") == message


def test_an_unknown_group_in_an_experiment_is_refused_with_the_nearest(refused: Refused, project: Path) -> None:
    experiment = project / "conf" / "experiment" / "wrong.yaml"
    experiment.write_text("# @package _global_\ndefaults: [override /optimiser: adam]\n")
    message = "In 'experiment/wrong': Could not override 'optimiser'. No match in the defaults list; did you mean 'opti"
    assert refused("train", "experiment=wrong", "tracking=none").startswith(message)


def test_a_job_that_is_refused_fails_and_stops_no_other(project: Path) -> None:
    (project / "conf" / "experiment" / "wrong.yaml").write_text(
        "# @package _global_\ndefaults: [bowl_001, _self_]\nname: wrong\nnmae: x\n"
    )
    words = ("experiment=bowl_001,wrong", "trainer.max_steps=3", "tracking=none")
    done = here("descent", "train", "-m", *words, cwd=project)
    assert done.returncode == 1
    failed, last = done.stderr.splitlines()
    assert failed == "failed: wrong: nmae=x: there is no key or group 'nmae'; did you mean 'name'?"
    assert last == "descent train: 1 of 2 jobs failed; the reasons are above"
    assert "2 jobs: 1 trained, 0 resumed, 0 finished before, 1 failed" in done.stdout


@pytest.mark.parametrize(
    "words",
    [("-m", *BOWL, "seed=0,1"), (*BOWL, "-m", "seed=0,1"), (*BOWL, "seed=0,1", "-m")],
    ids=["before", "between", "after"],
)
@pytest.mark.usefixtures("project")
def test_the_flag_of_a_sweep_may_be_anywhere(words: tuple[str, ...]) -> None:
    common = line(*words).common
    assert common is not None
    assert swept_params(common) == {"seed": "0,1"}


def test_a_folder_that_is_not_there_is_refused(refused: Refused) -> None:
    assert refused("train", "--config-dir", "nowhere", *BOWL) == "--config-dir nowhere: there is no such folder"


def test_to_run_and_to_show_at_once_is_refused_in_one_line(project: Path) -> None:
    with pytest.raises(UserError, match="--cfg shows something and -m runs something; leave one of them out"):
        line("-m", "seed=0,1", "--cfg", "job").show()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["sweep=learning_rate", "problem=bowl", "--cfg", "hydra"], "optimizer.lr: 1e-4,1e-3"),
        (["experiment=bowl_001", "--cfg", "job"], "name: bowl_001"),
        (["--cfg", "job"], "problem_name: ???"),
        (["experiment=bowl_001", "--info", "searchpath"], "/conf"),
        (["-sc", "install=bash"], "hydra_bash_completion"),
    ],
)
def test_to_show_something_runs_nothing(project: Path, words: list[str], part: str) -> None:
    done = here("descent", "train", *words, cwd=project)
    assert (done.returncode, done.stderr) == (0, "")
    assert part in done.stdout
    assert not (project / "runs").exists()


def test_what_is_shown_of_a_misspelt_configuration_is_what_is_wrong(refused: Refused) -> None:
    assert refused("train", "optimiser=adam", "--cfg", "job") == OPTIMISER


@pytest.mark.parametrize(("mode", "is_one"), [("RUN", False), ("MULTIRUN", True)])
def test_hydras_mode_says_whether_it_is_a_multirun(project: Path, mode: str, is_one: bool) -> None:
    assert (line(f"hydra.mode={mode}", "problem=bowl").common is not None) == is_one


def test_a_sweep_on_a_single_run_is_refused_in_a_line(refused: Refused) -> None:
    assert refused("train", *BOWL, "optimizer.lr=0.1,0.2").startswith("Ambiguous value for argument 'optimizer.lr=0.1")


def test_a_file_that_is_no_yaml_is_refused_in_a_line_that_names_it(refused: Refused, project: Path) -> None:
    (project / "conf" / "optimizer" / "sgd.yaml").write_text("lr: 0.1\n  momentum: 0.9\n")
    message = refused("train", *BOWL, "optimizer=sgd")
    assert "mapping values are not allowed here" in message
    assert "optimizer/sgd.yaml" in message
    assert "line 2" in message


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("problem=mnist",), "problem.network: it takes a network; choose one with network=NAME"),
        (("problem=bowl", "data=csv"), "data.source.path is missing: choose a value, data.source.path=VALUE"),
    ],
)
def test_a_choice_that_is_missing_is_named(composed: Composed, overrides: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError) as refused:
        composed(*overrides)
    assert str(refused.value) == said
