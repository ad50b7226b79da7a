import math
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from conftest import ROOT, Composed, composition_in
from omegaconf import OmegaConf

from descent.core.config import SweepConfig, TrainConfig
from descent.errors import UserError
from descent.schema import Component, Section

EXPERIMENTS = sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml"))
WHOLE = ("experiment=mnist_two_layer", "sweep=basin", "basin.starts=[0,1]")
"""A configuration with every section but `start` and `loss`."""


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_is_right_and_described(composed: Composed, name: str) -> None:
    config = composed(f"experiment={name}")
    assert config.name == name
    assert config.description
    assert "\n" not in config.description
    is_of_article = f"rticle {config.article}" in config.description
    assert is_of_article == ("rticle" in config.description)


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "conf" / "sweep").glob("*.yaml")))
def test_every_sweep_is_right(composed: Composed, name: str) -> None:
    assert composed("experiment=himmelblau", f"sweep={name}").name == "himmelblau"


def fields(schema: type[Section], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted name and the type of every field that is no section."""
    for name, field in schema.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        kinds = get_args(field.annotation) if isinstance(field.annotation, types.UnionType) else (field.annotation,)
        section = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)), None)
        if section is None:
            yield path, kinds[0]
        else:
            yield from fields(section, f"{path}.")


FIELDS = [(path, kind) for path, kind in fields(TrainConfig) if not path.startswith(("start.", "loss.", "halving."))]


@pytest.mark.parametrize(("path", "kind"), FIELDS, ids=[path for path, _ in FIELDS])
def test_a_value_of_a_wrong_type_is_refused_in_a_line_that_names_its_key(project: Path, path: str, kind: type) -> None:
    for value in ({"a": 1}, [["a"]], "text", 1.5, True):
        if (isinstance(value, str) and kind is str) or (isinstance(value, float) and kind is float):
            continue
        if isinstance(value, bool) and kind is bool:
            continue
        config = composition_in(project, *WHOLE)
        OmegaConf.update(config, path, value, merge=False, force_add=True)
        with pytest.raises(UserError) as refused:
            TrainConfig.of(config)
        message = str(refused.value)
        assert message.startswith(f"{path}=")
        assert "\n" not in message


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("divergence_threshold=0", "divergence_threshold=0: choose a number above 0, for example "),
        ("divergence_threshold=.inf", "divergence_threshold=.inf: choose a number above 0, for example "),
        ("optimizer.lr=inf", "optimizer.lr=inf: choose a number from 0, for example optimizer.lr=0.1"),
        ("tolerance=inf", "tolerance=inf: choose a number from 0"),
        ("trainer.accelerator=cup", "trainer.accelerator=cup: did you mean 'cpu'?"),
        ("objective.direction=down", "objective.direction=down: choose one of minimize, maximize"),
        ("data.validation=some", "data.validation=some: choose a whole number from 0, or auto, for example data.vali"),
        ("article=4", "article=4: choose a text, for example article='\"004\"'"),
        ("~optimizer.lr", "optimizer.lr is missing: choose a number from 0, for example optimizer.lr=0.1"),
    ],
)  # fmt: skip
def test_what_is_not_right_is_refused_in_a_line(composed: Composed, override: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        composed("experiment=bowl_001", override)
    assert str(refused.value).startswith(message)


LEAST = {
    "data.batch_size": 1, "data.classes": 1, "data.features": 1, "data.split_seed": 0, "data.validation": 0,
    "evaluation.every": 1, "evaluation.first": 1, "seed": 0, "basin.cells": 2, "basin.seeds": 1, "tolerance": 0,
    "tracking.flush_timeout": 0, "tracking.max_points": 2, "trainer.accumulate": 1, "trainer.checkpoint_seconds": 0,
    "trainer.chunk_size": 1, "trainer.max_epochs": 1, "trainer.max_steps": 1, "optimizer.lr": 0,
}  # fmt: skip
"""The least value of each key that has one."""


@pytest.mark.parametrize("path", LEAST)
def test_a_value_below_the_least_is_refused(project: Path, path: str) -> None:
    config = composition_in(project, *WHOLE)
    OmegaConf.update(config, path, LEAST[path], force_add=True)
    TrainConfig.of(config)
    OmegaConf.update(config, path, LEAST[path] - 1, force_add=True)
    with pytest.raises(UserError, match=f"^{path}={LEAST[path] - 1}: choose a (whole )?number from {LEAST[path]}"):
        TrainConfig.of(config)


@pytest.mark.parametrize("early", ["stop_at_target=true", "halving={after: 5, keep: 0.5}"])
def test_a_command_that_trains_every_run_to_its_end_names_what_would_end_one_early(
    composed: Composed, early: str
) -> None:
    composed("problem=bowl").refuse_early_ends("descent seeds")
    name = early.partition("=")[0]
    with pytest.raises(UserError, match=f"^{name}: descent seeds trains every run to its end; leave it out$"):
        composed("problem=bowl", early).refuse_early_ends("descent seeds")


def test_no_examples_are_held_out_unless_that_is_asked_for(project: Path) -> None:
    config = composition_in(project, *WHOLE)
    OmegaConf.set_struct(config, value=False)
    for key in ("validation", "split_seed", "features", "classes"):
        config.data.pop(key, None)
    config.network.sizes = [784, 50, 10]
    data = TrainConfig.of(config).data
    assert (data.validation, data.split_seed, data.features, data.classes) == (0, 0, None, None)


def test_an_infinite_threshold_is_right(composed: Composed) -> None:
    assert composed("experiment=bowl_001", "divergence_threshold=inf").divergence_threshold == math.inf


def test_the_file_of_a_record_is_what_hydra_composes_resolved(project: Path, tmp_path: Path) -> None:
    composition = composition_in(project, *WHOLE, "trainer.checkpoint_seconds=5.0", "tracking.flush_timeout=0.0")
    OmegaConf.update(composition, "basin.starts", [0.0, 1.0])
    OmegaConf.update(composition, "basin.rates", [1e-4, 1.0])
    config = TrainConfig.of(composition)
    assert config.to_yaml() == OmegaConf.to_yaml(composition, resolve=True)
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    assert TrainConfig.read(tmp_path / "config.yaml").to_dict() == config.to_dict()


@pytest.mark.parametrize("value", ["${oc.env:HOME}", '"\\x24{oc.env:HOME}"', "[a, {b: '${name}'}]"])
def test_the_file_of_a_record_is_not_resolved(project: Path, tmp_path: Path, value: str) -> None:
    path = tmp_path / "config.yaml"
    text = OmegaConf.to_yaml(composition_in(project, "experiment=ackley"), resolve=True)
    path.write_text(re.sub(r"^description: .*", lambda _: f"description: {value}", text, flags=re.MULTILINE))
    with pytest.raises(UserError, match=rf"^{path} has a \$\{{\.\.\.\}}, .+; write the value in its place$"):
        TrainConfig.read(path)


def test_each_of_many_values_gives_what_replacing_it_gives(composed: Composed) -> None:
    config = composed("experiment=noisy_polynomial", "data=fresh_noisy_points")
    for seed, of_seed in zip((3, 5), config.with_each("seed", (3, 5)), strict=True):
        assert of_seed.to_yaml() == config.replaced("seed", seed).to_yaml()
    assert config.seed == 2


def test_a_replaced_value_reaches_whatever_is_derived_from_it(composed: Composed) -> None:
    config = composed("problem=noisy_polynomial", "data=fresh_noisy_points", "seed=1")
    other = config.replaced("seed", 5)
    assert (other.seed, other.data.source.arguments["seed"]) == (5, 5)
    assert (config.seed, config.data.source.arguments["seed"]) == (1, 1)
    assert other.replaced("optimizer.lr", 0.25).to_dict()["optimizer"]["lr"] == 0.25
    with pytest.raises(UserError, match=r"^seed=-1: "):
        config.replaced("seed", -1)


def test_components_keep_what_their_targets_take(composed: Composed) -> None:
    config = composed("experiment=mnist_two_layer", "optimizer=momentum", "optimizer.lr=0.1")
    assert isinstance(config.optimizer, Component)
    assert config.optimizer.to_call() == {
        "_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.1, "momentum": 0.9,
    }  # fmt: skip


def test_a_sweep_reads_its_own_sections_where_others_do_not_resolve(project: Path) -> None:
    composition = composition_in(project, "problem=mnist")  # whose network its jobs choose
    config = SweepConfig.of(composition)
    assert (config.objective.metric, config.tracking.uri) == ("accuracy/validation", None)
    composition.tracking.max_points = 1
    with pytest.raises(UserError, match=r"^tracking\.max_points=1: choose a whole number from 2$"):
        SweepConfig.of(composition)


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (
            "halving={keep: 0.5}",
            "halving.after is missing: choose a whole number from 1, for example halving.after=100",
        ),
        (
            "halving={after: 0, keep: 0.5}",
            "halving.after=0: choose a whole number from 1, for example halving.after=100",
        ),
        (
            "halving={after: 5, keep: 1.5}",
            "halving.keep=1.5: choose a number above 0 and below 1, for example halving.keep=0.5",
        ),
    ],
)
def test_halving_has_a_first_rung_and_a_share(composed: Composed, words: str, refusal: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(refusal)}$"):
        composed("problem=bowl", words)
