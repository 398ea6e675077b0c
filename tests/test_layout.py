"""The plan of the house: what may import what, and how long files and functions may be."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sknamegen"
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path):
    """The files of the package that a file imports by name."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for name in node.names:
                for found in (base / f"{name.name}.py", base.with_suffix(".py"), base):
                    if found.exists():
                        yield found
                        break


def room(path):
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def test_there_are_sixteen_rooms_at_most():
    assert len({room(path) for path in FILES}) <= 16


@pytest.mark.parametrize("level", ["file", "room"])
def test_imports_run_one_way(level):
    name = room if level == "room" else str
    graph = {}
    for path in FILES:
        if path.name != "__init__.py":
            others = {name(other) for other in imports(path)} - {name(path)}
            graph.setdefault(name(path), set()).update(others)
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_are_short(path):
    text = path.read_text("utf-8")
    assert text.count("\n") <= 450
    for node in ast.walk(ast.parse(text)):
        # An estimator's __init__ assigns its parameters, a line for each.
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            length = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node):
                length -= node.body[0].end_lineno - node.body[0].lineno + 1
            assert length <= 50, node.name


def test_what_is_numpy_only():
    for name in ("_codepoints", "_sequences", "_validation", "_vectorizer", "_learning", "_state"):
        assert "torch" not in (PACKAGE / f"{name}.py").read_text("utf-8")


def test_the_map_names_every_file():
    told = (PACKAGE / "README.md").read_text("utf-8")
    for path in FILES:
        if path.name != "__init__.py":
            assert path.name in told, path
    assert len(told.splitlines()) < 100
