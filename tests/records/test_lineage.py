"""The lineage of a run in its key and its tags."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Composed
from moments import paths_of

import descent
from descent.records import lineage
from descent.records.header import Input
from descent.records.lineage import canonical, dvc_tags, flattened, git_tags, hashed_inputs, run_key

CANNOT_CHANGE_A_RESULT = {
    "description",  # describes the run
    "optimizer.sharing.target",  # a run has the same result in a batch and alone, whichever optimizer takes its steps
    "optimizer.sharing.across_lr",
    "optimizer.rates",  # which are worth trying
    "article",
    "data.features",  # which are checked, and are in a network's own settings if it takes its sizes from them
    "data.classes",
    "run_dir",  # where the record goes
    "replace",  # what the record takes the place of
    "tracking.uri",  # where the record is shown
    "tracking.max_points",  # how many points are shown
    "tracking.flush_timeout",  # how long the run waits for the sync after its end
    "objective.metric",  # how the runs of a sweep are ranked
    "objective.direction",
    "target.metric",  # which steps are counted to
    "target.value",
    "trainer.chunk_size",  # the length of a chunk changes no result (tests/core/training)
    "trainer.checkpoint_seconds",  # an interrupted and resumed run ends like an uninterrupted one
}
"""The settings that do not change a run's key, and why; every other setting must change it."""


@pytest.mark.parametrize("experiment", ["himmelblau", "noisy_polynomial", "mnist_two_layer", "patterns"])
def test_every_setting_changes_the_key_unless_it_cannot_change_a_result(composed: Composed, experiment: str) -> None:
    params = flattened(composed(f"experiment={experiment}").to_dict())
    key = run_key(params, [], {})
    without_effect = {name for name in params if run_key(params | {name: params[name] + "1"}, [], {}) == key}
    assert without_effect == CANNOT_CHANGE_A_RESULT
    assert all(
        run_key({name: value for name, value in params.items() if name != dropped}, [], {}) != key
        for dropped in params.keys() - CANNOT_CHANGE_A_RESULT
    )


@pytest.mark.parametrize("early", ["stop_at_target=true", "halving={after: 5, keep: 0.5}"])
def test_how_runs_are_compared_changes_the_key_of_one_that_ends_early_by_it(composed: Composed, early: str) -> None:
    params = flattened(composed("problem=bowl", early).to_dict())
    key = run_key(params, [], {})
    for name in ("objective.metric", "objective.direction", "target.metric", "target.value"):
        assert run_key(params | {name: params[name] + "1"}, [], {}) != key


def test_the_code_behind_a_configuration_changes_the_key() -> None:
    codes: tuple[dict[str, str], ...] = (
        {},
        {"torch": "2.14.1"},
        {"torch": "2.14.2"},
        {"torch": "2.14.1", "my_problem": "0" * 64},
    )
    assert len({run_key({}, [], code) for code in codes}) == 4


def test_the_order_of_settings_leaves_the_key_as_it_is() -> None:
    assert run_key({"seed": "0", "optimizer.lr": "0.1"}, [], {}) == run_key(
        {"optimizer.lr": "0.1", "seed": "0"}, [], {}
    )


def test_a_setting_whose_name_begins_like_another_is_not_ignored() -> None:
    assert run_key({"run_dirt": "1"}, [], {}) != run_key({}, [], {})


def test_a_flat_configuration_has_texts_as_they_are_and_other_values_as_json() -> None:
    nested = {"a": {"b": {"c": 1e-3}, "d": [1, 2.5, None]}, "name": "x²", "off": False, "no": None}
    assert flattened(nested) == {"a.b.c": "0.001", "a.d": "[1, 2.5, null]", "name": "x²", "off": "false", "no": "null"}


def test_an_input_has_its_path_in_the_project_and_the_md5_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "data" / "points").mkdir(parents=True)
    path = tmp_path / "data" / "points" / "a.csv"
    path.write_bytes(b"hello")
    before = hashed_inputs([path], tmp_path)
    assert before == [Input("a.csv", "data/points/a.csv", "5d41402abc4b2a76b9719d911017c592")]  # md5 of `hello`
    assert dvc_tags(before) == {"dvc.data/points/a.csv": before[0].digest}
    path.write_bytes(b"hullo")
    after = hashed_inputs([path], tmp_path)
    assert len({run_key({}, data, {}) for data in ([], before, after, before + after, after + before)}) == 5


def test_a_data_file_is_read_once_while_it_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"hello")
    monkeypatch.setattr(lineage, "SETTLED", 0)
    with paths_of("open") as opened:
        before = [hashed_inputs([path], tmp_path) for _ in range(3)]
        assert opened == [path]
        times = path.stat()
        path.with_name("b.csv").write_bytes(b"hullo")
        path.with_name("b.csv").replace(path)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as a copy that keeps times
        assert hashed_inputs([path], tmp_path) != before[0]
    assert before[0] == before[1] == before[2]


def test_a_data_file_that_has_just_changed_is_read_each_time(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"hello")
    with paths_of("open") as opened:
        assert hashed_inputs([path], tmp_path) == hashed_inputs([path], tmp_path)
        assert opened == [path, path]  # a change within a tick of the clock is not seen in the file's times


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-1", "0.1"), (".1", "0.1"), ("1", "1.0"), ("'sgd'", "sgd"), ('"sgd"', "sgd"), ("sgd", "sgd"), ("'", "'"),
        ("''", ""),
    ],
)  # fmt: skip
def test_a_value_is_the_same_however_it_is_written(written: str, value: str) -> None:
    assert canonical(written) == value


