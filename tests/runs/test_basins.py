import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
from conftest import Composed
from descents import alone

from descent.core.data.points import write_points
from descent.errors import UserError
from descent.runs.basins import DIVERGED, ELSEWHERE, OSCILLATES, TOO_SLOW, Basins, basins

SMALL = ("sweep=basin", "basin.cells=7")


def outcome(found: Basins, row: int, column: int) -> str:
    """The only outcome of a cell's runs."""
    (which,) = np.flatnonzero(found.counts[:, row, column])
    return found.outcomes[which]


@pytest.mark.parametrize("threshold", [100, 1])
def test_on_a_parabola_every_cell_is_what_the_closed_form_says(composed: Composed, threshold: float) -> None:
    steps = 40
    config = composed(
        "problem=parabola", f"trainer.max_steps={steps}", "sweep=basin", "basin.cells=25", "basin.rates=[1e-3,4]",
        f"divergence_threshold={threshold}",
    )  # fmt: skip
    found = basins(config)
    seen = set()
    for row, rate in enumerate(found.rates):
        for column, start in enumerate(found.starts):
            path = [start * (1 - 2 * rate) ** step for step in range(steps + 1)]
            if any(abs(x) > threshold for x in path[1:]):
                expected = DIVERGED
            elif abs(2 * path[-1]) <= config.tolerance:
                expected = "at the minimum 0"
            else:
                expected = TOO_SLOW if abs(1 - 2 * rate) < 1 else OSCILLATES
            assert outcome(found, row, column) == expected
            seen.add(expected)
    assert len(seen) == 4


@pytest.mark.parametrize("optimizer", ["steepest_descent", "adam"])
def test_a_cell_comes_to_what_its_run_comes_to_alone(composed: Composed, tmp_path: Path, optimizer: str) -> None:
    common = ("problem=himmelblau", "problem.start=[0,1]", f"optimizer={optimizer}", "trainer.max_steps=300")
    found = basins(composed(*common, *SMALL, "basin.rates=[1e-3,0.3]"))
    for row, column in ((6, 2), (5, 6), (4, 0), (3, 1), (2, 6), (0, 3)):
        start, rate = found.starts[column], found.rates[row]
        config = composed(*common, f"problem.start=[{start},1]", f"optimizer.lr={rate}")
        result, end = alone(config, tmp_path / f"{row}{column}")
        ours = outcome(found, row, column)
        if ours == DIVERGED:
            assert result == "diverged"
        elif ours in (TOO_SLOW, OSCILLATES):
            assert result == "finished"
        else:
            assert result == "converged"
            nearest = min(range(4), key=lambda place: math.dist(found.minima[place], end))
            assert ours == found.outcomes[nearest]


def test_starts_are_spread_evenly_and_rates_evenly_in_log_space(composed: Composed) -> None:
    common = ("problem=parabola", "trainer.max_steps=1", "sweep=basin", "basin.cells=4")
    found = basins(composed(*common, "basin.starts=[-2,4]", "basin.rates=[1e-3,1]"))
    assert found.starts.tolist() == pytest.approx([-2, 0, 2, 4])
    assert found.rates.tolist() == pytest.approx([0.001, 0.01, 0.1, 1])
    config = composed(*common)
    assert basins(config).starts[[0, -1]].tolist() == config.landscape.arguments["x"]  # unless they are given


@pytest.mark.parametrize(("minimum", "is_reached"), [(0.049, True), (0.051, False), (-0.049, True), (-0.051, False)])
def test_a_run_at_rest_has_reached_a_minimum_that_is_within_a_twentieth_of_it(
    composed: Composed, minimum: float, is_reached: bool
) -> None:
    common = ("problem=parabola", "trainer.max_steps=2", "sweep=basin", "basin.cells=3")
    found = basins(
        composed(*common, f"problem.minima=[[{minimum}]]", "basin.rates=[0.1,0.5]")
    )  # 0.5 leads to 0 at once
    assert [outcome(found, 2, column) for column in range(3)] == [found.outcomes[0] if is_reached else ELSEWHERE] * 3


