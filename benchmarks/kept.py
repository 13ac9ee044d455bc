"""Rows that took minutes: kept with all that they depend on, made again only where that changes."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from common import ROOT

from habitus import TraceSet
from habitus.models.training import versions

LEARNS = ("habitus.networks", "habitus.learning", "habitus.detectors.neural")
"""The code that a network's weights depend on."""
JUDGES = (
    *LEARNS,
    "habitus.decisions",
    "habitus.evaluation.bootstrap",
    "habitus.evaluation.metrics",
)
"""And that which makes areas of its surprises."""
JUDGED_BY = (
    "habitus.decisions.aggregation", "habitus.evaluation.bootstrap", "habitus.evaluation.metrics",
)  # fmt: skip
Row = dict[str, Any]


def code_of(*modules: str, within: Sequence[str]) -> str:
    """SHA-256 of modules and of all that they import from within some packages.

    Whatever comments and docstrings say. A module is one of Habitus or of this folder.
    """
    digest = hashlib.sha256()
    left, met = list(modules), set()
    while left:
        module = left.pop()
        path = _file_of(module)
        if module in met or not path.exists():
            continue
        met.add(module)
        tree = _without_words(path.read_text())
        left += [
            node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            and node.module is not None
            and node.module.startswith(tuple(within))
        ]
        digest.update(f"{module} {ast.dump(tree)}".encode())
    return digest.hexdigest()


def work_of(*functions: Callable[..., object]) -> str:
    """SHA-256 of what a script does to make a row, whatever comments and docstrings say."""
    digest = hashlib.sha256()
    for function in functions:
        tree = _without_words(textwrap.dedent(inspect.getsource(function)))
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()


def version_of(code: str, *traces: TraceSet, **more: object) -> dict[str, object]:
    """What a row depends on.

    Args:
        code: of what makes it, taken as the script was imported: an edit in the midst of a run
            must not stand for what runs.
        traces: what is learned and what is judged.
        more: settings, seeds and whatever else it was asked for, as JSON has it.
    """
    data = hashlib.sha256()
    for some in traces:
        data.update(some.sequence_digests().tobytes() + some.labels.tobytes() + b"|")
    return {"code": code, "traces": data.hexdigest(), **more, **versions(torch=True)}


def held(path: Path, version: Mapping[str, object]) -> Row | None:
    """The row that this version made before, if it did."""
    if not path.exists():
        return None
    kept_there = json.loads(path.read_text())
    is_same = kept_there.get("version") == json.loads(json.dumps(version))
    return dict(kept_there["row"]) if is_same else None


def kept(path: Path, version: Mapping[str, object], make: Callable[[], Row]) -> Row:
    """The row that this version made before, or makes now; what another made is not used."""
    row = held(path, version)
    if row is None:
        row = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"version": version, "row": row}))
        print(path.stem, str(row)[:400], flush=True)
    return row


def _file_of(module: str) -> Path:
    name = Path(*module.split(".")).with_suffix(".py")
    here = Path(__file__).parent / name
    return here if here.exists() else ROOT / "src" / name


def _without_words(source: str) -> ast.Module:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return tree
