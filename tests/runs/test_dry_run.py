from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import torch
from conftest import Composed
from parabola import Parabola
from torch import Tensor, nn

from descent.core.build import assemble
from descent.core.problems.problem import Problem
from descent.errors import UserError
from descent.runs.dry_run import dry_run
from descent.runs.train import train

SURFACE = ("problem=himmelblau", "trainer.max_steps=1000", "optimizer.lr=0.01")


class Space(Problem):
    """A bowl in three dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.point = nn.Parameter(torch.ones(3, dtype=torch.float64))

    def forward(self, *minibatch: Tensor) -> Tensor:
        return self.point.square().sum()


class Unmeasured(Parabola):
    """Can be trained, and not evaluated."""

    def measure(self, *examples: Tensor) -> dict[str, Tensor]:
        return {"loss": self(*examples), "slope": torch.zeros(3)}


class Still(Parabola):
    """Has a loss that no parameter changes."""

    def forward(self, *minibatch: Tensor) -> Tensor:
        return nn.Parameter(torch.ones(())) * 2


class Whimsical(Parabola):
    """Draws random numbers from its third loss on."""

    calls = 0

    def forward(self, *minibatch: Tensor) -> Tensor:
        self.calls += 1
        return super().forward() * (torch.rand(()) if self.calls > 3 else 1)


class Counted(torch.optim.SGD):
    """Counts the steps of all of its kind."""

    steps = 0

    def step(self, closure: Any = None) -> Any:
        Counted.steps += 1
        return super().step(closure)


@pytest.fixture
def problems(project: Path) -> None:
    """A user's own problems, with the landscape of a surface."""
    for name in ("Space", "Unmeasured", "Still", "Whimsical"):
        text = f"""
            # @package _global_
            problem_name: {name.lower()}
            problem: {{_target_: runs.test_dry_run.{name}}}
            landscape: {{_target_: descent.core.training.landscape.field, _partial_: true, x: [-1, 1], y: [-1, 1]}}
            """
        (project / "conf" / "problem" / f"{name.lower()}.yaml").write_text(dedent(text).lstrip())


@pytest.mark.usefixtures("problems")
@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ("optimizer._target_=torch.optim.SparseAdam",),
            "torch.optim.SparseAdam can't take a step on problem himmelblau: SparseAdam does not support dense",
        ),
        (("optimizer._target_=torch.optim.Muon",), "optimizer (torch.optim.Muon) or schedule: Muon only supports 2D"),
        (("optimizer=adam", "+optimizer.capturable=true", "~optimizer.fused"), "torch.optim.Adam can't take a step"),
        (
            ("optimizer._target_=optimizers.Forgetful",),
            "optimizers.Forgetful can't be resumed on problem himmelblau: its steps after a checkpoint differ from",
        ),
        (
            ("optimizer._target_=optimizers.Remembering",),
            "problem himmelblau or optimizer optimizers.Remembering can't be saved in a checkpoint and resumed: it "
            "holds a collections.deque, and a checkpoint only holds plain values and tensors",
        ),
        (
            ("optimizer._target_=optimizers.Newton",),
            "optimizers.Newton can't take a step on problem himmelblau: it differentiates the gradient; allow that ",
        ),
        (
            ("optimizer._target_=optimizers.Newton", "+optimizer.create_graph=true", "gradient=central_difference"),
            "optimizer optimizers.Newton differentiates the gradient; use gradient=autograd",
        ),
        (("optimizer._target_=optimizers.Picky",), "optimizer (optimizers.Picky) or schedule: a 'list' has no names"),
        (("optimizer._target_=optimizers.LateNoise",), "steps to 4 drew random numbers, which the first did not"),
        (("optimizer=rprop", "schedule=cosine"), "torch.optim.Rprop reads its learning rate once, so that a schedule"),
        (
            ("optimizer=schedule_free_sgd", "schedule=cosine"),
            "optimizer pytorch_optimizer.ScheduleFreeSGD stands for a schedule; use schedule=constant",
        ),
        (
            ("optimizer=lbfgs", "trainer.clip_norm=1"),
            "trainer.clip_norm: optimizer torch.optim.LBFGS takes a closure; use trainer.clip_norm=null",
        ),
        (
            ("optimizer=sophia", "trainer.clip_norm=1"),
            "trainer.clip_norm: optimizer pytorch_optimizer.SophiaH differentiates the gradient; use",
        ),
        (("problem=whimsical",), "steps to 4 drew random numbers, which the first did not"),
        (("problem=space",), "no picture can be drawn of problem space: "),
        (("problem=unmeasured",), "problem unmeasured can't be evaluated: "),
        (("problem=still",), "problem still has no parameter that its loss depends on; nothing to train"),
        (("landscape._target_=quick_landscape.unknown",), "no picture shows a landscape of kind fog; choose one of"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_what_can_not_work_is_refused_in_a_line_before_the_first_step(
    composed: Composed, project: Path, overrides: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UserError) as refused:
        train(composed(*SURFACE, *overrides))
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)
    assert list(project.glob("runs/*")) == []


def test_a_gradient_that_compares_losses_takes_no_problem_that_draws_random_numbers(
    composed: Composed, project: Path
) -> None:
    allowed = ("gradient=central_difference", "gradient.max_parameters=1000000", "data.batch_size=2")
    (project / "conf" / "network" / "small.yaml").write_text(
        "_target_: torch.nn.Sequential\n_args_:\n"
        "  - {_target_: torch.nn.AdaptiveAvgPool1d, output_size: 4}\n  - {_target_: torch.nn.Dropout}\n"
        "  - {_target_: torch.nn.Linear, in_features: 4, out_features: 10}\n"
    )
    with pytest.raises(UserError, match=r"^problem mnist draws random numbers as it computes a loss, and this"):
        assemble(composed("experiment=mnist_two_layer", "network=small", *allowed))


@pytest.mark.parametrize("experiment", ["himmelblau", "mnist_two_layer", "noisy_polynomial"])
def test_it_changes_nothing_of_a_run(composed: Composed, project: Path, experiment: str) -> None:
    config = composed(f"experiment={experiment}")
    components = assemble(config)
    before = {name: value.clone() for name, value in components.problem.state_dict().items()}
    minibatch = components.sampler.chunk(0, 3)
    dry_run(config, components)
    torch.testing.assert_close(components.problem.state_dict(), before, rtol=0, atol=0)
    assert components.problem.training
    assert all(parameter.grad is None for parameter in components.problem.parameters())
    assert torch.equal(components.sampler.chunk(0, 3), minibatch)
    assert list(project.glob("runs/*")) == []


def test_what_was_tried_is_tried_again_only_with_another_component(composed: Composed) -> None:
    def steps(*overrides: str) -> int:
        config = composed(*SURFACE, f"optimizer._target_={__name__}.Counted", *overrides)
        components = assemble(config)
        before = Counted.steps
        dry_run(config, components)
        return Counted.steps - before

    assert steps() > 0
    for same in ("seed=1", "problem.start=[1,2]", "optimizer.lr=0.02", "trainer.max_steps=9", "run_dir=there"):
        assert steps(same) == 0
    height = "problem.height.path=descent.core.problems.surfaces.booth"
    for other in (height, "problem=beale", "+optimizer.momentum=0.5", "schedule=cosine", "landscape.x=[-1,1]"):
        assert steps(other) > 0
