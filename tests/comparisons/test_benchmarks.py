import math
from collections.abc import Sequence

import numpy as np
import pytest

from descent.comparisons.advantages import ALL, Speedup, advantage_conclusions, advantages, speedup
from descent.comparisons.benchmarks import SolvedProblem, benchmark_conclusions, rank_rows, solved_problem
from descent.comparisons.grouping import EndedRun
from descent.records.header import Result


def run(
    optimizer: str, rate: float, seed: int, steps: float, loss: float = 1.0, result: Result = "finished"
) -> EndedRun:
    params = {"optimizer": optimizer, "optimizer.lr": f"{rate:g}", "seed": str(seed)}
    return EndedRun("", "", "bowl", params, result, 100, {"steps_to_target": steps, "loss/train": loss})


def test_the_best_rate_solves_most_starts_then_takes_the_fewest_steps_then_has_the_lowest_loss() -> None:
    runs = [
        *(run("adam", 0.1, seed, steps) for seed, steps in enumerate([5.0, math.inf])),
        *(run("adam", 0.01, seed, steps) for seed, steps in enumerate([50.0, 60.0])),
        *(run("adam", 0.001, seed, steps) for seed, steps in enumerate([40.0, 60.0])),
        *(run("sgd", 0.1, seed, math.inf, loss) for seed, loss in enumerate([1.0, 2.0])),
        *(run("sgd", 0.01, seed, math.inf, loss) for seed, loss in enumerate([0.5, 2.0])),
        run("sgd", 1.0, 1, 3.0, result="diverged"),  # beyond the target, and then to minus infinity
        run("sgd", 1.0, 0, math.inf, result="diverged"),
    ]
    solved = solved_problem("bowl", runs)
    assert solved.best == {"adam": 0.001, "sgd": 0.01}
    assert {name: steps.tolist() for name, steps in solved.steps.items()} == {"adam": [40, 60], "sgd": [math.inf] * 2}
    # Of each study, a seed, the fastest trial: 5 and 60; their median.
    assert {name: steps.tolist() for name, steps in solved.studies.items()} == {"adam": [32.5], "sgd": [math.inf]}
    assert solved.is_at_end("adam")
    assert not SolvedProblem("bowl", {"sgd": {0.1: np.ones(1), 1.0: np.ones(1)}}, {"sgd": 1.0}).is_at_end("sgd")


def problem(name: str, rate: float = 0.1, **steps: Sequence[float]) -> SolvedProblem:
    """A problem that optimizers solve in so many steps at a rate, and never at others on both sides."""
    missed = [math.inf] * len(next(iter(steps.values())))
    tried = {0.01: missed, 0.1: missed, 1.0: missed}
    arrays = {
        optimizer: {at: np.array(values) for at, values in sorted({**tried, rate: row}.items())}
        for optimizer, row in steps.items()
    }
    return SolvedProblem(name, arrays, dict.fromkeys(steps, rate))


def test_an_optimizer_that_is_the_first_on_all_problems_is_separable_from_the_others() -> None:
    problems = [problem(str(number), adam=[10, 12], sgd=[20, 30]) for number in range(5)]
    first, second, *_, last = benchmark_conclusions(problems)
    assert first == (
        "adam has the best mean rank of 2 optimizers on 5 problems: 1.00 (1.00 to 1.00, Student's 95% interval over "
        "problems). It reaches the target from 100% of 10 starts, and from 100% no other one is faster."
    )
    assert second == "It is separable from each of the others (t-tests over problems, p < 0.05)."
    assert (
        last
        == "Each optimizer is tuned on each problem, by the runs that rank it, at as many rates as every other one."
    )


def test_optimizers_that_change_places_are_not_separable_and_what_limits_the_answer_is_said() -> None:
    problems = [
        problem("a", adam=[10, 12], sgd=[20, math.inf]),
        problem("b", adam=[math.inf, math.inf], sgd=[20, 30]),
        problem("c", adam=[math.inf], sgd=[math.inf]),
        problem("d", 0.01, adam=[10, math.inf], sgd=[5, 50]),
    ]
    lines = benchmark_conclusions(problems)
    assert "Over these problems it is not separable from adam." in lines
    assert "No optimizer reaches the target on c." in lines
    at_ends = "adam (on 1), sgd (on 1)"
    assert f"The best rate is the smallest or the largest tried for {at_ends}: widen the range." in lines


def test_the_optimizer_that_solves_most_is_named_if_it_is_not_the_first() -> None:
    problems = [problem(str(number), adam=[10, 12, math.inf], sgd=[20, 30, 40]) for number in range(3)]
    assert "sgd reaches the target from the most starts: 100%." in benchmark_conclusions(problems)


