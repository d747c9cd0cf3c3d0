"""The notebook of the documentation runs, and shows what it stores.

``python tests/test_notebook.py`` runs it again and stores its outputs.
"""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from support.workflow_fixture import HANGS

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "python.ipynb"
TOLERANCE = 0.02  # of a printed number; another version of a library may flip a near tie
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")


def execute(path: Path) -> nbformat.NotebookNode:
    """Return the notebook with fresh outputs, without times and versions."""
    notebook = nbformat.read(path, as_version=4)
    metadata = dict(notebook.metadata)
    client = NotebookClient(
        notebook,
        timeout=HANGS,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
    )
    client.execute()
    notebook.metadata = nbformat.from_dict(metadata)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
    return notebook


def texts(notebook) -> list[list[str]]:
    """Return the plain text of the outputs of each code cell; a picture is its kind only."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            outputs = [out.get("text") or out["data"] for out in cell.outputs]
            found.append([o if isinstance(o, str) else _text_of(o) for o in outputs])
    return found


def _text_of(data) -> str:
    return "image/png" if "image/png" in data else data["text/plain"]


def differences(found: str, stored: str) -> list[str]:
    """Say where two texts differ in words, or in numbers by more than the tolerance."""
    words = [" ".join(_NUMBER.sub("#", text).split()) for text in (found, stored)]
    if words[0] != words[1]:
        return [f"{words[0]!r} is not {words[1]!r}"]
    pairs = zip(*(map(float, _NUMBER.findall(text)) for text in (found, stored)), strict=True)
    return [f"{a} is not {b}" for a, b in pairs if abs(a - b) > TOLERANCE]


@pytest.fixture(scope="module")
def stored():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.mark.extended
def test_notebook_runs_and_gives_the_outputs_that_it_stores(stored):
    found = texts(execute(NOTEBOOK))
    expected = texts(stored)
    assert [len(cell) for cell in found] == [len(cell) for cell in expected]
    for number, (fresh, old) in enumerate(zip(found, expected, strict=True), start=1):
        for one, other in zip(fresh, old, strict=True):
            assert differences(one, other) == [], f"code cell {number}"


def test_notebook_is_stored_with_outputs_small_and_without_traces_of_a_machine(stored):
    assert NOTEBOOK.stat().st_size < 150_000
    nbformat.validate(stored)
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert not re.search(r"""["'\s(=](?:/[\w.-]+){2,}""", text), "a path of a machine"
    for trace in ('execution": {', "iopub"):
        assert trace not in text, trace
    outputs = texts(stored)
    assert sum(map(len, outputs)) >= 7
    assert ["image/png"] in outputs
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not any(out.output_type == "error" for cell in code for out in cell.outputs)


def test_comparison_of_outputs_sees_words_and_numbers():
    assert differences("PS  0.17 7e-02", "PS 0.18 0.07") == []
    assert differences("PS 0.17", "PS 0.27") == ["0.17 is not 0.27"]
    assert differences("PS 0.17", "PP 0.17") == ["'PS #' is not 'PP #'"]
    assert differences("unit 651", "unit 652") == ["651.0 is not 652.0"]


if __name__ == "__main__":
    nbformat.write(execute(NOTEBOOK), NOTEBOOK)
