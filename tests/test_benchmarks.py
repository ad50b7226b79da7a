import json
from pathlib import Path

from benchmarks.__main__ import report
from benchmarks.measured import Measured, in_turns
from benchmarks.profiles import OTHER, PARTS, part_of

ROOT = Path(__file__).parents[1]


def test_ratios_are_of_one_turn_each_and_their_median_meets_the_goal() -> None:
    measured = Measured("a step", "another", "ms", [1.0, 4.0, 9.0], [1.0, 2.0, 10.0], goal=1.0)
    assert measured.ratios == [1.0, 2.0, 0.9]
    assert measured.is_met
    assert measured.cells()[3:] == ["4 (1 to 9)", "2 (1 to 10)", "1 (0.9 to 2)", "3", "1", "yes"]


def test_what_is_compared_is_measured_in_turns_each_side_first_as_often_as_the_other() -> None:
    calls: list[str] = []

    def measure(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    assert in_turns(2, lambda: measure("ours"), lambda: measure("theirs")) == [[1.0, 4.0], [2.0, 3.0]]
    assert calls == ["ours", "theirs", "theirs", "ours"]


def test_a_stack_is_in_its_innermost_part_unless_it_evaluates() -> None:
    forward, step = "src/descent/core/problems/networks.py", "src/descent/core/training/stepper.py"
    assert part_of(["torch/functional.py", forward, step]) == "forward"
    assert part_of(["torch/functional.py", step, "pytorch_lightning/loops/fit_loop.py"]) == "losses, norms"
    assert part_of([forward, "src/descent/core/training/evaluation.py"]) == "evaluations"
    assert part_of(["threading.py"]) == OTHER


def test_every_file_of_a_part_is_there() -> None:
    files = [str(path) for path in (ROOT / "src" / "descent").rglob("*.py")]
    own = [name for names in PARTS.values() for name in names if "torch" not in name and "lightning" not in name]
    assert [name for name in own if not any(name in file for file in files)] == []


def test_the_page_quotes_the_results() -> None:
    """Else put what `make bench` printed into docs/benchmarks.md."""
    results = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    page = " ".join((ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8").split())
    lines = [" ".join(line.split()) for line in report(results).splitlines()]
    assert [line for line in lines if line not in page] == []
