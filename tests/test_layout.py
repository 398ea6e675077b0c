"""The plan of the house: what may import what, and who owns what."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sknamegen"
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path):
    """The files of the package that a file imports by name, in functions too."""
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


@pytest.mark.parametrize("level", ["file", "room"])
def test_imports_run_one_way(level):
    name = room if level == "room" else str
    graph = {}
    for path in FILES:
        if path.name != "__init__.py":
            others = {name(other) for other in imports(path)} - {name(path)}
            graph.setdefault(name(path), set()).update(others)
    assert list(TopologicalSorter(graph).static_order())


def top_level_imports(path):
    """The packages that importing a file imports."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


def test_torch_and_skorch_are_where_networks_learn():
    users = {path for path in FILES if {"torch", "skorch"} & set(top_level_imports(path))}
    inside = {path for path in users if room(path) == "_training"}
    assert users - inside == {PACKAGE / "callbacks.py"}
    assert {path.name for path in inside} == {
        "batches.py",
        "net.py",
        "network.py",
        "plan.py",
        "threads.py",
    }


def test_the_training_knows_no_estimator():
    """It reads a plan: `TrainPlan`, made of parameters."""
    for path in (PACKAGE / "_training").glob("*.py"):
        text = path.read_text("utf-8")
        assert "lstm import CharLSTMGenerator" not in text
        if path.name != "transfer.py":  # what a training starts from may be a generator
            assert "_base" not in text
    for path in ("batches", "network", "net", "plan"):
        assert "getattr(generator" not in (PACKAGE / "_training" / f"{path}.py").read_text("utf-8")


def test_one_alphabet_owns_code_points():
    for path in FILES:
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert path.name == "_alphabet.py" or not calls & {"chr", "ord"}, path


def test_the_map_names_every_file():
    told = (PACKAGE / "README.md").read_text("utf-8")
    for path in FILES:
        if path.name != "__init__.py":
            assert path.name in told, path
