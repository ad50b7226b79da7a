import math
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT, Composed
from torch.nn.utils import parameters_to_vector

from descent.core.build import assemble, chosen_accelerator, data_of
from descent.errors import UserError


def adams(gradient: float) -> float:
    """Adam's second step as a part of the rate, the first having been against a gradient of 2."""
    mean = (0.9 * 0.1 * 2 + 0.1 * gradient) / (1 - 0.9**2)
    return mean / math.sqrt((0.999 * 0.001 * 2**2 + 0.001 * gradient**2) / (1 - 0.999**2))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["optimizer.lr=-1"], "optimizer.lr=-1: choose a number from 0"),
        (["optimizer.lr=nan"], "optimizer.lr=nan: choose a number from 0"),
        (["optimizer.lr=fast"], "optimizer.lr=fast: choose a number from 0"),
        (["data.batch_size=601"], "data.batch_size=601: choose from 1 to 600, the number of examples"),
        (["data.batch_size=0"], "data.batch_size=0: choose a whole number from 1"),
        (["trainer.max_steps=0"], "trainer.max_steps=0: choose a whole number from 1"),
        (["trainer.max_steps=1.5"], "trainer.max_steps=1.5: choose a whole number from 1"),
        (["trainer.max_steps=null"], "the run has no end: set trainer.max_steps or trainer.max_epochs"),
        (["trainer.chunk_size=0"], "trainer.chunk_size=0: choose a whole number from 1"),
        (["data.batch_size=1.5"], "data.batch_size=1.5: choose a whole number from 1"),
        (["+optimizer.learning_rate=0.1"], "torch.optim.SGD takes no 'learning_rate'; choose one of lr, momentum, "),
        (["+optimizer.momentun=0.9"], "torch.optim.SGD takes no 'momentun'; did you mean 'momentum'?"),
        (["+optimizer.params=[1]"], "optimizer.params=[1]: torch.optim.SGD takes no 'params'; choose one of lr, "),
        (["+schedule.optimizer=5"], "schedule.optimizer=5: descent.core.optim.schedules.constant takes nothing"),
        (["average=ema", "+average.optimizer=5"], "ExponentialAverage takes no 'optimizer'; choose decay"),
        (["+landscape.run=5"], "takes no 'run'; "),
        (["+schedule.steps=5"], "schedule.steps=5: descent.core.optim.schedules.constant takes nothing"),
        (["+network.activation.slope=1"], "problem: Sigmoid.__init__() got an unexpected keyword argument 'slope'"),
        (["+data.source.count=9"], "descent.core.data.idx_images.read_idx_images takes no 'count'; "),
        (["+sampler.pth=x"], "sampler.pth=x: hydra.utils.get_method takes no 'pth'; did you mean 'path'?"),
        (["optimizer._target_=torch.optim.Nothing"], "optimizer: "),
        (["seed=-1"], "seed=-1: choose a whole number from 0"),
        (["evaluation.first=0"], "evaluation.first=0: choose a whole number from 1"),
        (["evaluation.every=0"], "evaluation.every=0: choose a whole number from 1"),
        (["tracking.max_points=1"], "tracking.max_points=1: choose a whole number from 2"),
        (["gradient=central_difference"], "would evaluate this problem 79,520 times a step"),
        (["data.features=783"], "data.features=783: these data have 784 inputs an example; set it to that"),
        (["data.classes=9"], "data.classes=9: these data have 10 classes; set it to that"),
        (["data.classes=null"], "network.sizes=[784, 50, null]: choose whole numbers from 1, the inputs' first"),
        (["problem=himmelblau"], "problem himmelblau is a surface, which uses no examples; use data=none"),
        (["data=patterns"], "network.sizes=[null, 50, null]: choose whole numbers from 1, the inputs' first"),
        (["network.sizes=[100,50,10]"], "problem mnist does not fit its data: "),
        (["network.sizes=[784,50,5]"], "problem mnist does not fit its data: "),
        (["optimizer=momentum", "optimizer.momentum=-1"], "Invalid momentum value: -1"),
        (["data.source.folder=nowhere"], "nowhere"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_in_a_line(composed: Composed, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError) as refused:
        assemble(composed("experiment=mnist_two_layer", *overrides))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_class_of_an_extra_that_is_not_installed_says_how_to_install_it(
    composed: Composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    with pytest.raises(UserError) as refused:
        assemble(composed("experiment=himmelblau", "optimizer=lion"))
    said = "optimizer: pytorch_optimizer.Lion is not installed; pip install 'descent[optimizers]' brings it"
    assert str(refused.value) == said


def test_the_least_that_makes_sense_can_be_trained(composed: Composed) -> None:
    least = ("evaluation.first=1", "evaluation.every=1", "tracking.max_points=2", "trainer.max_steps=1", "seed=0")
    assert assemble(composed("experiment=bowl_001", *least, "trainer.chunk_size=1")).plan.steps == 1


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused_in_a_line() -> None:
    with pytest.raises(UserError, match=r"^trainer=gpu: PyTorch sees no GPU on this machine; choose"):
        chosen_accelerator("gpu")
    assert chosen_accelerator("auto") == "cpu"


def test_the_same_seed_gives_the_same_start(composed: Composed) -> None:
    def start(seed: int) -> torch.Tensor:
        problem = assemble(composed("experiment=mnist_two_layer", f"seed={seed}")).problem
        return parameters_to_vector(problem.parameters())

    one, same, other = (start(seed) for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_trying_a_configuration_out_leaves_the_problem_as_it_is(composed: Composed, project: Path) -> None:
    (project / "conf" / "network" / "batch_norm.yaml").write_text("_target_: networks.batch_norm\n")
    problem = assemble(composed("experiment=mnist_two_layer", "network=batch_norm")).problem
    assert all(parameter.grad is None for parameter in problem.parameters())
    assert problem.get_buffer("network.2.num_batches_tracked") == 0


def test_the_articles_fix_their_experiments(composed: Composed) -> None:
    two_layer = assemble(composed("experiment=mnist_two_layer"))
    assert two_layer.plan.steps == 10_000
    three_layer = assemble(composed("experiment=mnist_three_layer", "data.batch_size=6"))
    assert three_layer.plan.steps == 100 * three_layer.sampler.steps_per_epoch
    assert three_layer.plan.evaluations == tuple(range(0, 10_001, 100))
    assert three_layer.sampler.chunk(0, 2).flatten().tolist() == list(range(12))


@pytest.mark.parametrize("experiment", ["mnist_two_layer", "mnist_three_layer"])
def test_other_images_need_no_other_override(composed: Composed, project: Path, experiment: str) -> None:
    shutil.copytree(project / "data" / "mnist", project / "data" / "fashion_mnist")
    hidden = {"mnist_two_layer": [50], "mnist_three_layer": [100, 100]}[experiment]
    for data, features in (("mnist", 784), ("fashion_mnist", 784), ("digits", 64)):
        config = composed(f"experiment={experiment}", f"data={data}")
        assert config.to_dict()["network"]["sizes"] == [features, *hidden, 10]
        components = assemble(config)
        assert [source.parent.name for source in components.data.files][:1] == [{"digits": "data"}.get(data, data)]


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("steepest_descent", 0.98, 0.9604),
        ("sgd", 0.98, 0.9604),
        ("momentum", 0.98, 0.98 - 0.01 * (0.9 * 2 + 1.96)),
        ("nesterov", 1 - 0.01 * (2 + 0.9 * 2), 0.962 - 0.01 * (1.924 + 0.9 * (0.9 * 2 + 1.924))),
        ("adagrad", 0.99, 0.99 - 0.01 * 1.98 / math.sqrt(4 + 1.98**2)),
        ("rmsprop", 0.9, 0.9 - 0.01 * 1.8 / math.sqrt(0.99 * 0.04 + 0.01 * 1.8**2)),
        ("adam", 0.99, 0.99 - 0.01 * adams(1.98)),
        ("adamw", 0.9999 - 0.01, 0.9899 * 0.9999 - 0.01 * adams(1.9798)),
    ],
)
def test_an_optimizer_takes_the_steps_that_its_name_stands_for(
    composed: Composed, name: str, first: float, second: float
) -> None:
    """On x² from 1, where the gradient is 2, at a rate of 0.01."""
    components = assemble(
        composed("problem=parabola", "problem.start=1", "trainer.max_steps=2", f"optimizer={name}", "optimizer.lr=0.01")
    )
    optimizer = components.optimizer(components.problem.named_parameters())
    for expected in (first, second):
        optimizer.zero_grad()
        components.gradient_estimator(components.problem, ())
        optimizer.step()
        assert components.problem.position() == [pytest.approx(expected, rel=1e-6)]


@pytest.mark.parametrize(
    ("name", "shares"),
    [
        ("constant", {0: 1, 98: 1}),
        ("step", {0: 1, 32: 1, 33: 0.1, 65: 0.1, 66: 0.01, 98: 0.01}),
        ("cosine", {0: 1, 33: 0.75, 66: 0.25}),
        ("one_cycle", {0: 1 / 25, 29: 1}),
        ("warmup", {0: 0.1, 4: 0.5, 9: 1, 98: 1}),
        ("linear", {0: 1, 33: 2 / 3, 66: 1 / 3}),
        ("polynomial", {0: 1, 33: 4 / 9, 66: 1 / 9}),
        ("exponential", {0: 1, 33: 0.01 ** (1 / 3), 66: 0.01 ** (2 / 3)}),
        ("warm_restarts", {0: 1, 7: (1 + math.cos(math.pi * 49 / 99)) / 2}),
        ("warmup_stable_decay", {0: 0.1, 9: 1, 79: 1, 89: 0.5, 98: 0.05}),
    ],
)
def test_a_schedule_has_the_shares_of_the_learning_rate_that_its_name_stands_for(
    composed: Composed, name: str, shares: dict[int, float]
) -> None:
    """Each after some of 99 steps."""
    components = assemble(composed("problem=parabola", "trainer.max_steps=99", f"schedule={name}", "optimizer.lr=0.5"))
    optimizer = components.optimizer(components.problem.named_parameters())
    schedule = components.schedule(optimizer)
    for taken in range(99):
        if taken in shares:
            assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * shares[taken], rel=1e-9)
        optimizer.step()
        if schedule is not None:
            schedule.step()


def test_data_are_in_memory_once_for_all_runs_of_a_project_and_read_anew_when_they_change(
    composed: Composed, project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = composed("experiment=noisy_polynomial")
    data = data_of(config)
    assert data_of(config) is data
    other = tmp_path_factory.mktemp("project")
    for name in ("conf", "data"):
        shutil.copytree(project / name, other / name)
    shutil.copy(project / "dvc.yaml", other)
    monkeypatch.chdir(other)
    assert data_of(config).files[0].is_relative_to(other)
    monkeypatch.chdir(project)
    points = data.files[0]
    before = points.stat()
    points.write_text(points.read_text() + "11,5\n")
    os.utime(points, ns=(before.st_atime_ns, before.st_mtime_ns))  # a clock may be coarse, or set back
    assert len(data_of(config).train) == len(data.train) + 1


def test_data_that_a_seed_draws_are_those_of_the_runs_own_seed(composed: Composed, project: Path) -> None:
    shutil.copytree(ROOT / "data" / "source", project / "data" / "source")
    one, other = (
        data_of(composed("experiment=noisy_polynomial", "data=fresh_noisy_points", f"seed={seed}")) for seed in (1, 2)
    )
    assert not torch.equal(one.train.columns[1], other.train.columns[1])
