"""The plan of the house: what may import what, and who owns what."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sknamegen"
FILES = sorted(PACKAGE.rglob("*.py"))
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))


def file_of(module):
    """The file of a module of the package, whose path has no suffix; None if it is not there."""
    for file in (module.with_suffix(".py"), module / "__init__.py"):
        if file.exists():
            return file
    return None


def bound(path):
    """The names that a file defines, also in branches."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name for alias in node.names)


def imports(path):
    """Pairs of what a file imports of the package, in functions too, and its file or None."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == PACKAGE.name:
                    yield alias.name, file_of(ROOT.joinpath(*alias.name.split(".")))
        elif isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            if not node.level and parts[0] != PACKAGE.name:
                continue
            module = (path.parents[node.level - 1] if node.level else ROOT).joinpath(*parts)
            for alias in node.names:
                file, attribute = file_of(module / alias.name), None
                if file is None:
                    file, attribute = file_of(module), alias.name
                if file and attribute not in {None, *bound(file)}:
                    file = None
                yield f"{'.' * node.level}{node.module or ''} {alias.name}", file


@pytest.mark.parametrize("path", FILES + EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_imported_is_there(path):
    """In functions too, which rarely run."""
    assert not [imported for imported, file in imports(path) if file is None]


def test_imports_that_are_not_there_are_noticed(tmp_path):
    source = """
import sknamegen._gone
from sknamegen import CharNGramGenerator
from sknamegen._gone import fit
from sknamegen._alphabet import Alphabet, gone

def function():
    from sknamegen import _gone
"""
    (tmp_path / "file.py").write_text(source)
    missing = [imported for imported, file in imports(tmp_path / "file.py") if file is None]
    expected = ["sknamegen._gone", "sknamegen _gone", "sknamegen._alphabet gone"]
    assert sorted(missing) == sorted([*expected, "sknamegen._gone fit"])


def room(path):
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


@pytest.mark.parametrize("level", ["file", "room"])
def test_imports_run_one_way(level):
    name = room if level == "room" else str
    graph = {}
    for path in FILES:
        if path.name != "__init__.py":
            files = {file for _, file in imports(path) if file}
            others = {name(file) for file in files if file.name != "__init__.py"} - {name(path)}
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
        "fit.py",
        "network.py",
        "plan.py",
    }


def test_the_training_knows_no_estimator():
    """It reads plans, which are made of parameters; what it starts from may be a generator."""
    estimators = {PACKAGE / f"{name}.py" for name in ("_generator", "average", "lstm", "ngram")}
    for path in (PACKAGE / "_training").glob("*.py"):
        files = {file for _, file in imports(path)}
        allowed = {PACKAGE / "_generator.py"} if path.name == "pretrained.py" else set()
        assert files & estimators <= allowed, path


def test_one_alphabet_owns_code_points():
    for path in FILES:
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert path.name == "_alphabet.py" or not calls & {"chr", "ord"}, path


def test_the_map_names_every_file():
    described = (PACKAGE / "README.md").read_text("utf-8")
    for path in FILES:
        if path.name != "__init__.py":
            assert f"{path.name}`" in described, path
