"""The layout of the package: allowed imports and the responsibilities of modules."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sknamegen"
FILES = sorted(PACKAGE.rglob("*.py"))
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))


def file_of(module):
    """Return the file of a module, given by its path without suffix, or None."""
    files = module.with_suffix(".py"), module / "__init__.py"
    return next((file for file in files if file.exists()), None)


def defined_names(path):
    """Yield the names that a file defines, also in branches."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name for alias in node.names)


def imports(path):
    """Yield what a file imports from the package, also in functions, and its file or None."""
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
                if file and attribute not in {None, *defined_names(file)}:
                    file = None
                yield f"{'.' * node.level}{node.module or ''} {alias.name}", file


@pytest.mark.parametrize("path", FILES + EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_exist(path):
    """Imports in functions are checked too, because functions may rarely run."""
    assert not [imported for imported, file in imports(path) if file is None]


def subpackage(path):
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


@pytest.mark.parametrize("level", ["file", "subpackage"])
def test_imports_are_acyclic(level):
    name = subpackage if level == "subpackage" else str
    graph = {}
    for path in FILES:
        if path.name != "__init__.py":
            files = {file for _, file in imports(path) if file}
            imported = {name(file) for file in files if file.name != "__init__.py"} - {name(path)}
            graph.setdefault(name(path), set()).update(imported)
    assert list(TopologicalSorter(graph).static_order())


def top_level_imports(path):
    """Yield the packages that the top level of a file imports."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


def test_only_the_training_imports_torch_and_skorch():
    users = {path for path in FILES if {"torch", "skorch"} & set(top_level_imports(path))}
    files = "batches.py", "fit.py", "network.py", "plan.py"
    assert users == {PACKAGE / "callbacks.py", *(PACKAGE / "_training" / file for file in files)}


def test_training_imports_no_estimator():
    """The training reads a plan of parameters. The corpus is not part of a model."""
    estimators = {PACKAGE / f"{name}.py" for name in ("_generator", "average", "lstm", "ngram")}
    for path in (PACKAGE / "_training").glob("*.py"):
        assert not {file for _, file in imports(path)} & estimators, path
    assert not [name for name, _ in imports(PACKAGE / "_corpus.py") if "_models" in name]


def test_the_readme_mentions_every_file():
    readme = (PACKAGE / "README.md").read_text("utf-8")
    for path in FILES:
        if path.name != "__init__.py":
            assert f"{path.name}`" in readme, path
