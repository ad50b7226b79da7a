from itertools import combinations, product

import torch

from descent.core.random_streams import generator


def numbers(seed: int, stream: str, index: int) -> torch.Tensor:
    return torch.rand(8, generator=generator(seed, stream, index), dtype=torch.float64)


def test_the_same_seed_stream_and_index_give_the_same_numbers() -> None:
    for seed, stream, index in product((0, 1, 2**40), ("weights", "minibatches"), (0, 1)):
        torch.testing.assert_close(numbers(seed, stream, index), numbers(seed, stream, index), rtol=0, atol=0)


def test_another_seed_stream_or_index_gives_other_numbers() -> None:
    draws = [numbers(*key) for key in product((0, 1, 2, 2**40), ("weights", "minibatches"), (0, 1, 2))]
    for one, other in combinations(draws, 2):
        assert not (one == other).any()


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    numbers(0, "weights", 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_seed_draws_what_it_drew_when_seeds_were_looked_for() -> None:
    assert generator(3, "weights").initial_seed() == 7905688527965321871
    assert generator(3, "minibatches", 2).initial_seed() == 5675645506099466266
