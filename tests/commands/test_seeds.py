import csv
from pathlib import Path

import pytest
from end_to_end.commands import here

REPEAT = ("descent", "seeds", "experiment=noisy_polynomial", "trainer.max_steps=5", "evaluation.every=5")


def test_an_experiment_is_repeated_from_the_seeds_after_its_own(project: Path) -> None:
    done = here(*REPEAT, "--count", "2", "seed=7", cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "noisy_polynomial from 2 more seeds: seeds/noisy_polynomial/runs.csv\n"
    with (project / "seeds" / "noisy_polynomial" / "runs.csv").open(newline="") as file:
        assert [row["seed"] for row in csv.DictReader(file)] == ["8", "9"]


@pytest.mark.parametrize("seeds", ["1", "-3"])
def test_fewer_than_two_seeds_are_refused_in_a_line(project: Path, seeds: str) -> None:
    refused = here(*REPEAT, "--count", seeds, cwd=project)
    assert refused.returncode == 1
    assert refused.stderr == f"descent seeds: --count {seeds}: choose 2 or more\n"
    assert not (project / "seeds").exists()


def test_without_an_experiment_it_says_which_there_are(project: Path) -> None:
    refused = here("descent", "seeds", cwd=project)
    assert refused.stderr.startswith("descent seeds: say what to train: experiment=NAME, one of ackley, ")
