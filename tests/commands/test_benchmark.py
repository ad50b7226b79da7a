import shutil
from pathlib import Path

import pytest
from suites import write_suite

from descent.commands import draw
from descent.commands.benchmark import main
from descent.errors import UserError

TINY = """
name: tiny
description: A bowl.
overrides: [sweep=random_starts, trainer.max_steps=30]
problems: {bowl: {overrides: [problem=bowl], target: {value: 1e-3}}}
optimizers: {sgd: {rates: [0.01, 1]}, adam: {rates: [0.01, 1]}}
rates: 3
seeds: 2
"""


@pytest.fixture
def tiny(project: Path) -> Path:
    return write_suite(project, TINY)


def test_it_says_what_may_be_concluded_and_where_the_page_is(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["suite=tiny", "tracking=none", "folder=suites/here"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("bowl: ")
    assert lines[1].startswith(
        "sgd has the best mean rank of 2 optimizers on 1 problem: 1.00. It reaches the target from "
    )
    assert lines[-1].split()[-1] == "suites/here/views/index.html"
    page = (tiny / "suites/here/views/index.html").read_text(encoding="utf-8")
    assert "<title>Descent: Benchmark: tiny</title>" in page
    # The best run of each optimizer is drawn, as any tracked run is.
    assert (tiny / "suites/here/bowl/sgd/views/descent.png").exists()
    main(["suite=tiny", "tracking=none", "folder=suites/here"])
    assert capsys.readouterr().out.splitlines() == lines
    shutil.rmtree(tiny / "suites/here/views")
    draw.main(["suites/here"])
    assert {"suites/here: drawn", "suites/here/bowl: up to date"} <= set(capsys.readouterr().out.splitlines())
    assert (tiny / "suites/here/views/index.html").read_text(encoding="utf-8") == page


def test_an_unknown_suite_or_key_is_refused_in_a_line(tiny: Path) -> None:
    with pytest.raises(UserError, match="surfaces"):
        main(["suite=surface"])
    with pytest.raises(UserError, match=r"suite\.seeds"):
        main(["suite=tiny", "suite.seed=3"])
    with pytest.raises(UserError, match="suite"):
        main([])