def test_a_row_for_each_optimizer_has_its_ranks_and_scores() -> None:
    first, second = rank_rows([problem("a", adam=[10, 10], sgd=[20, 40])])
    assert first == {
        "optimizer": "adam", "mean rank": 1, "low": pytest.approx(math.nan, nan_ok=True),
        "high": pytest.approx(math.nan, nan_ok=True), "solved": 1, "score": 1, "AlgoPerf score": 1,
    }  # fmt: skip
    # Multiples of 2 and 4; of the studies, 3.
    assert second["score"] == pytest.approx((2 / 3 + 0) / 2)
    assert second["AlgoPerf score"] == pytest.approx(1 / 3)


def test_an_advantage_is_a_mean_of_ratios_with_students_interval() -> None:
    # The logarithms of 2 and 8 are 0.69 and 2.08: their mean is that of 4, and t = 12.71 with one degree of freedom.
    of_two = speedup(np.log([2.0, 8.0]))
    assert of_two.mean == pytest.approx(4)
    assert of_two.high / of_two.mean == pytest.approx(math.exp(12.706 * math.log(2)), rel=1e-3)
    assert of_two.mean / of_two.low == pytest.approx(of_two.high / of_two.mean)
    assert str(speedup([math.log(2)])) == "2"
    assert (speedup([0.1, math.inf]).mean, speedup([0.1, -math.inf]).mean) == (math.inf, 0)
    assert math.isnan(speedup([math.inf, -math.inf]).mean)


def test_what_is_left_of_an_advantage_is_measured_against_the_tuned_baseline() -> None:
    def solved(name: str, factor: float) -> SolvedProblem:
        untuned, tuned, muon = ([factor * value for value in row] for row in ([40, 44], [20, 22], [10, 11]))
        by_rate = {"adamw": {0.001: np.array(untuned), 0.01: np.array(tuned)}, "muon": {0.1: np.array(muon)}}
        return SolvedProblem(name, by_rate, {"adamw": 0.01, "muon": 0.1})

    problems = [solved("a", 1), solved("b", 3)]
    rows = advantages(problems, "adamw", 0.001)
    assert [(row.problem, row.optimizer) for row in rows] == [("a", "muon"), ("b", "muon"), (ALL, "muon")]
    assert [row.untuned.mean for row in rows] == pytest.approx([4.0] * 3)
    assert [row.tuned.mean for row in rows] == pytest.approx([2.0] * 3)
    (line,) = advantage_conclusions(rows, "adamw", 0.001)
    assert line == (
        "Over adamw at its own rate of 0.001, muon has the largest advantage: it is 4 (4 to 4) times as fast. "
        "Of that 2 (2 to 2) times is left when adamw is tuned as well."
    )
    assert advantage_conclusions(advantages(problems[:1], "adamw", 0.001), "adamw", 0.001) == [line]


def test_who_never_arrives_has_no_advantage_and_who_alone_does_an_infinite_one() -> None:
    steps = {"adamw": {0.1: np.array([math.inf, math.inf])}, "sgd": {0.1: np.array([math.inf, math.inf])}}
    fast = {"muon": {0.1: np.array([5.0, 6.0])}}
    rows = advantages([SolvedProblem("a", steps | fast, dict.fromkeys([*steps, *fast], 0.1))], "adamw", 0.1)
    assert [(row.optimizer, row.tuned.mean) for row in rows] == [("sgd", 1.0), ("muon", math.inf)]
    assert str(rows[1].tuned) == "more often"
    assert str(Speedup(2.0, 1.5, 3.0)) == "2 (1.5 to 3)"


def test_an_advantage_without_a_number_on_all_problems_is_told_of_one_and_the_others_are_named() -> None:
    def solved(name: str, untuned: list[float], tuned: list[float], muon: list[float]) -> SolvedProblem:
        by_rate = {"adamw": {0.001: np.array(untuned), 0.01: np.array(tuned)}, "muon": {0.1: np.array(muon)}}
        return SolvedProblem(name, by_rate, {"adamw": 0.01, "muon": 0.1})

    never, sometimes = [math.inf, math.inf], [20.0, math.inf]
    problems = [
        solved("a", [40, 44], [20, 22], [10, 11]),
        solved("b", never, [20, 22], sometimes),
        solved("c", never, sometimes, sometimes[::-1]),
    ]
    rows = advantages(problems, "adamw", 0.001)
    assert [str(row.untuned) for row in rows] == ["4 (4 to 4)", "more often", "more often", "more often"]
    assert [str(row.tuned) for row in rows] == ["2 (2 to 2)", "less often", "from other starts", "from other starts"]
    missed = "others reach the target from starts from which adamw at 0.001 does not."
    assert advantage_conclusions(rows, "adamw", 0.001) == [
        "Over adamw at its own rate of 0.001, muon has the largest advantage on a: it is 4 (4 to 4) times as fast. "
        "Of that 2 (2 to 2) times is left when adamw is tuned as well.",
        f"On b, c, {missed}",
    ]
    only_b = advantages(problems[1:2], "adamw", 0.001)
    assert advantage_conclusions(only_b, "adamw", 0.001) == [f"On b, {missed}"]
