"""The reference page of the Python interface, from signatures and docstrings."""

from __future__ import annotations

import enum
import inspect
import re
from functools import cached_property
from textwrap import dedent
from typing import TYPE_CHECKING, Any, is_typeddict

from reference_markdown import WIDTH, head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields):")
_ITEM = re.compile(r"([A-Za-z_*][\w ,*]*): (.*)")


class _Bare:
    """An annotation shown as it stands in the source."""

    def __init__(self, text: object) -> None:
        self.text = text

    def __repr__(self) -> str:
        return str(self.text)


# What has no docstring of its own.
CONSTANTS = {
    "SILENT": "A `Progress` that hears of everything and shows nothing.",
    "UNKNOWN": "The symbol of every call that is not in a `Vocabulary`: 65535.",
    "__version__": "The version of Habitus, as text.",
}


def signature_of(name: str, thing: Callable[..., Any]) -> str:
    """``name(...)`` with annotations as they stand in the source, a long one a parameter a line."""
    if is_typeddict(thing):
        kinds = vars(thing)["__annotations__"]
        entries = [f"    {key}: {kind.__forward_arg__}" for key, kind in kinds.items()]
        return "\n".join([f"{name}(TypedDict, total={vars(thing)['__total__']}):", *entries])
    signature = inspect.signature(thing)
    written = vars(thing).get("__annotations__", {})  # pydantic's signatures are not as written
    parameters = []
    for parameter in signature.parameters.values():
        if parameter.name.startswith("_") or parameter.name == "self":
            continue
        annotation, default = parameter.annotation, parameter.default
        annotation = written.get(parameter.name, annotation)
        if isinstance(annotation, str):
            annotation = _Bare(annotation)
        if isinstance(default, enum.Enum):
            default = _Bare(f"{type(default).__name__}.{default.name}")
        elif " at 0x" in repr(default):  # an object that has no better text
            default = _Bare(f"{type(default).__name__}()")
        parameters.append(parameter.replace(annotation=annotation, default=default))
    returns = signature.return_annotation
    if isinstance(returns, str):
        returns = _Bare(returns)
    if inspect.isclass(thing):
        returns = inspect.Signature.empty
    line = f"{name}{signature.replace(parameters=parameters, return_annotation=returns)}"
    if len(line) <= WIDTH - 10:
        return line
    inside = "".join(f"    {one},\n" for one in _shown(parameters))
    arrow = "" if returns is inspect.Signature.empty else f" -> {inspect.formatannotation(returns)}"
    return f"{name}(\n{inside}){arrow}"


def _shown(parameters: Sequence[inspect.Parameter]) -> Iterator[str]:
    starred = False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        yield str(parameter)


def markdown_of(docstring: str) -> str:
    """A docstring's text with its sections as lists and its examples as code."""
    lines: list[str] = []
    in_section = False
    for block in re.split(r"\n\s*\n", inspect.cleandoc(docstring)):
        if block.startswith(">>>"):
            lines += ["", "~~~pycon", block, "~~~"]
            continue
        first, _, rest = block.partition("\n")
        section = _SECTION.fullmatch(first.strip())
        in_section = section is not None or (in_section and block.startswith("    "))
        if section:
            lines += ["", f"**{section[1]}**", ""]
        elif not in_section:
            lines += ["", block]
            continue
        for number, line in enumerate(dedent(rest if section else block).split("\n")):
            item = _ITEM.fullmatch(line)
            if item:
                lines.append(f"- `{item[1]}`: {item[2]}")
            else:
                lines.append(f"  {line.strip()}" if number else f"- {line}")
    return "\n".join(lines).strip().replace("``", "`")


def api_page() -> str:
    """Every public name, with its signature and what its docstring says."""
    import habitus

    text = """
The names that `import habitus` offers; everything else may change from one version to the next.
Each is imported when it is first used. Examples:
[use from Python](../how-to/use-from-python.md)."""
    parts = [head("Python interface", "the docstrings of habitus.__all__", text)]
    for name in habitus.__all__:
        thing = getattr(habitus, name)
        parts.append(f"\n## {name}\n\n")
        if not callable(thing):
            parts.append(CONSTANTS[name] + "\n")
            continue
        is_class = inspect.isclass(thing)
        if not (is_class and issubclass(thing, (Exception, int))):
            word = "class " if is_class else ""
            parts.append(f"```python\n{word}{signature_of(name, thing)}\n```\n\n")
        parts.append(markdown_of(thing.__doc__ or "") + "\n")
        if is_class and issubclass(thing, enum.Enum):
            parts.append("\n" + "".join(f"- `{name}.{m.name}` = {m.value}\n" for m in thing))
        elif is_class:
            parts += members(name, thing)
    return "".join(parts)


def members(name: str, owner: type) -> Iterator[str]:
    """The public methods and properties that a class of ours defines."""
    for attribute, thing in vars(owner).items():
        plain = thing.__func__ if isinstance(thing, classmethod) else thing
        if attribute.startswith("_") or not inspect.getdoc(plain):
            continue
        title = f"\n### {name}.{attribute}\n\n"
        if isinstance(plain, (property, cached_property)):
            yield f"{title}*Attribute.* "
        elif inspect.isfunction(plain):
            call = signature_of(f"{name}.{attribute}", getattr(owner, attribute))
            yield f"{title}```python\n{call}\n```\n\n"
        else:
            continue
        yield markdown_of(inspect.getdoc(plain) or "") + "\n"
