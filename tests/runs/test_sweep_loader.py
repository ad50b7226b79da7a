import importlib
import pickle
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.types import RunMode
from hydra.version import setbase
from omegaconf import DictConfig, ListConfig, Node, OmegaConf

from descent.runs.sweep_loader import SweepLoader

cloudpickle: Any = importlib.import_module("cloudpickle")
"""By which joblib and submitit send the loader to their workers."""
OVER = "# @package _global_\ndefaults: [himmelblau, {defaults}_self_]\n"
FILES = {
    "experiment/of_choice.yaml": OVER.replace("{defaults}", "{/noise: 'of_${sweep}'}, ") + "name: ${sweep}\n",
    "experiment/of_value.yaml": OVER.replace("{defaults}", "{/noise: 'of_${seed}'}, "),
    "experiment/twice.yaml": OVER.replace("{defaults}", "{/noise@first: of_sgd}, {/noise@second: of_sgd}, "),
    "experiment/named.yaml": OVER.replace("{defaults}", "") + "hydra: {job: {name: own, chdir: false}}\n",
    "experiment/copying.yaml": OVER.replace("{defaults}", "") + "hydra: {job: {env_copy: [HOME]}}\n",
    "sweep/sgd.yaml": "# @package _global_\nseed: 5\n",
    "sweep/adam.yaml": "# @package _global_\n",
    "noise/of_sgd.yaml": "level: 1\nnested: {rate: '${seed}', names: [a, b]}\n",
    "noise/of_adam.yaml": "level: 2\nnested: {rate: 0.5, names: []}\n",
}
SWEEPS = [
    (),
    (
        "hydra.sweep.dir=${now:%f}",
        "hydra.sweep.subdir=${seed}",
        "+hydra.job.env_set.KEY='x, y'",
        "hydra.job.config.override_dirname.exclude_keys=[seed]",
        "hydra.job.config.override_dirname.kv_sep=:",
        "hydra/launcher=fused",
        "hydra.mode=MULTIRUN",
        "tracking=none",
    ),
]
BASE = "experiment=himmelblau"
JOBS = [
    (BASE,),
    (BASE, "seed=3"),
    (BASE, "optimizer=adam", "optimizer.lr=0.1", "seed=3"),
    ("optimizer.lr=1e-3", "optimizer=adam", BASE),
    (BASE, "optimizer=adam", "optimizer.betas=[0.5,0.9]", "optimizer.betas=[0.1,0.2]"),
    (BASE, "objective={metric: loss/test}", "objective.direction=maximize", "description=null"),
    (BASE, "description='one, two'", 'name="a=b, c"', "divergence_threshold=inf", "tolerance=1.5e-7"),
    (BASE, "description=${name}-${seed}", "seed=${trainer.max_steps}"),
    (BASE, "optimizer={lr: 0.5}", "optimizer=sgd"),
    (BASE, "+extra=1", "+extra.more=2"),
    (BASE, "+extra={a: {b: [1, c]}}", "extra.a.b=[]", "++extra.a.d=x", "~extra.a.b", "++seed=2"),
    (BASE, "~description", "~trainer.chunk_size", "~tolerance=1e-4", "seed=1"),
    (BASE, "~schedule", "seed=1"),
    (BASE, "+noise=of_sgd", "noise.level=5", "noise.nested={rate: 7}"),
    (BASE, "+noise@own.place=of_sgd", "own.place.nested.names=[z]", "optimizer=adam"),
    ("experiment=twice", "noise@first=of_adam", "second.level=3", "first.nested.rate=${second.level}"),
    ("experiment=of_choice", "sweep=sgd", "seed=4"),
    ("experiment=of_choice", "sweep=adam", "noise.nested.rate=1"),
    ("experiment=named", "seed=2", "trainer.max_steps=5"),
    ("experiment=copying", "seed=2"),
    (BASE, "hydra.job.name=${name}", "hydra.run.dir=x", "seed=2"),
    (BASE, "hydra/sweeper=search", "hydra.verbose=true"),
    (BASE, "problem=bowl", "seed=0"),
]
WRONG = [
    (BASE, "sead=1"),
    (BASE, "seed=1,2"),
    (BASE, "optimizer=adm", "seed=1"),
    (BASE, "optimizer=5"),
    (BASE, "optimizer=null", "seed=1"),
    (BASE, "optimizer@there=adam", "seed=1"),
    (BASE, "seed@there=1"),
    (BASE, "+seed=1"),
    (BASE, "~seed=7"),
    (BASE, "noise=of_sgd", "seed=1"),
    (BASE, "optimizer.lr.of=1"),
    (BASE, "hydra=null"),
    ("experiment=of_value", "seed=4"),
    ("experiment=of_value", "+noise=of_sgd", "seed=4"),
]


