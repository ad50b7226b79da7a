"""What Descent is measured against: the same steps as others write them. Each gives the seconds that they took."""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pytorch_lightning.loggers import MLFlowLogger
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler, TensorDataset
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from descent.core.data.idx_images import read_idx_images
from descent.core.numerics import ASK_NVML
from descent.project import project_root

BATCH = 100
Array = NDArray[np.float64]


def two_layers() -> nn.Sequential:
    """The network of source article 004."""
    network = nn.Sequential(nn.Linear(784, 50), nn.Sigmoid(), nn.Linear(50, 10))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.01)
    return network


def three_layers() -> nn.Sequential:
    """The network of source article 003."""
    return nn.Sequential(
        nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10), nn.Sigmoid()
    )


def images_and_labels() -> list[tuple[Tensor, Tensor]]:
    """Training and test images as floats, (images, 784), and labels."""
    train, test = (
        tuple(f"{part}-{file}" for file in ("images-idx3-ubyte", "labels-idx1-ubyte")) for part in ("train", "t10k")
    )
    data = read_idx_images("data/mnist", *train, *test)
    assert data.test is not None
    return [(images / 255, labels.long()) for images, labels in (data.train.columns, data.test.columns)]


def with_replacement(images: Tensor, labels: Tensor, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """BatchSampler drawn from all images anew, as mnist_two_layer has them."""
    for _ in range(steps):
        drawn = torch.randint(len(images), (BATCH,))
        yield images[drawn], labels[drawn]


def in_order(images: Tensor, labels: Tensor, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """BatchSampler of images as they come, as mnist_three_layer has them: slices, which copy nothing."""
    for step in range(steps):
        first = step * BATCH % len(images)
        yield images[first : first + BATCH], labels[first : first + BATCH]


def by_hand(
    network: nn.Module,
    make_optimizer: Callable[..., torch.optim.Optimizer],
    minibatches: Callable[[Tensor, Tensor, int], Iterable[tuple[Tensor, Tensor]]],
    steps: int,
    evaluated: Sequence[int] = (),
) -> float:
    """The loop as one writes it: floats in memory, a minibatch and a step, nothing recorded.

    Args:
        network: what is trained.
        make_optimizer: makes the optimizer of its parameters.
        minibatches: `with_replacement` or `in_order`.
        steps: how many.
        evaluated: the steps after which it computes the accuracies over all images.
    """
    parts = images_and_labels()
    optimizer = make_optimizer(network.parameters())

    @torch.no_grad()
    def accuracy(inputs: Tensor, classes: Tensor) -> float:
        return float((network(inputs).argmax(dim=1) == classes).float().mean())

    started = time.perf_counter()
    for step, (inputs, classes) in enumerate(minibatches(*parts[0], steps), start=1):
        loss = F.cross_entropy(network(inputs), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in evaluated:
            for part in parts:
                accuracy(*part)
    return time.perf_counter() - started


def sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ)."""
    return 1 / (1 + np.exp(-x))


def by_numpy(steps: int) -> float:
    """Source article 004's two layers: forward and backward by hand, with its operations and in its float64."""
    (images, labels), _ = images_and_labels()
    x_train, t_train = images.numpy(), np.eye(10)[labels.numpy()]
    drawn = np.random.default_rng(0)
    w1, b1 = 0.01 * drawn.standard_normal((784, 50)), np.zeros(50)
    w2, b2 = 0.01 * drawn.standard_normal((50, 10)), np.zeros(10)
    started = time.perf_counter()
    for _ in range(steps):
        mask = drawn.choice(len(x_train), BATCH)
        x, t = x_train[mask], t_train[mask]
        a1 = x @ w1 + b1
        z1 = sigmoid(a1)
        a2 = z1 @ w2 + b2
        exponents = np.exp(a2 - a2.max(axis=1, keepdims=True))
        y = exponents / exponents.sum(axis=1, keepdims=True)
        dy = (y - t) / BATCH
        da1 = (1 - sigmoid(a1)) * sigmoid(a1) * (dy @ w2.T)
        gradients = [(w1, x.T @ da1), (b1, da1.sum(axis=0)), (w2, z1.T @ dy), (b2, dy.sum(axis=0))]
        for weight, gradient in gradients:
            weight -= 0.1 * gradient
        -np.sum(t * np.log(y + 1e-7)) / BATCH
    return time.perf_counter() - started


class Lit(pl.LightningModule):
    """A network as Lightning's examples have it."""

    def __init__(self, network: nn.Module, make_optimizer: Callable[..., torch.optim.Optimizer]) -> None:
        super().__init__()
        self.network, self.make_optimizer = network, make_optimizer
        self.started = self.seconds = 0.0

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """The loss, logged."""
        images, labels = batch
        loss = F.cross_entropy(self.network(images.flatten(1)), labels)
        self.log("loss/train", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The one."""
        return self.make_optimizer(self.parameters())

    def on_train_start(self) -> None:
        """Start the clock."""
        self.started = time.perf_counter()

    def on_train_end(self) -> None:
        """Stop it."""
        self.seconds = time.perf_counter() - self.started


def by_lightning(module: Lit, dataset: TensorDataset | MNIST, steps: int, *, is_shuffled: bool) -> float:
    """Lightning over a DataLoader, its MLFlowLogger on SQLite.

    Args:
        module: what is trained.
        dataset: the images.
        steps: how many.
        is_shuffled: whether minibatches are drawn, with replacement as mnist_two_layer has them, or come in order.
    """
    sampler = RandomSampler(dataset, replacement=True) if is_shuffled else SequentialSampler(dataset)
    with tempfile.TemporaryDirectory() as folder, _asking_nvml():
        trainer = pl.Trainer(
            max_steps=steps,
            accelerator="cpu",
            logger=MLFlowLogger("benchmark", tracking_uri=f"sqlite:///{folder}/mlflow.db"),
            default_root_dir=folder,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        )
        trainer.fit(module, DataLoader(dataset, batch_size=BATCH, sampler=sampler))
    return module.seconds


@contextmanager
def _asking_nvml() -> Iterator[None]:
    """As Lightning, when it is imported, has it; what else is measured in this process, Lightning is no part of."""
    os.environ[ASK_NVML] = "1"
    try:
        yield
    finally:
        os.environ[ASK_NVML] = "0"


def by_lightning_in_memory(module: Lit, steps: int, *, is_shuffled: bool) -> float:
    """The same with the images as floats in a TensorDataset."""
    return by_lightning(module, TensorDataset(*images_and_labels()[0]), steps, is_shuffled=is_shuffled)


def by_lightning_and_torchvision(module: Lit, steps: int, *, is_shuffled: bool) -> float:
    """The same with torchvision's MNIST, every image made a tensor when it is drawn."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for path in (project_root() / "data" / "mnist").iterdir():
            (raw / path.name).symlink_to(path)
        return by_lightning(module, MNIST(folder, transform=ToTensor()), steps, is_shuffled=is_shuffled)


def on_surface(height: Callable[..., Tensor], start: Sequence[float], lr: float, steps: int) -> float:
    """Autograd and torch.optim on a surface, nothing recorded."""
    point = nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = torch.optim.SGD([point], lr=lr)
    started = time.perf_counter()
    for _ in range(steps):
        optimizer.zero_grad()
        height(*point.unbind()).backward()
        optimizer.step()
    return time.perf_counter() - started


def noisy_polynomials(trials: int) -> float:
    """Article 000's descent of 100 steps, with its calls, but for its picture; noise and draws anew each time."""
    table = np.loadtxt(project_root() / "data/source/control_points.csv", delimiter=",", skiprows=1)
    curve = np.poly1d(np.polyfit(table[:, 0], table[:, 1], 6))
    noise = np.random.default_rng(0)
    started = time.perf_counter()
    for _ in range(trials):
        x = list(np.linspace(-10, 10, 100))
        y = [curve(value) + noise.normal(0, 0.2) for value in x]
        w = np.array([3.5])
        for _ in range(100):
            some_x, _, some_y, _ = train_test_split(x, y, test_size=0.90)
            slope = np.poly1d(np.polyfit(some_x, some_y, 6)).deriv()
            w -= 0.3 * slope(w)
    return time.perf_counter() - started


SGD = partial(torch.optim.SGD, lr=0.1)
ADAM = partial(torch.optim.Adam, fused=True)
"""As conf/optimizer/adam.yaml has it: one pass over the numbers."""
