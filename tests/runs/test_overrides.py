import pytest
from conftest import ROOT
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from descent.runs.overrides import first_job


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
