"""Results as text: JSON that people can read, and a line of a table for each result."""

from __future__ import annotations

import json
from typing import Any

LONG = {
    "roc", "histogram", "per_folder", "strangest_normals", "most_normal_attacks",
    "typical_normal", "strongest_attack",
}  # fmt: skip
"""Fields of a result that no line of a table can hold."""


def indented(value: object, depth: int = 0) -> str:
    """JSON with an element a line; a list of plain values stands on one, and so does an element
    of a list that holds nothing but plain values.
    """
    opening, closing, lines = "[", "]", []
    match value:
        case dict() if value:
            opening, closing = "{", "}"
            lines = [f"{json.dumps(key)}: {indented(v, depth + 1)}" for key, v in value.items()]
        case list() if not _is_plain(value):
            lines = [
                json.dumps(inner, allow_nan=False)
                if _is_plain(inner)
                else indented(inner, depth + 1)
                for inner in value
            ]
    if not lines:
        return json.dumps(value, allow_nan=False)
    indent = "\n" + " " * depth
    return f"{opening}{indent} " + f",{indent} ".join(lines) + f"{indent}{closing}"


def _is_plain(value: object) -> bool:
    """Whether nothing is nested in it."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not any(isinstance(one, dict | list) for one in inner)


def flat(result: dict[str, Any]) -> dict[str, object]:
    """A result's line of a table, by column.

    Args:
        result: without the fields in `LONG`.
    """
    row: dict[str, object] = {}
    for name, value in result.items():
        match name, value:
            case "memory", dict():
                row |= {f"bytes_{what}": size for what, size in value.items()}
            case "with_novel" | "without_novel", dict():
                row[f"auc_{name}"] = value["auc"]
            case "settings", dict():
                row[name] = " ".join(f"{key}={setting}" for key, setting in value.items())
            case "dr_at_fpr", dict():
                for rate, detection in value.items():
                    row[f"dr_at_fpr_{rate}"] = detection["dr"]
                    row[f"achieved_fpr_{rate}"] = detection["achieved_fpr"]
            case "auc_ci95", list():
                row["auc_ci95_low"], row["auc_ci95_high"] = value
            case "at_threshold", dict():
                row |= {f"at_threshold_{key}": number for key, number in value.items()}
            case "per_attack", dict():
                row |= {f"auc_{attack}": found["auc"] for attack, found in value.items()}
            case "pr", dict():
                row["average_precision"] = value["average"]
            case "baselines", _:
                row |= {f"baseline_{b['name']}": b["auc"] for b in value}
            case _:
                row[name] = value
    return row
