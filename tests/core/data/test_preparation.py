import re

import pytest
import torch
from conftest import Composed
from torch import Tensor

from descent.core.build import data_of
from descent.core.data.digits import read_digits
from descent.core.data.examples import Data, Examples, unchanged
from descent.core.data.preparation import check_sizes, one_hot, standardized, with_test_share, with_validation
from descent.errors import UserError


def data(count: int = 10) -> Data:
    inputs = torch.arange(3 * count, dtype=torch.uint8).view(count, 3)
    inputs[:, 2] = 7
    labels = torch.arange(count, dtype=torch.uint8) % 4
    return Data(Examples((inputs, labels), (lambda stored: stored / 2, Tensor.long)))


def test_examples_are_held_out_once_and_each_is_in_one_of_the_two() -> None:
    divided = with_test_share(data(50), 0.3, 0)
    assert divided.test is not None
    assert (len(divided.train), len(divided.test)) == (35, 15)
    rows = torch.cat([divided.train.columns[0], divided.test.columns[0]])[:, 0]
    assert rows.sort().values.tolist() == data(50).train.columns[0][:, 0].tolist()
    assert not torch.equal(rows, data(50).train.columns[0][:, 0])
    again = with_test_share(data(50), 0.3, 0)
    assert torch.equal(again.train.columns[0], divided.train.columns[0])
    for each in (divided.train, divided.test):  # an example keeps its label
        inputs, labels = each.columns
        assert torch.equal(inputs[:, 0] // 3 % 4, labels)


def test_validation_examples_are_held_out_by_their_own_seed_and_each_example_is_in_one_split() -> None:
    with_test = with_test_share(data(50), 0.3, 0)
    divided = with_validation(with_test, 7, 0)
    assert {name: len(examples) for name, examples in divided.splits().items()} == {
        "train": 28, "validation": 7, "test": 15,
    }  # fmt: skip
    rows = torch.cat([examples.columns[0] for examples in divided.splits().values()])[:, 0]
    assert rows.sort().values.tolist() == data(50).train.columns[0][:, 0].tolist()
    assert divided.test is with_test.test
    same, other = (with_validation(with_test, 7, seed).validation for seed in (0, 1))
    assert divided.validation is not None
    assert same is not None
    assert other is not None
    assert torch.equal(same.columns[0], divided.validation.columns[0])
    assert not torch.equal(other.columns[0], divided.validation.columns[0])


@pytest.mark.parametrize(("count", "held_out"), [(9, 0), (10, 1), (59, 5), (100_000, 5_000)])
def test_a_tenth_is_held_out_up_to_five_thousand(count: int, held_out: int) -> None:
    many = Data(Examples((torch.arange(count),), (unchanged,)))
    divided = with_validation(many, "auto", 0)
    assert len(divided.train) == count - held_out
    assert len(divided.validation or ()) == held_out


@pytest.mark.parametrize("count", [10, 11])
def test_all_training_examples_cannot_be_held_out(count: int) -> None:
    with pytest.raises(UserError, match=re.escape(f"data.validation={count}: there are 10 training examples; choose")):
        with_validation(data(10), count, 0)


def test_inputs_are_standardized_by_the_training_examples_alone() -> None:
    divided = with_test_share(data(2000 // 25), 0.25, 0)
    prepared = standardized(divided)
    assert prepared.test is not None
    train, _ = prepared.train.head(1000)
    raw, _ = divided.train.head(1000)
    test, _ = prepared.test.head(1000)
    raw_test, _ = divided.test.head(1000)  # type: ignore[union-attr]
    mean, deviation = raw.double().mean(dim=0), raw.double().std(dim=0, correction=0)
    deviation[2] = 1  # which is constant
    torch.testing.assert_close(train.double(), (raw.double() - mean) / deviation, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(test.double(), (raw_test.double() - mean) / deviation, rtol=1e-5, atol=1e-5)
    assert train.dtype == raw.dtype
    assert train[:, 2].unique().tolist() == [0]


def test_the_mean_of_many_examples_is_that_of_all() -> None:
    inputs = torch.randn(2500, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3 + 5
    many = standardized(Data(Examples((inputs, inputs), (unchanged, unchanged))))
    standard = many.train.head(2500)[0]
    torch.testing.assert_close(standard.mean(dim=0), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(standard.std(dim=0, correction=0), torch.ones(2, dtype=torch.float64))


def test_sizes_that_are_declared_are_those_of_the_data() -> None:
    check_sizes(data(), 3, 4)
    check_sizes(data(), None, None)
    images = Examples((torch.zeros(2, 1, 4, 5), torch.tensor([0, 1])), (unchanged, unchanged))
    check_sizes(Data(images, test=Examples((images.columns[0], torch.tensor([0, 6])))), 20, 7)


@pytest.mark.parametrize(
    ("features", "classes", "said"),
    [
        (4, 4, "data.features=4: these data have 3 inputs an example; set it to that"),
        (3, 3, "data.classes=3: these data have 4 classes; set it to that"),
        (3, 5, "data.classes=5: these data have 4 classes; set it to that"),
    ],
)
def test_sizes_that_are_wrong_are_refused(features: int, classes: int, said: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(said)}$"):
        check_sizes(data(), features, classes)


def test_sizes_of_what_data_lack_are_refused() -> None:
    column = torch.zeros(3, 2)
    for columns in ((), (column,), (column, column)):
        with pytest.raises(UserError, match=r"^data.classes=2: these data have 0 classes"):
            check_sizes(Data(Examples(columns)), None, 2)
    with pytest.raises(UserError, match=r"^data.features=2: these data have 0 inputs an example"):
        check_sizes(Data(Examples((column,))), 2, None)


def test_classes_become_vectors() -> None:
    _, vectors = one_hot(data()).train.head(5)
    assert vectors.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]]
    assert vectors.dtype == torch.float32


def test_prepared_data_move_to_a_device_with_what_prepares_them() -> None:
    moved = standardized(data()).to(torch.device("meta"))
    assert moved.train.head(3)[0].device.type == "meta"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("data=mnist", "data.test_share=0.5"), "data.test_share=0.5: these data have 200 test examples of their own"),
        (("data=digits", "data.test_share=0.0001"), "data.test_share=0.0001: of 1797 examples 0 would be held out"),
        (("data=digits", "data.test_share=1"), "data.test_share=1: choose a number above 0 and below 1"),
        (("data=noisy_polynomial", "data.one_hot=true"), "data.one_hot=true: what is predicted is no class"),
        (("data=none", "data.one_hot=true"), "data.one_hot=true: what is predicted is no class"),
        (("data=none", "data.standardize=true"), "data.standardize=true: these data have no inputs beside what is"),
    ],
)
def test_what_can_not_be_prepared_is_refused_in_a_line(
    composed: Composed, overrides: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(said)}"):
        data_of(composed("problem=bowl", "trainer.max_steps=1", *overrides))


def test_digits_are_those_of_scikit_learn() -> None:
    digits = read_digits()
    images, labels = digits.train.head(2000)
    assert images.shape == (1797, 64)
    assert [images.min().item(), images.max().item()] == [0, 1]
    assert labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert [path.name for path in digits.files] == ["digits.csv.gz"]
