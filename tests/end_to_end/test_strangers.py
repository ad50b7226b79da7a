"""A stranger's runs: to show them runs nothing of his, reads no secret, and writes into no folder but of views."""

import hashlib
import json
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_project
from end_to_end.commands import BIN, here, run
from end_to_end.strangers import RUN, SECRET, House, Pickled, Scripts, served, spoil_run, spoil_sweep
from report.test_lesson import bowl_descents
from tracking.runs import rows

import descent
from descent.articles.summary import Summary
from descent.articles.table import write_table
from descent.errors import UserError
from descent.records.files import read_arrays
from descent.records.lesson import write_lesson
from descent.report import sections

pytestmark = pytest.mark.services
TRAIN = ("descent", "train", "experiment=himmelblau", "trainer.max_steps=5", "tracking=none")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, small_data: Path, empty_store: Path) -> Path:
    """A project of two runs and a sweep, all finished."""
    project = make_project(tmp_path_factory.mktemp("house"), small_data)
    shutil.copy(empty_store, project)
    for words in (
        ("run_dir=runs/mine", "optimizer.lr=0.001"),
        ("run_dir=runs/himmelblau", "optimizer.lr=0.01"),
        ("-m", "hydra.sweep.dir=his_sweep", "optimizer.lr=0.01,0.02", "hydra/launcher=fused"),
    ):
        done = here(*TRAIN, *words, cwd=project)
        assert done.returncode == 0, done.stderr
    for views in project.rglob("views"):
        shutil.rmtree(views)
    return project