def test_what_is_at_rest_on_a_saddle_is_at_no_minimum(composed: Composed) -> None:
    found = basins(
        composed("problem=six_hump_camel", "problem.start=[1,0]", "trainer.max_steps=5", "sweep=basin", "basin.cells=3")
    )
    assert {outcome(found, row, 1) for row in range(3)} == {ELSEWHERE}  # from (0, 0), where the slope is none


WELLS = ("experiment=noisy_polynomial", "trainer.max_steps=30", "sweep=basin", "basin.cells=5")


@pytest.fixture
def wells(project: Path) -> None:
    """Noisy points along two wells, at -3 and 3."""
    x = np.linspace(-10, 10, 100)
    noise = np.random.default_rng(0).normal(0, 0.5, 100)
    write_points(project / "data" / "noisy_polynomial" / "points.csv", (x, 0.01 * (x**2 - 9) ** 2 + noise))


@pytest.mark.usefixtures("wells")
def test_where_steps_see_other_data_a_cell_counts_the_runs_of_all_seeds(composed: Composed, tmp_path: Path) -> None:
    seeds = range(2, 5)
    found = basins(composed(*WELLS, f"seed={seeds[0]}", f"basin.seeds={len(seeds)}", "basin.rates=[0.1,0.5]"))
    assert (found.counts.sum(axis=0) == found.runs).all()
    assert found.runs == len(seeds)
    for row, column in ((0, 2), (4, 0)):
        ends = []
        for seed in seeds:
            start, rate = f"problem.start={found.starts[column]}", f"optimizer.lr={found.rates[row]}"
            result, end = alone(composed(*WELLS, start, rate, f"seed={seed}"), tmp_path / f"{row}{column}{seed}")
            nearest = int(np.abs(found.minima[:, 0] - end[0]).argmin())
            ends.append(DIVERGED if result == "diverged" else found.outcomes[nearest])
        assert len(set(ends)) > 1
        counted = dict(zip(found.outcomes, found.counts[:, row, column].tolist(), strict=True))
        assert counted == {name: ends.count(name) for name in found.outcomes}


def test_runs_that_can_not_be_a_batch_are_trained_alone_from_every_seed(
    composed: Composed, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = ("optimizer._target_=torch.optim.LBFGS", "basin.cells=2", "basin.seeds=2", "trainer.max_steps=3")
    found = basins(composed(*WELLS, *alone))
    assert capsys.readouterr().out == 2 * "4 runs are trained alone: their optimizer takes a closure\n"
    assert found.counts.sum() == 2 * 4


@pytest.mark.usefixtures("wells")
def test_the_minima_of_a_map_are_those_between_its_starts(composed: Composed) -> None:
    for starts, minima in (("[-7,7]", [3, -3]), ("[-2,6]", [3]), ("[-2,2]", [])):
        found = basins(composed(*WELLS, f"basin.starts={starts}", "trainer.max_steps=1"))
        assert found.minima[:, 0].tolist() == pytest.approx(minima, abs=0.2)
        assert not found.counts[found.outcomes.index(ELSEWHERE)].any()  # nothing is at rest where steps see other data


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
        ("basin.cells=2.5", r"basin.cells=2.5: choose a whole number from 2"),
        ("basin.seeds=true", r"basin.seeds=true: choose a whole number from 1"),
        ("basin.seeds=0", r"basin.seeds=0: choose a whole number from 1"),
        ("basin.rates=[0,1]", r"basin.rates=\[0, 1\]: choose two numbers above 0, the lower first"),
        ("basin.rates=[0.1,inf]", r"basin.rates=\[0.1, inf\]: choose two numbers above 0, the lower first"),
        ("basin.rates=0.1", r"basin.rates=0.1: choose two numbers above 0, the lower first"),
        ("basin.starts=[2,1]", r"basin.starts=\[2, 1\]: choose two numbers, the lower first"),
        (
            "problem._target_=core.training.test_stepper.Shaken",
            "parabola: a map takes steps that draw no random numbers",
        ),
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
