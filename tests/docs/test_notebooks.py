"""The notebooks run as they are, print what they say they print, and tell of no machine."""

from __future__ import annotations

import base64
import copy
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "run_notebooks.py"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_BYTES = 400_000
# Where the shipped programs were recorded stands in the recordings; it may be cut off.
_MACHINE = re.compile(
    r"/(?:home|root|Users|work|private|mnt)/|[A-Z]:\\\\|(?<!\w)/tmp/(?!habitus-rec)"
)

_spec = importlib.util.spec_from_file_location("run_notebooks", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
run_notebooks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(run_notebooks)

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def outputs_of(path: Path) -> list[Any]:
    cells = nbformat.read(path, as_version=4).cells
    return [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]


def test_notebooks_are_found() -> None:
    assert "host_tour" in {path.stem for path in NOTEBOOKS}


@each
def test_a_notebook_runs_and_prints_what_is_kept(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check", path],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@each
def test_a_notebook_is_kept_whole_with_its_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = {output.output_type for output in outputs_of(path)}
    assert "error" not in kinds
    assert "stderr" not in {output.get("name") for output in outputs_of(path)}
    shown = [output.data for output in outputs_of(path) if "data" in output]
    photos = [data["image/png"] for data in shown if "image/png" in data]
    drawings = [data["image/svg+xml"] for data in shown if "image/svg+xml" in data]
    drawings += [data["text/html"] for data in shown if "<svg" in data.get("text/html", "")]
    assert photos or drawings
    for picture in photos:
        assert base64.b64decode(picture).startswith(b"\x89PNG\r\n\x1a\n")
        assert len(picture) > 2000, "an empty picture"
    for drawing in drawings:
        assert re.search("<(?:rect|circle|path|polyline)", drawing), "an empty picture"
    assert path.stat().st_size < MAX_BYTES


@each
def test_a_notebook_tells_of_no_machine(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.language_info == {"name": "python"}
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)
    text = nbformat.writes(notebook)
    assert _MACHINE.findall(text) == []
    for own in (ROOT, Path.home(), Path(sys.prefix)):
        assert len(own.parts) < 2 or f"{own}/" not in text


@each
def test_links_of_a_notebook_lead_somewhere(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\(([^)\s]+)\)", prose)
    assert links
    for link in links:
        target = link.partition("#")[0]
        assert link.startswith("https://") or (path.parent / target).exists(), link


def a_notebook(*outputs: Any, tags: tuple[str, ...] = ()) -> Any:
    cell = nbformat.v4.new_code_cell("print()", outputs=list(outputs), metadata={"tags": [*tags]})
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("So."), cell])


def printed(text: str) -> Any:
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def test_another_text_is_told_by_its_cell() -> None:
    kept = a_notebook(printed("AUC 0.91\n"))
    assert list(run_notebooks.differences(kept, copy.deepcopy(kept))) == []
    (told,) = run_notebooks.differences(kept, a_notebook(printed("AUC 0.92\n")))
    assert told == "cell 1 holds\nAUC 0.91\n\nand prints\nAUC 0.92\n"


def test_a_picture_that_is_gone_and_a_failure_are_told() -> None:
    picture = nbformat.v4.new_output("display_data", data={"image/png": "x", "text/plain": "<F>"})
    failure = nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])
    (told,) = run_notebooks.differences(a_notebook(picture), a_notebook())
    assert told == "cell 1 holds ['display_data image/png text/plain'], and gives []"
    (told,) = run_notebooks.differences(a_notebook(), a_notebook(failure))
    assert told == "cell 1 holds [], and gives ['error']"


@pytest.mark.parametrize(
    ("now", "is_alike"),
    [
        ("lstm 0.91 1,000 of 27", True),
        ("lstm  0.80 1,100 of\n27", True),  # another width, and numbers that differ a little
        ("lstm 0.91 1,000 of", False),
        ("gru 0.91 1,000 of 27", False),
        ("lstm 0.70 1,000 of 27", False),
        ("lstm 0.91 2,000 of 27", False),
    ],
)
def test_what_varies_keeps_its_words_and_the_size_of_its_numbers(now: str, is_alike: bool) -> None:
    kept, ran = (
        a_notebook(printed(text), tags=("varies",)) for text in ("lstm 0.91 1,000 of 27", now)
    )
    assert (list(run_notebooks.differences(kept, ran)) == []) is is_alike


def test_a_small_difference_may_change_its_sign() -> None:
    assert run_notebooks.is_alike("ngram - lstm 0.02", "ngram - lstm -0.01")
    assert not run_notebooks.is_alike("ngram - lstm 0.12", "ngram - lstm -0.12")


def test_a_cell_that_fails_ends_the_run_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.ipynb"
    notebook = a_notebook()
    notebook.cells[1].source = "import habitus\nhabitus.nonsense"
    nbformat.write(notebook, path)
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check", path],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "has no attribute 'nonsense'" in done.stderr
