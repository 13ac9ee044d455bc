"""Run the notebooks, and keep or compare what they print.

    python scripts/run_notebooks.py [NOTEBOOK ...]            writes their outputs
    python scripts/run_notebooks.py --check [NOTEBOOK ...]    exits 1 and tells what is out of date

A notebook runs in an empty folder, as if freshly opened, with the package beside this script. Its
text has to be what was committed, number by number; in a cell with the tag ``varies``, which a
network had a hand in, numbers may differ a little, as they do between processors. Of pictures it is
compared that they are there.
"""

from __future__ import annotations

import copy
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SECONDS = 600
"""For one cell: a machine may have other work."""
VARIES = "varies"
MAY_DIFFER = 0.15
"""What a number of such a cell may differ by: a share of it, or this much of what is below 1."""
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_LAYOUT = re.compile(r"[\s─═┆│]+")


def main(arguments: list[str]) -> int:
    """Write or compare the notebooks that are named, or all; the exit status."""
    is_check = "--check" in arguments
    named = [Path(argument) for argument in arguments if argument != "--check"]
    n_stale = 0
    for path in named or sorted(NOTEBOOKS.glob("*.ipynb")):
        kept = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
        ran = executed(kept)
        if not is_check:
            nbformat.write(ran, path)  # type: ignore[no-untyped-call]
            continue
        for line in differences(kept, ran):
            n_stale += 1
            print(f"{path.name}: {line}")
    return int(n_stale > 0)


def executed(notebook: Any) -> Any:
    """The same notebook with what its cells print now, and nothing that tells of the machine.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails.
    """
    ran = copy.deepcopy(notebook)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "work").mkdir()
        # Sockets in the folder, not on the network: nobody else can reach the kernel.
        sockets = {"transport": "ipc", "ip": str(folder / "kernel")}
        client = NotebookClient(
            ran, config=Config({"KernelManager": sockets}), timeout=SECONDS, record_timing=False,
            coalesce_streams=True, resources={"metadata": {"path": str(folder / "work")}},
        )  # fmt: skip
        paths = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
        client.execute(
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                "HABITUS_HOME": str(folder / "home"),
                "IPYTHONDIR": str(folder / "ipython"),
            }
        )
    ran.metadata["language_info"] = {"name": "python"}  # without the version of this machine's
    ran.metadata["kernelspec"] = {
        "display_name": "Python 3", "language": "python", "name": "python3"
    }  # fmt: skip
    return ran


def differences(kept: Any, ran: Any) -> Iterator[str]:
    """What differs between the outputs of two runs of a notebook, a line each."""
    for number, (before, now) in enumerate(zip(kept.cells, ran.cells, strict=True)):
        if before.cell_type != "code":
            continue
        kinds = [_kinds(cell) for cell in (before, now)]
        if kinds[0] != kinds[1]:
            yield f"cell {number} holds {kinds[0]}, and gives {kinds[1]}"
            continue
        varies = VARIES in before.metadata.get("tags", [])
        for old, new in zip(before.outputs, now.outputs, strict=True):
            texts = [_text(output) for output in (old, new)]
            if not (is_alike(*texts) if varies else texts[0] == texts[1]):
                yield f"cell {number} holds\n{texts[0]}\nand prints\n{texts[1]}"


def is_alike(a: str, b: str) -> bool:
    """Whether two texts are the same but for their layout and for how large numbers are."""
    shapes = [_LAYOUT.sub(" ", _NUMBER.sub("0", text)).strip() for text in (a, b)]
    if shapes[0] != shapes[1]:
        return False
    pairs = zip(_NUMBER.findall(a), _NUMBER.findall(b), strict=True)
    values = ((float(x.replace(",", "")), float(y.replace(",", ""))) for x, y in pairs)
    return all(abs(x - y) <= MAY_DIFFER * max(1, abs(x), abs(y)) for x, y in values)


def _kinds(cell: Any) -> list[str]:
    """What a cell's outputs are: streams by name, others by the forms they come in."""
    return [
        output.get("name") or " ".join([output.output_type, *sorted(output.get("data", {}))])
        for output in cell.outputs
    ]


def _text(output: Any) -> str:
    """The text of an output; of a picture it is how large its figure is."""
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    return str(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
