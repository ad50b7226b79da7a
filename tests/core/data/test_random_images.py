import torch
from conftest import Composed

from descent.core.build import assemble
from descent.core.data.examples import Minibatch
from descent.core.data.random_images import random_images


def drawn(count: int, seed: int) -> Minibatch:
    return random_images(count, seed).train.head(count)


def test_they_have_the_shape_of_mnists() -> None:
    images, labels = drawn(100, seed=0)
    assert (images.shape, images.dtype) == ((100, 784), torch.float32)
    assert (labels.shape, labels.dtype) == ((100,), torch.int64)


def test_pixels_and_labels_are_uniform() -> None:
    images, labels = drawn(5000, seed=0)
    assert 0 <= images.min() < 1e-3
    assert 1 - 1e-3 < images.max() < 1
    # Five standard deviations of what is counted.
    shares = images.histc(10, 0, 1) / images.numel()
    assert (shares - 0.1).abs().max() < 5 * (0.09 / images.numel()) ** 0.5
    counts = labels.bincount(minlength=10)
    assert len(counts) == 10
    assert (counts / 5000 - 0.1).abs().max() < 5 * (0.09 / 5000) ** 0.5


def test_a_seed_draws_the_same_again_and_another_draws_others() -> None:
    for one, same, other in zip(drawn(50, 1), drawn(50, 1), drawn(50, 2), strict=True):
        assert torch.equal(one, same)
        assert not torch.equal(one, other)


def test_the_articles_network_takes_them_all_at_once(composed: Composed) -> None:
    components = assemble(composed("experiment=two_layer_gradient"))
    shapes = [tuple(parameter.shape) for parameter in components.problem.parameters()]
    assert shapes == [(100, 784), (100,), (10, 100), (10,)]
    assert components.sampler.chunk(0, 1).sort().values.tolist() == [list(range(100))]
