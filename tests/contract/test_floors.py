"""The house's floors: no module imports from a floor above, and `habitus` tells all it has."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import habitus

PACKAGE = Path(habitus.__file__).parent

# From the ground up; a longer name is looked for before a shorter one.
FLOORS = (
    ("base", "errors", "compiled", "storage", "progress", "registry", "sealed", "version"),
    ("syscalls", "files", "engines"),
    ("packets",),
    ("traces",),
    ("flows",),
    ("networks",),
    ("learning",),
    ("detectors",),
    ("decisions",),
    ("ensembles",),
    ("models",),
    ("datasets", "alerts", "drift", "pictures"),
    ("evaluation",),
    ("search", "bulk"),
    ("api", "warm"),
    ("cli",),
    ("__main__",),
)
# The package's own page imports everything, but only when asked for a name.
LAZY = {"__init__"}
DATA = {"recorded", "schemas"}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts if parts[-1] != "__init__" or len(parts) == 1 else parts[:-1])


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def floor_of(module: str) -> int:
    """The floor on which a module stands; one that is named by no floor is an error."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        for number, names in enumerate(FLOORS):
            if name in names:
                return number
    raise AssertionError(f"no floor is laid down for habitus.{module}")


def runtime_imports(path: Path) -> set[str]:
    """The modules of Habitus that a file imports when it runs, wherever in it."""
    found = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for child in node.orelse:
                visit(child)
            return
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = node.module or ""
            names = [f"{base}.{alias.name}" for alias in node.names]
            # `from habitus.cli import options` names a module, `from habitus.errors import X` not.
            found.update(n if n.removeprefix("habitus.") in MODULES else base for n in names)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text()))
    return {n.removeprefix("habitus.") for n in found if n.split(".")[0] == "habitus"} - {"habitus"}


@pytest.mark.parametrize("module", [m for m in MODULES if m.split(".")[0] not in LAZY | DATA])
def test_a_module_imports_from_no_floor_above(module: str) -> None:
    above = {m: floor_of(m) for m in runtime_imports(MODULES[module])}
    too_high = sorted(m for m, floor in above.items() if floor > floor_of(module))
    assert not too_high, f"habitus.{module} imports {', '.join(too_high)}"


def test_no_module_imports_another_in_a_circle() -> None:
    """Floors allow neighbours on one floor to know each other, but not both ways."""
    edges = {m: runtime_imports(path) & set(MODULES) for m, path in MODULES.items()}
    done: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module not in done:
            for other in edges[module] - {module}:
                walk(other, (*trail, module))
            done.add(module)

    # The command line's registry knows every command, and each command knows the registry.
    edges["cli.app"].discard("cli.commands")
    for module in edges:
        walk(module, ())


def test_the_public_names_are_sorted_complete_and_there() -> None:
    assert habitus.__all__ == sorted(habitus.__all__)
    assert len(set(habitus.__all__)) == len(habitus.__all__)
    assert set(habitus.__all__) == {*habitus._HOMES, "__version__"}
    for name in habitus.__all__:
        assert getattr(habitus, name).__doc__, f"{name} says nothing of itself"
    for name, home in habitus._HOMES.items():
        made_in = getattr(getattr(habitus, name), "__module__", home)
        assert made_in == home, f"{name} is named as {home}'s and is {made_in}'s"
    assert set(habitus.__all__) <= set(dir(habitus))


def test_the_types_seen_by_checkers_are_those_at_run_time() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(n for n in tree.body if isinstance(n, ast.If))
    homes = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert homes == habitus._HOMES


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = habitus.nonsense


def imported_by(code: str) -> set[str]:
    told = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.splitlines()[-1].split())


HEAVY = {"numpy", "numba", "pyarrow", "pydantic", "safetensors", "rich.console", "zstandard"}


def test_importing_habitus_costs_nothing() -> None:
    assert not imported_by("import habitus; habitus.__version__") & HEAVY


def test_help_imports_nothing_heavy() -> None:
    """That is what keeps `habitus --help` quick, measured by what it loads, not by a clock."""
    code = (
        "import sys; sys.argv = ['habitus', '--help']\n"
        "from habitus.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    assert not imported_by(code) & HEAVY
