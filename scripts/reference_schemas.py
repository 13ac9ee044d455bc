"""Reference pages of the JSON Schemas that Habitus ships: a line a field."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from reference_markdown import head, table

if TYPE_CHECKING:
    from collections.abc import Iterator


def range_of(schema: dict[str, Any]) -> str:
    """The values that a JSON Schema of a number or a choice allows."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    parts = [
        f"{word} {schema[key]:g}"
        for key, word in (
            ("minimum", "from"), ("exclusiveMinimum", "above"),
            ("maximum", "to"), ("exclusiveMaximum", "below"),
        )
        if key in schema
    ]  # fmt: skip
    return " ".join(parts)


def schema_page(name: str, title: str, text: str) -> str:
    """The fields of one of the JSON Schemas that Habitus ships."""
    file = resources.files("habitus") / "schemas" / f"{name}.schema.json"
    schema = json.loads(file.read_text(encoding="utf-8"))
    rows = [(f"`{f}`", t, m) for f, t, m in fields(schema, schema, "")]
    source = f"habitus/schemas/{name}.schema.json"
    return head(title, source, text) + "\n" + table(("field", "type", "meaning"), rows)


def fields(
    schema: dict[str, Any], root: dict[str, Any], below: str
) -> Iterator[tuple[str, str, str]]:
    """(dotted field, type, meaning) of everything in an object's schema."""
    required = set(schema.get("required", ()))
    inner = {**schema.get("properties", {}), **schema.get("patternProperties", {})}
    if isinstance(schema.get("additionalProperties"), dict):
        inner["*"] = schema["additionalProperties"]
    for name, given in inner.items():
        field, meaning = resolved(given, root)
        path = f"{below}{name}"
        optional = (
            "" if name in required or "*" in path.rpartition(".")[2] else ", not always there"
        )
        yield path, type_of(field, root) + optional, meaning
        for kind in alternatives(field, root):
            yield from fields(kind, root, f"{path}.")
            items, _ = resolved(kind.get("items", {}) or {}, root)
            for item in alternatives(items, root):
                yield from fields(item, root, f"{path}[].")


def resolved(schema: Any, root: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """A schema with its reference followed, and what it is said to mean."""
    if not isinstance(schema, dict):
        return {}, ""
    found, meaning = schema, schema.get("description", "")
    while "$ref" in found:
        found = root["$defs"][found["$ref"].rpartition("/")[2]]
        meaning = meaning or found.get("description", "")
    return found, meaning


def alternatives(schema: dict[str, Any], root: dict[str, Any]) -> list[dict[str, Any]]:
    """The schemas that a value may follow: those of `anyOf` or `oneOf`, or the one there is."""
    given = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return [resolved(one, root)[0] for one in given]


def type_of(schema: dict[str, Any], root: dict[str, Any]) -> str:
    """A schema's type in words."""
    words = []
    for kind in alternatives(schema, root):
        if "const" in kind:
            words.append(f"`{json.dumps(kind['const'])}`")
            continue
        if "enum" in kind:
            words += [f"`{json.dumps(value)}`" for value in kind["enum"]]
            continue
        types = kind.get("type", "any")
        for one in types if isinstance(types, list) else [types]:
            inner = type_of(resolved(kind["items"], root)[0], root) if "items" in kind else ""
            words.append(f"array of {inner}" if one == "array" and inner else str(one))
            if bounds := range_of(kind):
                words[-1] += f" ({bounds})" if one in {"number", "integer"} else ""
    return " or ".join(dict.fromkeys(words))


def alert_page() -> str:
    """The alert record."""
    return schema_page(
        "alert",
        "Alert record",
        "One JSON object a line, as `habitus detect -o FILE` and `--json` write it. The head\n"
        "(`timestamp`, `event_type`, `alert`) has the shape of Suricata's EVE records. How to use\n"
        "it: [read alerts](../how-to/read-alerts.md). `[]` stands for every element of an array.",
    )


def flow_alert_page() -> str:
    """The record of a flow."""
    return schema_page(
        "flow-alert",
        "Record of a flow",
        "One JSON object a line, as `habitus detect -o FILE` and `--json` write it by a model of\n"
        "flows. The head has the shape of Suricata's EVE records. How to use it:\n"
        "[learn from flows](../how-to/learn-from-flows.md). `[]` stands for every element\n"
        "of an array.",
    )


def results_page() -> str:
    """The results of an evaluation."""
    return schema_page(
        "results",
        "Results",
        "What `habitus evaluate -o FOLDER` writes to `results.json`, and `--json` prints;\n"
        "`results.csv` holds a line for each of `results`. What to make of it:\n"
        "[evaluate honestly](../how-to/evaluate-honestly.md). `[]` stands for every element of an\n"
        "array, `*` for any name.",
    )


def compare_page() -> str:
    """The comparison of models."""
    return schema_page(
        "compare",
        "Comparisons",
        "What `habitus compare --json` prints. How to use it:\n"
        "[compare models](../how-to/compare-models.md). `[]` stands for every element of an\n"
        "array, `*` for any name.",
    )


def drift_page() -> str:
    """The check for drift."""
    return schema_page(
        "drift",
        "Check for drift",
        "What `habitus check-drift --json` prints. How to use it:\n"
        "[check for drift](../how-to/check-for-drift.md). `[]` stands for every element of an\n"
        "array, `*` for any name.",
    )


def checkup_page() -> str:
    """The check-up of a data set."""
    return schema_page(
        "checkup",
        "Check-up",
        "What `habitus data check --json` prints. How to use it:\n"
        "[check data](../how-to/check-data.md); the findings: [Findings](findings.md).\n"
        "`[]` stands for every element of an array, `*` for any name.",
    )
