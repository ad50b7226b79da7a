import math
from pathlib import Path

import pytest
from report.parsed import Parsed

from descent.records.outcomes import Outcome
from descent.records.sweep import SweepHeader, SweepRecord, SweepState
from descent.report.benchmark import benchmark_sections, write_benchmark_page

PARAMS = {
    "suite.name": "tiny", "suite.description": "Two problems & their <starts>.", "suite.problems": "bowl cubic",
    "suite.baseline.optimizer": "sgd", "suite.baseline.lr": "0.1",
}  # fmt: skip
STEPS = {("adam", 0.1): 10.0, ("adam", 0.01): 30.0, ("sgd", 0.1): 40.0, ("sgd", 0.01): 20.0}


@pytest.fixture
def benchmark(tmp_path: Path) -> SweepRecord:
    """A benchmark of two problems by two optimizers at two rates from two seeds."""
    record = SweepRecord.create(tmp_path / "tiny", SweepHeader("key", "benchmark tiny", "suites", 0, PARAMS, {}), "")
    for factor, name in enumerate(("bowl", "cubic"), start=1):
        sweep = SweepRecord.create(record.folder / name, SweepHeader(name, name, name, 0, {}, {}), "")
        sweep.write_outcomes(
            [
                Outcome(
                    {"optimizer": optimizer, "optimizer.lr": f"{rate:g}", "seed": str(seed)}, "finished", 100,
                    {"steps_to_target": math.inf if name == "cubic" and seed else factor * steps, "loss/train": 0.1},
                )
                for (optimizer, rate), steps in STEPS.items()
                for seed in range(2)
            ]
        )  # fmt: skip
    record.write_state(SweepState("FINISHED"))
    return record


def test_a_benchmark_is_its_conclusions_its_problems_and_its_advantages(benchmark: SweepRecord) -> None:
    ranks, problems, advantages = benchmark_sections(benchmark)
    assert ranks.paragraphs[1].startswith("adam has the best mean rank of 2 optimizers on 2 problems")
    assert ranks.table is not None
    assert [row[:1] + row[2:] for row in map(list, ranks.table.rows)] == [
        ["adam", "75%", "0.75", "0.50"], ["sgd", "75%", "0.50", "0.33"],
    ]  # fmt: skip
    assert problems.table is not None
    assert problems.table.rows == [["bowl", "0.1", "0.01"], ["cubic", "0.1", "0.01"]]
    assert advantages.table is not None
    # sgd at its own rate takes four times as long, and twice as long at its best one.
    assert list(advantages.table.rows[0]) == ["bowl", "adam", "4 (4 to 4)", "2 (2 to 2)"]
    assert [row[0] for row in advantages.table.rows] == ["bowl", "cubic", "all"]


def test_the_page_has_the_sections_and_loads_nothing_from_outside(benchmark: SweepRecord) -> None:
    page = Parsed(write_benchmark_page(benchmark))
    assert "Two problems & their <starts>." in page.text
    addresses = [attributes.get(name) for _, attributes in page.elements for name in ("src", "href")]
    assert all(address.startswith(("data:", "#")) for address in addresses if address)
    assert len(page.all("img")) == 2
    assert all(attributes.get("alt") for attributes in page.all("img"))
    assert len(page.all("table")) == 3
