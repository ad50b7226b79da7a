import csv
import re
import shutil
from pathlib import Path

import pytest
from end_to_end.commands import here

REPEAT = ("descent", "seeds", "experiment=noisy_polynomial", "trainer.max_steps=5", "evaluation.every=5")


def test_an_experiment_is_repeated_from_the_seeds_after_its_own(project: Path) -> None:
    done = here(*REPEAT, "--count", "2", "seed=7", cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "finished 100 % (34.2 % to 100 %) of 2"
    assert re.match(
        r"loss/train -?[\d.]+ \(-?[\d.]+ to -?[\d.]+\), interquartile mean of 2$", done.stdout.splitlines()[1]
    )
    assert done.stdout.splitlines()[-2:] == [
        "noisy_polynomial from 2 more seeds: 2 trained, 0 finished before",
        "table seeds/noisy_polynomial/runs.csv  pictures seeds/noisy_polynomial/views/*.png",
    ]
    with (project / "seeds" / "noisy_polynomial" / "runs.csv").open(newline="") as file:
        assert [row["seed"] for row in csv.DictReader(file)] == ["8", "9"]
    again = here(*REPEAT, "--count", "2", "seed=7", cwd=project)
    assert again.stdout == done.stdout.replace("2 trained, 0 finished", "0 trained, 2 finished")


def test_the_pictures_are_drawn_again_from_the_folder_alone(project: Path) -> None:
    here(*REPEAT, "--count", "2", cwd=project)
    views = project / "seeds" / "noisy_polynomial" / "views"
    drawn = {path.name: path.read_bytes() for path in views.iterdir()}
    assert drawn.keys() == {"ends.png", "outcomes.png"}
    shutil.rmtree(views)
    again = here("descent", "draw", "seeds/noisy_polynomial", cwd=project)
    assert again.stdout == "seeds/noisy_polynomial: drawn\n"
    assert {path.name: path.read_bytes() for path in views.iterdir()} == drawn


@pytest.mark.parametrize("seeds", ["1", "-3"])
def test_fewer_than_two_seeds_are_refused_in_a_line(project: Path, seeds: str) -> None:
    refused = here(*REPEAT, "--count", seeds, cwd=project)
    assert refused.returncode == 1
    assert refused.stderr == f"descent seeds: --count {seeds}: choose 2 or more\n"
    assert not (project / "seeds").exists()


def test_without_an_experiment_it_says_which_there_are(project: Path) -> None:
    refused = here("descent", "seeds", cwd=project)
    assert refused.stderr.startswith("descent seeds: say what to train: experiment=NAME, one of ackley, ")
