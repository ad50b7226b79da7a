"""The notebooks, executed from their first cell to their last as they are committed."""

import re
import shutil
from pathlib import Path

import pytest
from conftest import ROOT
from kernels import execute, read_notebook

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SHOWN = {
    "000_stochastic_gradient_descent": [
        r"best minimum +\d+ +0\.5",
        r"diverged +\d+ +0\.3",
        r"local minimum +\d+ +0\.1",
    ],
    "001_gradient_method": [
        re.escape("from whole numbers [-6.35809854e-07 -3.81434987e-07]  from floats [6.11110793e-10 4.07407195e-10]"),
        re.escape("from whole numbers [-2499150084997 -1499450054998]  from floats [3. 2.]"),
        re.escape("from whole numbers [2.97441101 1.98460701]  from floats [2.99940006 1.99960004]"),
        r"ComparedRuns bowl_001: lr: 9 runs  best: lr=0\.5 ",
    ],
    "002_pytorch": ["before: right with 1", "after: right with 4", "^np.True_$"],
    "003_deep_learning": [
        r"momentum +stays +stays +leaves +leaves +leaves",
        r"sgd +stays +stays +stays +stays +leaves",
        "least possible loss 1.4612, reached 1.46",
    ],
    "004_gradient": [
        re.escape("(3.0, 4.0) [6. 8.]"),
        re.escape("[ 2.34235971e+12 -3.96091057e+12]   from a start of its own [-2.99999994  3.99999992]"),
        "loss 0.9113501699, published 0.9113499186",
        "two_layer_gradient: backpropagation and central difference agree",
    ],
}
"""What cells show, as patterns: figures of the articles, and what the texts around them say."""


def test_each_article_has_a_notebook_and_none_is_committed_with_outputs() -> None:
    assert {path.stem for path in NOTEBOOKS} == {*SHOWN, "your_own_optimizer"}
    for path in NOTEBOOKS:
        cells = [cell for cell in read_notebook(path).cells if cell.cell_type == "code"]
        assert [(cell.outputs, cell.execution_count) for cell in cells] == [([], None)] * len(cells)


@pytest.mark.build
@pytest.mark.parametrize("name", SHOWN)
def test_the_notebook_of_an_article_shows_its_figures(name: str, tmp_path: Path) -> None:
    for folder in ("conf", "data", "seeds"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    for run in ("mnist_two_layer", "mnist_three_layer"):
        shutil.copytree(ROOT / "runs" / run, tmp_path / "runs" / run)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    notebook = read_notebook(tmp_path / "notebooks" / f"{name}.ipynb")
    shown = execute(notebook, tmp_path / "notebooks")
    for pattern in SHOWN[name]:
        assert any(re.search(pattern, text) for text in shown), f"{pattern} is in none of {shown}"


@pytest.mark.services
def test_the_notebook_on_an_optimizer_of_ones_own_makes_its_project_and_trains_in_it(tmp_path: Path) -> None:
    notebook = read_notebook(ROOT / "notebooks" / "your_own_optimizer.ipynb")
    shown = execute(notebook, tmp_path)
    assert "optimizer.momentum=0.9: signum.Signum takes no 'momentum'; choose one of lr, beta\n" in shown
    (pair,) = (text for text in shown if text.startswith("<Run") and text.count("<Run") == 2)
    first, changed = re.findall(r"runs/himmelblau-[0-9a-f]{8}", pair)
    assert first != changed
    assert any(text.startswith("<ComparedRuns himmelblau: comparison over signum: 2 runs") for text in shown)
    runs = sorted((tmp_path / "my_project" / "runs").iterdir())
    # The same cells again, in the project that is there: nothing is trained, and the same is shown.
    again = execute(read_notebook(ROOT / "notebooks" / "your_own_optimizer.ipynb"), tmp_path)
    assert pair in again
    assert sorted((tmp_path / "my_project" / "runs").iterdir()) == runs