@pytest.fixture
def house(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house of its own, its project the current folder, with a secret in the environment."""
    house = House(tmp_path)
    shutil.copytree(trained, house.project)
    monkeypatch.chdir(house.project)
    monkeypatch.setenv("STRANGER", SECRET)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return house


def test_a_strangers_run_is_drawn_compared_synced_and_loaded(house: House) -> None:
    spoil_run(house)
    with house.untouched() as texts:
        texts += [
            house.descent("draw", house.run, "--gif"),
            house.descent("sync", house.run),
            house.descent("compare", house.run, "runs/mine"),
        ]
        loaded, compared = descent.load(house.run), descent.compare(house.run, "runs/mine")
        assert isinstance(loaded, descent.Run)
        texts += [repr(loaded), repr(compared), str(loaded.config)]
        pages = [loaded._repr_html_(), compared._repr_html_(), loaded.player.read_text(encoding="utf-8")]
        assert [Scripts(page).found for page in pages] == [[], [], []]
        assert "${oc.env:STRANGER}" in str(loaded.config)
        with pytest.raises(descent.UserError, match=r"config.yaml has a \$\{\.\.\.\}, and a run's holds values alone"):
            loaded.problem()
        assert compared.table["run"].tolist()[0].startswith("<script>alert(1)</script>\\n\\x1b]0;his")
    assert (house.run / "views" / "descent.png").exists()
    notes = rows(f"sqlite:///{house.project}/mlflow.db", "select value from tags where key = 'mlflow.note.content'")
    texts_of_notes = [str(note) for (note,) in notes]
    assert any(r"\[his\](" in note for note in texts_of_notes)
    assert not any("[his](" in note.replace(r"\[his\](", "") for note in texts_of_notes)


def test_a_strangers_run_has_a_card_in_the_report(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil_run(house)
    house.descent("draw", house.run)
    write_table(house.project / "reports" / "figures.csv", [])
    Summary({}, [], [], [], 0, "MNIST", []).save(house.project / "reports" / "articles.json")
    monkeypatch.setattr(sections, "sections", lambda results, summary: [])
    monkeypatch.setattr(sections, "maps", lambda results: [])
    write_lesson(house.project / "lesson", {"bowl": bowl_descents()}, "")
    with house.untouched() as texts:
        texts.append(house.descent("report"))
        page = (house.project / "reports" / "index.html").read_text(encoding="utf-8")
        assert Scripts(page).found == []
    assert f"descent train problem=bowl &#39;name=`mkdir${{IFS}}{house.ran}`&#39; &#39;;&#39; mkdir" in page


def test_a_strangers_sweep_is_drawn_synced_and_loaded(house: House) -> None:
    spoil_sweep(house)
    with house.untouched() as texts:
        texts += [house.descent("draw", house.sweep), house.descent("sync", house.sweep)]
        loaded = descent.load(house.sweep)
        texts.append(repr(loaded))
        assert Scripts(loaded._repr_html_()).found == []


@pytest.mark.parametrize("places", [["../../home/diary"], ["/"]])
def test_a_strangers_comparison_of_files_of_the_users_is_refused(house: House, places: list[str]) -> None:
    (house.sweep / "record" / "compared.json").write_text(json.dumps([*places, str(house.home / "diary")]))
    with house.untouched() as texts:
        for command in ("draw", "compare"):
            done = run(BIN / "descent", command, house.sweep, cwd=house.project)
            texts.append(done.stderr)
            assert done.returncode == 1


def test_what_a_strangers_record_pickles_or_tags_is_not_made(house: House) -> None:
    record = house.run / "record"
    (record / "config.yaml").write_text(f"article: !!python/object/apply:os.mkdir [{house.ran}]\n")
    (house.sweep / "record" / "config.yaml").write_text(f"objective: !!python/object/apply:os.mkdir [{house.ran}]\n")
    arrays = read_arrays((record / "landscape.npz").read_bytes())
    arrays["kind"] = np.array(Pickled(house.ran), dtype=object)
    np.savez(record / "landscape.npz", **arrays)  # type: ignore[arg-type]
    (record / "checkpoint.ckpt").write_bytes(pickle.dumps(Pickled(house.ran)))
    with house.untouched() as texts:
        for folder in (house.run, house.sweep):
            done = run(BIN / "descent", "draw", folder, cwd=house.project)
            texts.append(done.stderr)
            assert done.returncode == 1
        house.descent("sync", house.run)
        done = run(BIN / "descent", "compare", house.run, "runs/mine", cwd=house.project)
        texts.append(done.stderr)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("save", [torch.save, lambda saved, path: path.write_bytes(pickle.dumps(saved, 2))])
def test_a_strangers_checkpoint_is_weights_alone(house: House, save: Callable[[object, Path], None]) -> None:
    files = house.run / "record"
    save({"state": {}, "state_dict": Pickled(house.ran)}, files / "checkpoint.ckpt")
    result = json.loads((files / "result.json").read_text())
    result["sha256"]["checkpoint.ckpt"] = hashlib.sha256((files / "checkpoint.ckpt").read_bytes()).hexdigest()
    (files / "result.json").write_text(json.dumps(result))
    loaded = descent.load(house.run)
    assert isinstance(loaded, descent.Run)
    with house.untouched(), pytest.raises(UserError, match="its checkpoint can't be read: "):
        loaded.problem()


@pytest.mark.parametrize("place", ["../escaped", "record/../../../escaped", "..%2Fescaped", "{house}/escaped"])
def test_what_a_strangers_server_sends_stays_in_the_folder_of_its_download(house: House, place: str) -> None:
    with served(place=place.format(house=house.folder)) as uri, house.untouched() as texts:
        done = here("descent", "compare", RUN, "--uri", uri, cwd=house.project)
        texts.append(done.stderr)
        assert done.stderr.startswith(f"descent compare: MLflow store {uri}: Invalid path")


def test_a_server_that_names_a_folder_of_the_users_shows_nothing_of_it(house: House) -> None:
    with served(root=house.home.as_uri()) as uri, house.untouched() as texts:
        done = here("descent", "compare", RUN, "--uri", uri, cwd=house.project)
        texts.append(done.stdout + done.stderr)
        assert done.returncode == 1


def test_a_strangers_run_is_compared_and_loaded_from_a_store_of_his(house: House) -> None:
    spoil_run(house, "..")
    uri = f"sqlite:///{house.project}/his.db"
    with house.untouched():
        house.descent("sync", house.run, "--uri", uri)
    shutil.rmtree(house.run)
    ((his,),) = rows(uri, "select run_uuid from runs")
    with house.untouched() as texts:
        texts.append(house.descent("compare", str(his), "runs/mine", "--uri", uri))
        loaded = descent.load(str(his), uri=uri)
        assert isinstance(loaded, descent.Run)
        texts.append(repr(loaded))
        assert Scripts(loaded._repr_html_()).found == []
