import os

import pytest
from conftest import ROOT
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from descent.runs.overrides import PASSWORD, first_job, parsed, quoted, without_passwords


@pytest.mark.parametrize(
    ("params", "overrides", "first"),
    [
        ({}, ["problem=bowl", "seed=3,4"], ["problem=bowl", "seed=3"]),
        ({"optimizer.lr": "1e-4,1e-3"}, ["seed=range(2,5)"], ["optimizer.lr=0.0001", "seed=2"]),
        ({"optimizer.lr": "1e-4,1e-3"}, ["optimizer.lr=0.5"], ["optimizer.lr=0.5"]),
        ({"optimizer.lr": "tag(log,interval(0.25,1))"}, [], ["optimizer.lr=0.25"]),
        ({}, ["+optimizer.eps=choice(1,2)", "~seed"], ["+optimizer.eps=1", "~seed"]),
        ({}, ["trainer=glob(*pu)"], ["trainer=cpu"]),
        ({}, ["name='a, b'", "problem.start=[1,2],[3,4]"], ["name='a, b'", "problem.start=[1,2]"]),
    ],
)
def test_the_first_job_has_the_first_of_all_values(
    params: dict[str, object], overrides: list[str], first: list[str]
) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        assert first_job(params, overrides, GlobalHydra.instance().config_loader()) == first


def test_the_passwords_of_addresses_are_in_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (PASSWORD, f"{PASSWORD}_2"):
        monkeypatch.setenv(name, "")  # so that they are as before after the test
    words = [
        "tracking.uri=postgresql+psycopg2://ann:p%40:ss@host:5432/db", "optimizer.lr=0.1,0.2", "a='http://b:c d@e'",
        "b='http://b:pass@host'", "c=http://b:${oc.env:MINE}@host", "d=sqlite:///mlflow.db",
    ]  # fmt: skip
    hidden = without_passwords(words)
    assert hidden == [
        "tracking.uri=postgresql+psycopg2://ann:${oc.env:DESCENT_PASSWORD}@host:5432/db", words[1], words[2],
        "b='http://b:${oc.env:DESCENT_PASSWORD_2}@host'", words[4], words[5],
    ]  # fmt: skip
    assert (os.environ[PASSWORD], os.environ[f"{PASSWORD}_2"]) == ("p%40:ss", "pass")
    (override,) = parsed(hidden[:1])
    config = OmegaConf.create({"uri": override.value()})
    assert config.uri == "postgresql+psycopg2://ann:p%40:ss@host:5432/db"


@pytest.mark.parametrize("text", ["a b#c?d'ü", 'say "a, b"', "ends in \\", "\\'", "a\\b\\\\'c'", "=[{}]", "", " "])
def test_a_quoted_text_is_taken_as_it_is(text: str) -> None:
    (override,) = parsed([f"key={quoted(text)}"])
    assert override.value() == text
