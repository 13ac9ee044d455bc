"""The reference page of search files: their keys, objectives, and the searches that are shipped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reference_markdown import head, sentence, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel


def search_page() -> str:
    """All that a search file may say."""
    from habitus.search import anomalies
    from habitus.search.objectives import OBJECTIVES
    from habitus.search.plan import read_search_file, shipped_searches
    from habitus.search.search_file import Judging, Limits, Pruning, SearchFile
    from habitus.search.space import Choices, Range

    parts = [
        head(
            "Search files",
            "habitus.search",
            "What a search file (TOML) may say. A key that is not here is an error, which names\n"
            "its line. How to use them: [search settings](../how-to/search-settings.md).",
        )
    ]
    tables: dict[str, tuple[str, type[BaseModel]]] = {
        "The file": ("", SearchFile),
        "[pruning]": ("Ends poor trials early; of detectors that train epochs.", Pruning),
        "[limits]": ("What a trial may take. A trial that takes more is one failed trial.", Limits),
        "[judging]": ("What configurations are judged on.", Judging),
    }
    for name, (text, model) in tables.items():
        parts.append(f"\n## {name}\n\n" + (f"{text}\n\n" if text else ""))
        parts.append(table(("key", "type", "default", "meaning"), _rows(model)))
    parts.append(
        "\n## [space]\n\nA line for each setting that is tried: a list of values, or a table with "
        "the keys of one of these.\n"
    )
    for name, model in (("Choices", Choices), ("A range", Range)):
        parts.append(f"\n### {name}\n\n")
        parts.append(table(("key", "type", "default", "meaning"), _rows(model)))
    rows = [
        (
            f"`{one.name}`", sentence(one.summary),
            "least" if one.direction == "minimize" else "most",
            "`--supervised`" if one.is_supervised else "",
        )
        for one in OBJECTIVES.values()
    ]  # fmt: skip
    told = "Mean ROC-AUC of labelled flows in folds that were not learned; of detectors of flows."
    rows.append(("`fold-auc`", told, "most", "by its nature"))
    parts.append("\n## Objectives\n\n")
    parts.append(table(("name", "what it is", "best", "looks at attacks"), rows))
    first, _, text = (anomalies.__doc__ or "").partition("\n")
    parts.append(f"\n## Synthetic anomalies\n\n{first}\n{_terms(text)}")
    shipped = []
    for name, path in shipped_searches().items():
        plan = read_search_file(path)
        method: str = plan.file.method
        n_trials, title = str(plan.n_trials), plan.file.title
        shipped.append((f"`{name}`", plan.file.detector, method, n_trials, title))
    parts.append("\n## Shipped searches\n\n`habitus search files NAME` prints one.\n\n")
    parts.append(table(("name", "detector", "method", "trials", "what it is"), shipped))
    return "".join(parts)


def _rows(model: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        if field.description is None:  # a table of its own
            continue
        default = "" if field.is_required() else f"`{_toml(field.default)}`"
        yield f"`{name}`", _type(model, name), default, field.description


def _type(model: type[BaseModel], name: str) -> str:
    from reference_schemas import type_of

    schema = model.model_json_schema()
    told = type_of(schema["properties"][name], schema)
    # Of what may be many things the schema tells nothing; only a range's step is such a one.
    return told.replace(" or null", "").replace("any", "number")


def _toml(value: Any) -> str:
    return "none" if value is None else json.dumps(value)


def _terms(text: str) -> str:
    """Words with an indented meaning, as a list."""
    lines, out = text.strip("\n").splitlines(), []
    for i, line in enumerate(lines):
        following = lines[i + 1] if i + 1 < len(lines) else ""
        if line and not line.startswith(" ") and following.startswith("    "):
            out.append(f"- **{line}**")
        else:
            out.append(f"  {line.strip()}" if line.startswith("    ") else line)
    return "\n".join(out) + "\n"