@pytest.fixture
def search_path(project: Path) -> ConfigSearchPath:
    for name, text in FILES.items():
        (project / "conf" / name).parent.mkdir(exist_ok=True)
        (project / "conf" / name).write_text(text)
    setbase("1.3")
    setup_globals()
    return create_config_search_path(str(project / "conf"))


def sweep_of(loader: ConfigLoaderImpl, *overrides: str) -> DictConfig:
    return loader.load_configuration("train", list(overrides), RunMode.MULTIRUN)


def inside(node: Node) -> object:
    """A configuration as it is, with the types and the flags of its parts."""
    metadata = node._metadata
    kind = (type(node), metadata.ref_type, metadata.object_type, metadata.optional, metadata.flags, metadata.key)
    if isinstance(node, DictConfig) and isinstance(node._content, dict):
        return kind, {key: inside(part) for key, part in node._content.items()}
    if isinstance(node, ListConfig) and isinstance(node._content, list):
        return kind, [inside(part) for part in node._content]
    return kind, node._value()


@pytest.mark.parametrize("sweep", SWEEPS)
def test_jobs_are_composed_as_hydra_composes_them(search_path: ConfigSearchPath, sweep: tuple[str, ...]) -> None:
    hydras, ours = ConfigLoaderImpl(search_path), SweepLoader(search_path)
    master = sweep_of(hydras, *sweep)
    assert master.hydra.sweep.dir is not None  # so that `now` is known
    for job in JOBS:
        expected = hydras.load_sweep_config(master, list(job))
        for _ in range(2):
            config = ours.load_sweep_config(master, list(job))
            assert config == expected, job
            assert inside(config) == inside(expected), job
            assert OmegaConf.get_cache(config) == OmegaConf.get_cache(expected) == OmegaConf.get_cache(master)
            assert config.hydra.sweep.dir == expected.hydra.sweep.dir
            config.name, config.hydra.job.num = "changed", 7  # which does not change the next job


@pytest.mark.parametrize("is_option", [True, False])
def test_groups_may_be_in_a_folder_outside(
    search_path: ConfigSearchPath, tmp_path_factory: pytest.TempPathFactory, is_option: bool
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "elsewhere").mkdir()
    for name in "ab":
        (outside / "elsewhere" / f"{name}.yaml").write_text(f"is: {name}\nvalue: 1\n")
    if is_option:  # --config-dir
        search_path.prepend("command-line", f"file://{outside}")
    sweep = () if is_option else (f"hydra.searchpath=[file://{outside}]",)
    hydras, ours = ConfigLoaderImpl(search_path), SweepLoader(search_path)
    for name in "aba":
        job = [BASE, f"+elsewhere={name}", "elsewhere.value=2"]
        expected, config = (loader.load_sweep_config(sweep_of(loader, *sweep), job) for loader in (hydras, ours))
        assert inside(config) == inside(expected)
        assert config.elsewhere == {"is": name, "value": 2}


def test_what_is_composed_travels_with_the_loader(search_path: ConfigSearchPath, project: Path) -> None:
    ours, job = SweepLoader(search_path), [BASE, "seed=3"]
    master = sweep_of(ours)
    here = ours.load_sweep_config(master, job)
    (project / "conf" / "experiment" / "himmelblau.yaml").unlink()
    there = pickle.loads(cloudpickle.dumps(ours)).load_sweep_config(master, [BASE, "seed=4"])
    assert there.seed == 4
    there.seed, there.hydra.overrides.task, there.hydra.job.override_dirname = 3, job, f"{BASE},seed=3"
    assert inside(there) == inside(here)


def test_in_another_folder_the_choices_are_composed_again(
    search_path: ConfigSearchPath, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = SweepLoader(search_path)
    master = sweep_of(ours)
    ours.load_sweep_config(master, [BASE])
    monkeypatch.chdir(tmp_path_factory.mktemp("there"))
    assert ours.load_sweep_config(master, [BASE]).hydra.runtime.cwd == str(Path.cwd())


def test_a_variable_that_hydra_copies_is_read_for_each_job(
    search_path: ConfigSearchPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = SweepLoader(search_path)
    master = sweep_of(ours)
    for home in ("one", "other"):
        monkeypatch.setenv("HOME", home)
        config = ours.load_sweep_config(master, ["experiment=copying", "seed=1"])
        assert (config.hydra.job.env_set.HOME, config.seed) == (home, 1)


@pytest.mark.parametrize("job", WRONG)
def test_what_is_wrong_is_what_hydra_finds_wrong(search_path: ConfigSearchPath, job: tuple[str, ...]) -> None:
    hydras, ours = ConfigLoaderImpl(search_path), SweepLoader(search_path)
    master = sweep_of(hydras)
    refusals = []
    for loader in (hydras, ours, ours):
        with pytest.raises((HydraException, ValueError)) as refused:
            loader.load_sweep_config(master, list(job))
        refusals.append((type(refused.value), str(refused.value)))
    assert refusals[0] == refusals[1] == refusals[2]
