import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
from conftest import Composed
from descents import alone

from descent.basins import AWAY, ELSEWHERE, NOT_YET, Basins, basins
from descent.errors import UserError

SMALL = ("sweep=basin", "basin.cells=7")


def outcome(found: Basins, row: int, column: int) -> str:
    """The only outcome of a cell's runs."""
    (which,) = np.flatnonzero(found.counts[:, row, column])
    return found.outcomes[which]


def test_on_a_parabola_every_cell_is_what_the_closed_form_says(composed: Composed) -> None:
    steps = 40
    config = composed(
        "problem=parabola", f"trainer.max_steps={steps}", "sweep=basin", "basin.cells=25", "basin.rates=[1e-3,4]"
    )
    found = basins(config)
    seen = set()
    for row, rate in enumerate(found.rates):
        for column, start in enumerate(found.starts):
            path = [start * (1 - 2 * rate) ** step for step in range(steps + 1)]
            if any(abs(x) > config.bound for x in path):
                expected = AWAY
            else:
                expected = "at the minimum 0" if abs(2 * path[-1]) <= config.tolerance else NOT_YET
            assert outcome(found, row, column) == expected
            seen.add(expected)
    assert len(seen) == 3


@pytest.mark.parametrize("optimizer", ["steepest_descent", "adam"])
def test_a_cell_comes_to_what_its_run_comes_to_alone(composed: Composed, tmp_path: Path, optimizer: str) -> None:
    common = ("problem=himmelblau", "problem.start=[0,1]", f"optimizer={optimizer}", "trainer.max_steps=300")
    found = basins(composed(*common, *SMALL, "basin.rates=[1e-3,0.3]"))
    for row, column in ((6, 2), (5, 6), (4, 0), (3, 1), (2, 6), (0, 3)):
        start, rate = found.starts[column], found.rates[row]
        config = composed(*common, f"problem.start=[{start},1]", f"optimizer.lr={rate}")
        result, end = alone(config, tmp_path / f"{row}{column}")
        ours = outcome(found, row, column)
        if ours == AWAY:
            assert result == "diverged"
        elif ours == NOT_YET:
            assert result == "finished"
        else:
            assert result == "converged"
            nearest = min(range(4), key=lambda place: math.dist(found.minima[place], end))
            assert ours == found.outcomes[nearest]


def test_what_is_at_rest_on_a_saddle_is_at_no_minimum(composed: Composed) -> None:
    found = basins(
        composed("problem=six_hump_camel", "problem.start=[1,0]", "trainer.max_steps=5", "sweep=basin", "basin.cells=3")
    )
    assert {outcome(found, row, 1) for row in range(3)} == {ELSEWHERE}  # from (0, 0), where the slope is none


def test_where_steps_see_other_data_a_cell_counts_the_runs_of_all_seeds(composed: Composed, tmp_path: Path) -> None:
    common = ("experiment=noisy_polynomial", "trainer.max_steps=30")
    found = basins(composed(*common, *SMALL, "basin.seeds=3", "basin.rates=[1e-3,1]"))
    assert (found.counts.sum(axis=0) == 3).all()
    assert found.runs == 3
    row, column = 5, 5
    ends = []
    for seed in range(2, 5):
        start = f"problem.start={found.starts[column]}"
        config = composed(*common, start, f"optimizer.lr={found.rates[row]}", f"seed={seed}")
        result, end = alone(config, tmp_path / f"{seed}")
        nearest = int(np.abs(found.minima[:, 0] - end[0]).argmin())
        ends.append(AWAY if result == "diverged" else found.outcomes[nearest])
    counted = dict(zip(found.outcomes, found.counts[:, row, column].tolist(), strict=True))
    assert counted == {name: ends.count(name) for name in found.outcomes}


def test_the_table_has_a_row_for_each_cell(composed: Composed) -> None:
    found = basins(composed("problem=parabola", "trainer.max_steps=5", *SMALL))
    rows = list(csv.DictReader(io.StringIO(found.table())))
    assert len(rows) == 49
    assert [float(row["start"]) for row in rows[:7]] == found.starts.tolist()
    assert all(sum(int(row[name]) for name in found.outcomes) == 1 for row in rows)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("basin.cells=1", r"basin.cells=1: choose a whole number from 2"),
        ("basin.seeds=0", r"basin.seeds=0: choose a whole number from 1"),
        ("basin.rates=[0,1]", r"basin.rates=\[0, 1\]: choose two numbers above 0, the lower first"),
        ("basin.rates=[0.1,inf]", r"basin.rates=\[0.1, inf\]: choose two numbers above 0, the lower first"),
        ("basin.rates=0.1", r"basin.rates=0.1: choose two numbers above 0, the lower first"),
        ("basin.starts=[2,1]", r"basin.starts=\[2, 1\]: choose two numbers, the lower first"),
        (
            "gradient=central_difference",
            r"parabola: a map takes a problem of one or two parameters, and gradient=autograd",
        ),
    ],
)
def test_what_can_not_be_mapped_is_refused_in_a_line(composed: Composed, override: str, said: str) -> None:
    with pytest.raises(UserError, match=f"^{said}$"):
        basins(composed("problem=parabola", "trainer.max_steps=5", "sweep=basin", override))


def test_networks_are_refused(composed: Composed) -> None:
    with pytest.raises(UserError, match="one or two parameters"):
        basins(composed("experiment=mnist_two_layer", *SMALL))