def test_large_seeds_that_differ_by_one_are_different_values() -> None:
    assert canonical("9007199254740992") != canonical("9007199254740993")


def test_a_run_of_a_dvc_experiment_has_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "fast-one")
    assert dvc_tags([]) == {"dvc.experiment": "fast-one"}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package, which is hashed instead of the package itself."""
    copy = tmp_path / "descent"
    shutil.copytree(Path(descent.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(lineage, "__file__", str(copy / "records" / "lineage.py"))
    return copy / "core"


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_a_line_more_in_any_module_changes_the_key(package: Path) -> None:
    modules = sorted(package.rglob("*.py"))
    assert {"random_streams.py", "schedules.py", "module.py"} <= {path.name for path in modules}
    keys = [run_key({}, [], {})]
    for path in modules:
        append(path, "# one line more\n")
        keys.append(run_key({}, [], {}))
    assert len(set(keys)) == len(modules) + 1


def test_source_outside_the_core_leaves_the_key_as_it_is(package: Path) -> None:
    before = run_key({}, [], {})
    for name in ("render/field.py", "tracking/sync.py", "report/page.py", "commands/train.py"):
        append(package.parent / name, "# one line more\n")
    for name in ("__pycache__/numerics.cpython-311.pyc", "notes.txt"):
        (package / name).parent.mkdir(exist_ok=True)
        append(package / name, "one line more\n")
    assert run_key({}, [], {}) == before


def test_the_same_source_elsewhere_has_the_same_key(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = run_key({}, [], {})
    elsewhere = package.parent.rename(package.parent.with_name("elsewhere"))
    monkeypatch.setattr(lineage, "__file__", str(elsewhere / "records" / "lineage.py"))
    assert run_key({}, [], {}) == key


def test_the_order_in_which_files_are_listed_leaves_the_key_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    key, listed = run_key({}, [], {}), Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda folder, pattern: [*listed(folder, pattern)][::-1])
    assert run_key({}, [], {}) == key


@pytest.mark.parametrize(
    "change",
    [
        lambda package: (package / "numerics.py").rename(package / "numeric.py"),
        lambda package: (package / "optim").rename(package / "optima"),
        lambda package: (package / "numerics.py").unlink(),
        lambda package: (package / "new.py").touch(),
    ],
    ids=["renamed", "moved", "removed", "added"],
)
def test_another_set_of_modules_changes_the_key(package: Path, change: Callable[[Path], object]) -> None:
    before = run_key({}, [], {})
    change(package)
    assert run_key({}, [], {}) != before


@pytest.mark.parametrize(
    "divided",
    [
        ({"zza.py": "", "zzbzzb.py": ""}, {"zza.py": "zzb", "zzb.py": ""}),
        ({"zza.pyz.py": ""}, {"zza.py": "z.py"}),
    ],
    ids=["a content from the next name", "a name from its content"],
)
def test_modules_with_the_same_concatenated_bytes_have_different_keys(
    package: Path, divided: tuple[dict[str, str], dict[str, str]]
) -> None:
    keys = set()
    for modules in divided:
        for name, content in modules.items():
            (package / name).write_text(content)
        keys.add(run_key({}, [], {}))
        for name in modules:
            (package / name).unlink()
    assert len(keys) == len(divided)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git repository with a commit, and the project in a folder of it."""
    project = tmp_path / "repository" / "project"
    (project / "data").mkdir(parents=True)
    for path in ("dvc.lock", "dvc.yaml", "data/points.csv", "../notes.txt"):
        (project / path).write_text("as committed\n")
    git(project.parent, "init", "--quiet")
    git(project.parent, "add", "--all")
    git(project.parent, "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "-m", "start")
    return project


def git(folder: Path, *arguments: str) -> str:
    process = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True)
    return process.stdout.strip()


@pytest.mark.parametrize(
    ("changed", "dirty"),
    [
        ([], "false"),
        (["data/points.csv"], "true"),
        (["data/new.csv"], "true"),
        (["dvc.lock"], "false"),
        (["dvc.lock", "dvc.yaml"], "true"),
        (["data/dvc.lock"], "true"),  # not the pipeline's
        (["../notes.txt"], "false"),  # not the project's
    ],
)
def test_a_work_tree_is_dirty_if_anything_but_dvc_lock_differs_from_the_commit(
    checkout: Path, changed: list[str], dirty: str
) -> None:
    for path in changed:
        append(checkout / path, "changed\n")
    assert git_tags(checkout) == {"mlflow.source.git.commit": git(checkout, "rev-parse", "HEAD"), "git.dirty": dirty}


def test_a_removed_file_makes_the_work_tree_dirty(checkout: Path) -> None:
    (checkout / "dvc.yaml").unlink()
    assert git_tags(checkout)["git.dirty"] == "true"


def test_git_is_not_asked_for_each_of_many_jobs(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic_ns", lambda: 0)
    tags = git_tags(checkout)
    (checkout / "dvc.yaml").unlink()
    assert git_tags(checkout) == tags
    monkeypatch.setattr("time.monotonic_ns", lambda: 1_000_000_000)
    assert git_tags(checkout) == {**tags, "git.dirty": "true"}


def test_outside_a_checkout_there_is_no_commit(tmp_path: Path) -> None:
    assert git_tags(tmp_path) == {"git.dirty": "not in a git checkout"}
