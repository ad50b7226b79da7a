"""What runs and comparisons are seen as."""

import re
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
from own_surface import QUICK

import descent
from descent.records.run import STEPS, RunRecord


@pytest.fixture
def run(project: Path) -> descent.Run:
    return descent.train("himmelblau", "optimizer=adam", *QUICK)


def test_a_run_has_its_record_as_values_and_tables(run: descent.Run) -> None:
    assert run.result == "finished"
    assert run.config["optimizer"]["lr"] == float(run.params["optimizer.lr"])
    steps, recorded = run.steps, RunRecord(run.folder).read(STEPS)
    assert steps["step"].tolist() == list(range(1, 21))
    assert steps["step"].dtype == "int64"
    assert isinstance(steps["timestamp"].dtype, pd.DatetimeTZDtype)
    for name in ("loss/step", "grad_norm", "x", "y"):
        assert steps[name].tolist() == recorded.column(name).tolist()
    assert run.evaluations["loss/train"].iloc[-1] == run.metrics["loss/train"]


def test_a_run_is_seen_as_its_player_in_a_frame_of_its_own(run: descent.Run) -> None:
    (run.folder / "views" / "descent.html").unlink()
    html = run._repr_html_()
    (content,) = re.findall(r'<iframe sandbox="allow-scripts" [^>]*srcdoc="([^"]*)"></iframe>', html)
    assert unescape(content) == (run.folder / "views" / "descent.html").read_text()
    assert f"<code>runs/{run.folder.name}</code>" in html
    assert repr(run) == f"<Run himmelblau: finished  {repr(run).split('  ', 1)[1]}"
    assert "\n" not in repr(run)


def test_a_comparison_is_seen_as_its_table_and_pictures(project: Path) -> None:
    swept = descent.sweep("himmelblau", "optimizer=sgd,adam", "optimizer.lr=1e-3,1e-2", "hydra/launcher=fused", *QUICK)
    table = swept.table
    assert table["optimizer.lr"].tolist() == [1e-3, 1e-2, 1e-3, 1e-2]
    assert (table["steps"] == 20).all()
    by_record = {run.record.header.id: run.metrics["loss/train"] for run in swept.runs}
    assert dict(zip(table["record"], table["loss/train"], strict=True)) == by_record
    assert swept.best is not None
    assert swept.best.metrics["loss/train"] == min(by_record.values())
    html = swept._repr_html_()
    assert html.count('src="data:image/png;base64,') == len(swept.pictures) == 3
    assert html.count("<tr") == 5
    assert repr(swept).endswith(f"best: {swept.best.name}  sweeps/{swept.folder.name}>")


@pytest.mark.usefixtures("project")
def test_a_map_has_a_table_of_its_cells_and_a_picture() -> None:
    cells = descent.sweep("himmelblau", "sweep=basin", "basin.cells=4", *QUICK)
    assert len(cells.table) == 16
    assert (cells.runs, cells.best) == ([], None)
    assert [path.name for path in cells.pictures] == ["basin.png"]
    assert "0 runs" in cells._repr_html_()


def test_a_run_that_is_not_finished_is_refused(run: descent.Run) -> None:
    (run.folder / "record" / "result.json").unlink()
    with pytest.raises(descent.UserError, match="holds no finished run"):
        descent.load(run.folder)
