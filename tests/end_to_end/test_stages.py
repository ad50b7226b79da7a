"""What a change reruns of the main job, on a copy of the build."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT
from end_to_end.commands import TESTS, run

pytestmark = pytest.mark.build

LEFT_OUT = shutil.ignore_patterns(".venv", "__pycache__", ".*_cache", "mlflow.db*", "mlartifacts")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project as `dvc repro` left it."""
    folder = tmp_path_factory.mktemp("build") / "project"
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT, symlinks=True)
    assert rerun(folder) == []
    return folder


def rerun(build: Path, *command: str) -> list[str]:
    """The stages that a command, by default `dvc repro`, runs, each without its key, once."""
    path = f"{build / 'src'}:{TESTS}"
    done = run(*(command or ("dvc", "repro")), cwd=build, PYTHONPATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    stages = [line.split("'")[1] for line in done.stdout.splitlines() if line.startswith("Running stage")]
    return sorted({stage.partition("@")[0] for stage in stages})


def append(path: Path, comment: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"# {comment}\n")


def test_a_change_of_the_report_reruns_the_report(build: Path) -> None:
    append(build / "src/descent/report/page.py", "one line more")
    assert rerun(build) == ["report"]


def test_a_change_of_the_drawing_draws_and_reports_and_trains_nothing(build: Path) -> None:
    sweeps = {path: path.read_bytes() for path in (build / "sweeps/optimizers").rglob("record/*") if path.is_file()}
    append(build / "src/descent/render/field.py", "one line more")
    assert rerun(build) == ["draw", "draw_others", "draw_without_data", "report"]
    assert {path: path.read_bytes() for path in sweeps if path.name == "result.json"} == {
        path: content for path, content in sweeps.items() if path.name == "result.json"
    }


def verdicts(build: Path) -> Counter[str]:
    with (build / "reports" / "figures.csv").open(newline="", encoding="utf-8") as file:
        return Counter(row["verdict"] for row in csv.DictReader(file))


def test_make_trains_on_other_images_without_comparing_them_and_goes_back(build: Path) -> None:
    (build / ".venv").mkdir()
    (build / ".venv" / "ready").touch()  # the environment of these tests
    before = verdicts(build)
    assert "report" in rerun(build, "make", "IMAGES=digits")  # what trains may come from DVC's cache
    for name in ("mnist_two_layer", "mnist_three_layer"):
        header = json.loads((build / "runs" / name / "record" / "run.json").read_text(encoding="utf-8"))
        assert header["params"]["data"] == "digits"
        assert [source["name"] for source in header["inputs"]] == ["digits.csv.gz"]
        assert "digits.read_digits" in (build / "seeds" / name / "config.yaml").read_text(encoding="utf-8")
    assert verdicts(build)["not compared"] == 6
    assert verdicts(build)["differs"] == 0
    assert "the networks on digits from other seeds" in (build / "reports" / "index.html").read_text(encoding="utf-8")
    assert rerun(build, "make", "IMAGES=digits") == []

    rerun(build, "make", "IMAGES=mnist")
    assert verdicts(build) == before
    assert rerun(build) == []


def test_a_change_of_an_optimizers_configuration_reruns_what_composes_it(build: Path) -> None:
    append(build / "conf/optimizer/nadam.yaml", "one line more")
    assert rerun(build) == ["compose"]
    momentum = build / "conf/optimizer/momentum.yaml"
    text = momentum.read_text(encoding="utf-8")
    momentum.write_text(text.replace("momentum: 0.9", "momentum: 0.8"), encoding="utf-8")
    assert run("dvc", "repro", "compose", cwd=build).returncode == 0
    status = run("dvc", "status", cwd=build)
    changed = {line.rstrip(":") for line in status.stdout.splitlines() if line and not line[0].isspace()}
    trained = {f"train_without_data@{name}" for name in ("ackley", "patterns", "rastrigin")}
    assert changed == {"benchmark", "lesson", "optimizers", "seeds@patterns", *trained}
