from typing import Any

import pytest

from descent.records.header import Header
from descent.records.label import compared_params, run_label, run_name
from descent.records.run import SWEEP_OF

CHOICES = {
    "experiment": "valley", "problem": "surface", "data": "none", "optimizer": "adam", "schedule": "constant",
    "average": "none", "gradient": "autograd", "sampler": "shuffled", "trainer": "auto", "tracking": "mlflow",
}  # fmt: skip
PARAMS = {
    **CHOICES, "name": "valley", "seed": "0", "run_dir": "null", "tolerance": "0.0001", "problem.start": "[1, 2]",
    "problem.height.path": "surfaces.valley", "optimizer._target_": "torch.optim.Adam", "optimizer._partial_": "true",
    "optimizer.lr": "0.01", "optimizer.betas": "[0.9, 0.999]", "trainer.max_steps": "100", "trainer.max_epochs": "null",
    "trainer.chunk_size": "100", "tracking.uri": "sqlite:///mlflow.db",
}  # fmt: skip


def header(name: str = "valley", overrides: str = "", sweep: str | None = None, **params: str) -> Header:
    tags = {"hydra.overrides": overrides} | ({SWEEP_OF: sweep} if sweep else {})
    every = PARAMS | {key.replace("__", "."): value for key, value in params.items()}
    fields: dict[str, Any] = {"id": "id", "key": "0123", "problem": "valley", "created": 0, "inputs": [], "rows": {}}
    return Header(name=name, params=every, tags=tags, **fields)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, "adam lr=0.01"),
        ({"seed": "2", "schedule": "cosine"}, "adam lr=0.01 cosine seed=2"),
        ({"network": "two_layer", "average": "ema"}, "adam lr=0.01 two_layer ema"),
        ({"gradient": "central_difference", "optimizer__lr": "0.000123456"}, "adam lr=0.0001235 central_difference"),
    ],
)
def test_a_run_is_called_by_what_distinguishes_it(changed: dict[str, str], name: str) -> None:
    assert run_name(header(**changed)) == name


def test_a_name_of_the_users_own_stays() -> None:
    assert run_name(header("my first")) == "my first"


def test_an_optimizer_of_the_users_own_is_called_by_its_class() -> None:
    own = header(overrides="experiment=valley optimizer._target_=my.optim.Lazy", optimizer___target_="my.optim.Lazy")
    assert run_name(own) == "Lazy lr=0.01"


def test_the_run_of_a_job_is_called_by_what_is_swept_as_well() -> None:
    assert run_name(header("adam lr=0.01", sweep="s")) == "adam lr=0.01"
    assert run_name(header("start=[1,2] seed=3", sweep="s", seed="3")) == "adam lr=0.01 seed=3 start=[1,2]"


def test_a_run_of_no_known_choices_keeps_its_name() -> None:
    assert run_name(Header("id", "0123", "a", "valley", 0, {"lr": "1"}, {}, [], {})) == "a"


def test_compared_parameters_are_choices_settings_start_length_and_seed() -> None:
    assert compared_params(PARAMS, "experiment=valley run_dir=runs/a tracking.uri=null") == {
        "experiment": "valley", "problem": "surface", "optimizer": "adam", "seed": "0", "problem.start": "[1, 2]",
        "optimizer.lr": "0.01", "optimizer.betas": "[0.9, 0.999]", "trainer.max_steps": "100",
    }  # fmt: skip


def test_whatever_the_command_line_sets_is_compared() -> None:
    compared = compared_params(PARAMS, "tolerance=1e-4 +sampler=shuffled trainer.max_epochs=null run_dir=a")
    assert {"tolerance", "sampler", "trainer.max_epochs"} <= compared.keys()
    assert "run_dir" not in compared


def test_a_label_has_choices_as_they_are_and_other_parameters_with_their_names() -> None:
    assert run_label({"optimizer": "adam", "optimizer.lr": "0.01", "seed": "2"}) == "adam lr=0.01 seed=2"


@pytest.mark.parametrize(
    ("number", "label"),
    [
        ("0.00123", "0.00123"),
        ("0.001234", "0.001234"),
        ("0.0012345", "0.001234"),
        ("1234567", "1234567"),
        ("12345678", "1.235e+07"),
        ("shuffled, then in order", "shuffled, then in order"),
    ],
)
def test_long_numbers_are_rounded_to_four_digits_in_a_label(number: str, label: str) -> None:
    assert run_label({"optimizer.lr": number}) == f"lr={label}"
