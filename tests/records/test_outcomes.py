import math

from descent.records.outcomes import Outcome, outcomes_csv, read_outcomes


def test_outcomes_are_read_as_they_were_written() -> None:
    outcomes = [
        Outcome({"optimizer": "sgd", "optimizer.lr": "0.1"}, "diverged", 3, {"steps_to_target": math.inf, "x": -1e300}),
        Outcome({"optimizer": "a, b", "optimizer.lr": "1e-05"}, "finished", 9, {"steps_to_target": 4.0, "x": 1 / 3}),
    ]
    text = outcomes_csv(outcomes)
    assert text.splitlines()[0] == "optimizer,optimizer.lr,result,steps,steps_to_target,x"
    assert read_outcomes(text) == outcomes


def test_lines_end_as_those_of_all_tables() -> None:
    assert "\r" not in outcomes_csv([Outcome({"optimizer": "adam"}, "converged", 3, {"loss/train": 0.5})])
