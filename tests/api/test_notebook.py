"""A real kernel, which trains, edits its own module, trains again and compares."""

import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

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
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(project)}}).execute()
    outputs = [cell.outputs for cell in notebook.cells]
    of_stderr = [output.text for cell in outputs for output in cell if output.get("name") == "stderr"]
    assert of_stderr == []
    html = ["".join(output.data.get("text/html", "") for output in cell if "data" in output) for cell in outputs]
    assert '<iframe sandbox="allow-scripts"' in html[2]
    first, second = map(float, "".join(o.text for o in outputs[4] if o.get("name") == "stdout").split()[-2:])
    assert first == pytest.approx(-3 * 0.98**20)
    assert second == pytest.approx(-3 * 0.96**20)
    assert "data:image/png;base64," in html[5]
    assert "data:image/png;base64," in html[6]
