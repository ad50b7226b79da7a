"""The contract of each configuration in conf/optimizer, on a surface and on a network.

It takes the steps of a loop by hand, is the same alone and in a batch, resumes from any step to the same bits, is
evaluated where it says it is, and refuses what it can't do before training. docs/optimizers.md has the table.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT, composed_in, make_project
from omegaconf import OmegaConf
from quick_landscape import QUICK
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from descent.core.build import assemble, shared_settings
from descent.core.config import TrainConfig
from descent.core.optim.stepping import has_modes, requires_closure
from descent.core.random_streams import generator
from descent.core.training.batched_stepper import BatchedStepper
from descent.core.training.checkpoint import Checkpoint
from descent.core.training.stepper import SingleStepper, Stepper
from descent.core.training.training_run import TrainingRun
from descent.errors import UserError
from descent.records.run import CHECKPOINT, EVALUATIONS, STEPS, RunRecord
from descent.runs.dry_run import dry_run
from descent.runs.identity import RunResult
from descent.runs.train import train

NAMES = sorted(path.stem for path in (ROOT / "conf" / "optimizer").glob("*.yaml"))
COUNT = 13
"""The number of steps of a run; SOAP and Sophia update their preconditioners at every tenth."""
PROBLEMS = {
    "surface": ("problem=booth", f"trainer.max_steps={COUNT}", "evaluation.every=5"),
    "network": (
        "experiment=mnist_two_layer", "network=double", "data.batch_size=20",
        f"trainer.max_steps={COUNT}", "evaluation.first=null", "evaluation.every=12",
    ),
}  # fmt: skip
JOBS: dict[str, tuple[str, list[Any]]] = {
    "surface": ("problem.start", [[0.5, -1.0], [-2.0, 1.0]]),
    "network": ("seed", [1, 2]),
}
CHOICES = {
    "schedule": ("schedule", "conf/schedule/cosine.yaml"),
    "central differences": ("gradient", "conf/gradient/central_difference.yaml"),
    "`clip_norm`": ("trainer.clip_norm", 1.0),
    "an average": ("average", "conf/average/ema.yaml"),
}
REFUSED_ON = {"muon": "surface"}
OVERRIDES = {"lbfgs": ("data.batch_size=600",)}
"""What an optimizer needs: with a closure it goes to the minimum of a minibatch, whichever the others' is."""


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Iterator[Path]:
    """A project that all tests here share; the current folder."""
    folder = make_project(tmp_path_factory.mktemp("project"), small_data)
    (folder / "conf" / "network" / "double.yaml").write_text("_target_: networks.double\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@cache
def configs(name: str, kind: str, choice: str | None = None) -> list[TrainConfig]:
    """The configurations of two runs of an optimizer, with one of the choices."""
    needed = OVERRIDES.get(name, ()) if kind == "network" else ()
    config = composed_in(Path.cwd(), *PROBLEMS[kind], f"optimizer={name}", *needed, f"name={name}_{kind}")
    config = config.replaced("landscape", QUICK)
    if choice is not None:
        key, value = CHOICES[choice]
        chosen = OmegaConf.to_container(OmegaConf.load(ROOT / value)) if isinstance(value, str) else value
        config = config.replaced(key, chosen)
    key, values = JOBS[kind]
    return [config.replaced(key, value) for value in values]


@cache
def trained(name: str, kind: str) -> RunResult:
    """The first of the runs, with all that training tries, writes and evaluates."""
    return train(configs(name, kind)[0])


@dataclass(frozen=True)
class Steps:
    """What some steps did with a run.

    Args:
        rows: (steps, columns), losses, gradient norms and the positions of a surface.
        final: the parameters after the last step, as a vector.
        evaluated: the parameters at which it is evaluated then.
    """

    rows: Tensor
    final: Tensor
    evaluated: Tensor


def steps(stepper: Stepper, runs: Sequence[TrainingRun], count: int) -> list[Steps]:
    """Have a stepper take steps from the start of its runs."""
    chunks = [run.components.sampler.chunk(0, count) for run in runs]
    blocks = {block.run: block for block in stepper.advance(chunks[0] if len(runs) == 1 else torch.stack(chunks))}
    finals = [parameters_to_vector(run.problem.parameters()).detach() for run in runs]
    with stepper.evaluating():
        evaluated = [parameters_to_vector(run.problem.parameters()).detach() for run in runs]
    rows = [[blocks[run].losses, blocks[run].grad_norms, *torch.atleast_2d(blocks[run].positions).mT] for run in runs]
    columns = [torch.stack([column.double() for column in of_run], dim=1) for of_run in rows]
    return [Steps(*each) for each in zip(columns, finals, evaluated, strict=True)]


def begun(config: TrainConfig, checkpoint: Checkpoint | None = None) -> TrainingRun:
    """A run in training, as `train_runs` begins it."""
    components = assemble(config)
    sharing = () if components.problem.is_small() else shared_settings(config, components)
    return TrainingRun(components, checkpoint, *sharing)


def alone(config: TrainConfig, count: int = COUNT, shift: float = 0.0) -> Steps:
    """The steps of a run alone, from a start that may be shifted by a part of itself."""
    run = begun(config)
    for parameter in run.problem.parameters():
        parameter.data.mul_(1 + shift)
    (taken,) = steps(SingleStepper(run), [run], count)
    return taken


def together(both: Sequence[TrainConfig], count: int = COUNT) -> list[Steps]:
    """The steps of runs as a batch."""
    runs = [begun(config) for config in both]
    return steps(BatchedStepper(runs), runs, count)


def assert_equal(ours: Steps, theirs: Steps) -> None:
    """To the last bit."""
    for name in ("rows", "final", "evaluated"):
        assert torch.equal(getattr(ours, name), getattr(theirs, name)), name


def weights(result: RunResult) -> dict[str, Tensor]:
    state = torch.load(result.folder / "record" / "checkpoint.ckpt", weights_only=True)["state_dict"]
    return dict(state)


def cases(*without: str) -> list[Any]:
    """Each optimizer on each problem that it can be trained on."""
    return [
        pytest.param(name, kind, id=f"{name}-{kind}")
        for name in NAMES
        for kind in PROBLEMS
        if REFUSED_ON.get(name) != kind and kind not in without
    ]


@pytest.mark.parametrize(("name", "kind"), cases())
def test_it_lowers_the_loss(name: str, kind: str) -> None:
    losses = RunRecord(trained(name, kind).folder).read(EVALUATIONS).column("loss/train")
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(("name", "kind"), cases())
def test_its_steps_and_evaluations_are_those_of_a_loop_by_hand(name: str, kind: str) -> None:
    """In PyTorch's own words, with the mode of an optimizer that has modes."""
    result, config = trained(name, kind), configs(name, kind)[0]
    components = assemble(config)
    problem, train_examples = components.problem, components.data.train
    optimizer: Any = components.optimizer(problem.named_parameters())
    losses, evaluated = [], []
    step, minibatch = 0, next(train_examples.minibatches(components.sampler.chunk(0, 1)))

    def backward() -> Tensor:
        torch.manual_seed(generator(components.seed, "step", step).initial_seed())
        optimizer.zero_grad()
        loss: Tensor = problem(*minibatch)
        if config.optimizer.create_graph:
            parameters = list(problem.parameters())
            for parameter, gradient in zip(
                parameters, torch.autograd.grad(loss, parameters, create_graph=True), strict=True
            ):
                parameter.grad = gradient
        else:
            loss.backward()
        return loss.detach()

    for step, minibatch in enumerate(  # noqa: B007, both are `backward`'s
        train_examples.minibatches(components.sampler.chunk(0, COUNT))
    ):
        losses.append(backward().item())
        optimizer.step(*([backward] if requires_closure(optimizer) else []))
        position = [parameter.detach().clone() for parameter in problem.parameters()]
        if has_modes(optimizer):
            optimizer.eval()
        with torch.no_grad():
            evaluated.append(problem(*train_examples.head(len(train_examples))).item())
        if has_modes(optimizer):
            optimizer.train()
            for parameter, value in zip(problem.parameters(), position, strict=True):
                parameter.data.copy_(value)
    record = RunRecord(result.folder)
    assert record.read(STEPS).column("loss/step").tolist() == losses
    evaluations = record.read(EVALUATIONS)
    rows = zip(evaluations.column("step").tolist(), evaluations.column("loss/train").tolist(), strict=True)
    for step_taken, loss_of_row in list(rows)[1:]:
        assert loss_of_row == pytest.approx(evaluated[int(step_taken) - 1], rel=1e-6)


@pytest.mark.parametrize(("name", "kind"), cases())
def test_a_batch_is_what_each_of_its_runs_is_alone(name: str, kind: str) -> None:
    both = configs(name, kind)
    if reason_alone(name, kind):
        pytest.skip("trained alone")
    for config, ours in zip(both, together(both), strict=True):
        theirs = alone(config)
        if kind == "surface":
            assert_equal(ours, theirs)
        else:
            assert_within_rounding(ours, theirs, alone(config, shift=torch.finfo(torch.float64).eps))


def assert_within_rounding(ours: Steps, theirs: Steps, shifted: Steps) -> None:
    """Steps are as near to others as those of a start that is a rounding away, to a factor; some amplify it."""
    for name in ("rows", "final", "evaluated"):
        first, second, third = (getattr(taken, name) for taken in (ours, theirs, shifted))
        near = (third - second).abs().amax(dim=0, keepdim=True) + 1e-13 * second.abs().amax(dim=0, keepdim=True)
        assert (first - second).abs().amax(dim=0).le(100 * near).all(), name


@cache
def reason_alone(name: str, kind: str) -> str | None:
    """Why runs are no batch."""
    return assemble(configs(name, kind)[0]).reason_alone


@pytest.mark.parametrize(("name", "kind"), cases())
def test_it_is_resumed_from_every_step_to_the_same_bits(name: str, kind: str) -> None:
    assert is_resumed(name, kind)


@cache
def is_resumed(name: str, kind: str) -> bool:
    """Whether a run that is killed after each step ends with the bits of one that is not."""
    (run,) = relayed(configs(name, kind)[:1], Path("relayed", name, kind))
    state, expected = run.problem.state_dict(), weights(trained(name, kind))
    return state.keys() == expected.keys() and all(torch.equal(state[key], expected[key]) for key in expected)


@pytest.mark.parametrize(("name", "kind"), cases())
def test_a_batch_is_resumed_from_every_step_to_the_same_bits(name: str, kind: str, tmp_path: Path) -> None:
    if reason_alone(name, kind):
        pytest.skip("trained alone")
    both = configs(name, kind)
    for run, expected in zip(relayed(both, tmp_path), together(both), strict=True):
        assert torch.equal(parameters_to_vector(run.problem.parameters()), expected.final)


def relayed(each: Sequence[TrainConfig], folder: Path) -> list[TrainingRun]:
    """Runs trained as by a process that is killed after each step."""
    checkpoints: list[Checkpoint | None] = [None for _ in each]
    starts = [begun(config) for config in each]
    for step in range(COUNT):
        runs = [
            replace(start, components=replace(start.components, problem=deepcopy(start.problem)), restored_from=last)
            for start, last in zip(starts, checkpoints, strict=True)
        ]
        stepper: Stepper = SingleStepper(runs[0]) if len(runs) == 1 else BatchedStepper(runs)
        chunks = [run.components.sampler.chunk(step, step + 1) for run in runs]
        stepper.advance(chunks[0] if len(runs) == 1 else torch.stack(chunks))
        for number, run in enumerate(runs):
            place = folder / str(number)
            place.mkdir(parents=True, exist_ok=True)
            stepper.checkpoint(run, {}).save(place)
            checkpoints[number] = Checkpoint.from_bytes((place / CHECKPOINT).read_bytes())
    return runs


def refusal(config: TrainConfig) -> str | None:
    """Why a configuration is refused before training, in a line; None if it is not."""
    try:
        components = assemble(config)
        if components.schedule(components.optimizer(components.problem.named_parameters())) is not None:
            dry_run(config, components)
    except UserError as error:
        return str(error)
    return None


@cache
def refused(name: str) -> list[str]:
    """Which choices an optimizer refuses."""
    kind = next(kind for kind in reversed(PROBLEMS) if REFUSED_ON.get(name) != kind)
    reasons = {choice: refusal(configs(name, kind, choice)[0]) for choice in CHOICES}
    assert not any("\n" in reason for reason in reasons.values() if reason)
    return [choice for choice, reason in reasons.items() if reason]


@pytest.mark.parametrize(("name", "kind"), list(REFUSED_ON.items()))
def test_a_problem_that_it_can_not_be_trained_on_is_refused(name: str, kind: str) -> None:
    assert refusal(configs(name, kind)[0])


@pytest.mark.parametrize("name", NAMES)
def test_what_it_does_not_refuse_is_the_same_in_a_batch(name: str) -> None:
    kind = "network" if REFUSED_ON.get(name) == "surface" else "surface"
    for choice in CHOICES.keys() - refused(name):
        both = configs(name, kind, choice)
        each = [alone(config, 6) for config in both]
        if assemble(both[0]).reason_alone is None:
            for config, ours, theirs in zip(both, together(both, 6), each, strict=True):
                if kind == "surface":
                    assert_equal(ours, theirs)
                else:
                    assert_within_rounding(ours, theirs, alone(config, 6, shift=torch.finfo(torch.float64).eps))


def table() -> str:
    """The table of the contract, in Markdown."""
    lines = [
        "| `optimizer=` | class | trained on | in a batch | resumed | evaluated at | refuses |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in NAMES:
        kind = "network" if REFUSED_ON.get(name) == "surface" else "surface"
        config, reason = configs(name, kind)[0], reason_alone(name, kind)
        components = assemble(config)
        is_average = has_modes(components.optimizer(components.problem.named_parameters()))
        batch = f"alone: {reason}" if reason else "yes"
        columns = (
            f"`{name}`",
            f"`{config.optimizer.target}`",
            ", ".join(f"{kind}s" for kind in PROBLEMS if REFUSED_ON.get(name) != kind),
            batch,
            "to the same bits" if is_resumed(name, kind) else "to other bits",
            "its average" if is_average else "its position",
            ", ".join(refused(name)),
        )
        lines.append(f"| {' | '.join(columns)} |".replace("|  |", "| |"))
    return "\n".join(lines)


def test_the_table_in_the_docs_is_that_of_the_contract() -> None:
    assert table() in (ROOT / "docs" / "optimizers.md").read_text(encoding="utf-8"), table()
