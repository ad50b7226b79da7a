"""Notebooks executed in a kernel of their own."""

from pathlib import Path

import nbformat
import pytest
from end_to_end.commands import ENVIRONMENT
from nbclient import NotebookClient
from nbformat import NotebookNode


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook."""
    notebook: NotebookNode = nbformat.reads(path.read_text(encoding="utf-8"), 4)  # type: ignore[no-untyped-call]
    return notebook


def execute(notebook: NotebookNode, folder: Path) -> list[str]:
    """Execute the cells of a notebook in a folder, from the first to the last.

    Returns:
        What each code cell prints or shows, as texts, its error included.

    Raises:
        CellExecutionError: if a cell raises that is not tagged `raises-exception`.
        AssertionError: if one warns.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", ENVIRONMENT["PATH"])
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    cells = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    warned = [output.text for outputs in cells for output in outputs if output.get("name") == "stderr"]
    assert warned == []
    return ["".join(map(_text, outputs)) for outputs in cells]


def _text(output: NotebookNode) -> str:
    if output.output_type == "error":
        return "\n".join(output.traceback)
    if "application/vnd.jupyter.widget-view+json" in output.get("data", ()):
        return ""  # a progress bar
    text: str = output.text if output.output_type == "stream" else output.data["text/plain"]
    return text
