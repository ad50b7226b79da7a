"""A real kernel, which trains, edits its own module, trains again and compares."""

import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from kernels import execute

CELLS = (
    "import descent",
    "%%writefile my_surface.py\ndef height(x, y):\n    return 1 * (x**2 + y**2)\n",
    "words = 'problem=bowl', 'problem.height.path=my_surface.height', 'optimizer.lr=0.01', 'trainer.max_steps=20'\n"
    "one = descent.train(*words)\none",
    "%%writefile my_surface.py\ndef height(x, y):\n    return 2 * (x**2 + y**2)\n",
    "two = descent.train(*words)\nprint(one.metrics['x'], two.metrics['x'])",
    "descent.compare(one, two)",
    "descent.sweep(*words[:2], words[3], 'optimizer.lr=0.01,0.02', 'hydra/launcher=fused')",
)


@pytest.mark.services
def test_a_notebook_trains_edits_and_compares(project: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, project)
    v4: Any = nbformat.v4
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in CELLS])
    notebook.cells.append(v4.new_code_cell("descent.train('himelblau')", metadata={"tags": ["raises-exception"]}))
    shown = execute(notebook, project)
    outputs = [cell.outputs for cell in notebook.cells]
    html = ["".join(output.data.get("text/html", "") for output in cell if "data" in output) for cell in outputs]
    assert '<iframe sandbox="allow-scripts"' in html[2]
    first, second = map(float, shown[4].split()[-2:])
    assert first == pytest.approx(-3 * 0.98**20)
    assert second == pytest.approx(-3 * 0.96**20)
    assert "data:image/png;base64," in html[5]
    assert "data:image/png;base64," in html[6]
    assert re.fullmatch(r"UserError: experiment=himelblau: there is no such choice; .*", shown[-1])
