"""The layout of the package: allowed imports and the responsibilities of modules."""

import ast
import pkgutil
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sknamegen"
FILES = sorted(PACKAGE.rglob("*.py"))
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))


def imports(path):
    """Yield the full name of each import from the package, also in functions."""
    package = ".".join(path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            names = [f"{module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name for name in names if name.partition(".")[0] == PACKAGE.name)


def imported_files(path):
    """Return the files of the modules that a file imports, or from which it imports."""
    modules = [ROOT.joinpath(*name.split(".")) for name in imports(path)]
    files = {m.with_suffix(".py") for m in modules} | {m.parent.with_suffix(".py") for m in modules}
    return files & {*FILES}


@pytest.mark.parametrize("path", FILES + EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_exist(path):
    """Imports in functions are checked too, because functions may rarely run."""
    for name in imports(path):
        pkgutil.resolve_name(name)


@pytest.mark.parametrize("name", [str, lambda path: path.relative_to(PACKAGE).parts[0]])
def test_imports_are_acyclic(name):
    """Neither those of files nor those of subpackages."""
    graph = {}
    for path in FILES:
        if path.name != "__init__.py":
            imported = {name(file) for file in imported_files(path)} - {name(path)}
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
    files = "batches.py", "fit.py", "network.py", "parameters.py", "plan.py"
    assert users == {PACKAGE / "callbacks.py", *(PACKAGE / "_training" / file for file in files)}


def test_training_imports_no_estimator():
    """The training reads a plan of parameters. The corpus is not part of a model."""
    estimators = {PACKAGE / f"{name}.py" for name in ("_generator", "lstm", "ngram")}
    for path in (PACKAGE / "_training").glob("*.py"):
        assert not imported_files(path) & estimators, path
    assert not [name for name in imports(PACKAGE / "_data" / "corpus.py") if "_models" in name]


def test_the_readme_mentions_every_file():
    readme = (PACKAGE / "README.md").read_text("utf-8")
    for path in FILES:
        if path.name != "__init__.py":
            assert f"{path.name}`" in readme, path


def functions(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def returned_tuples(function):
    """Yield the tuples in a function's annotation and in its return statements."""
    returned = (node.value for node in ast.walk(function) if isinstance(node, ast.Return))
    annotated = function.returns
    if isinstance(annotated, ast.Subscript) and getattr(annotated.value, "id", "") == "tuple":
        annotated = annotated.slice
    yield from (node for node in [annotated, *returned] if isinstance(node, ast.Tuple))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_passes_between_rooms_has_a_name(path):
    """Not more than three values without names, and no starred local in the middle of a call."""
    for function in functions(path):
        # Pickles prescribe the results of `__reduce_ex__`.
        for returned in returned_tuples(function) if "reduce" not in function.name else ():
            assert len(returned.elts) <= 3, (function.name, returned.lineno)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            starred = (value.value for value in node.args[:-1] if isinstance(value, ast.Starred))
            assert not any(isinstance(value, ast.Name) for value in starred), node.lineno


@pytest.mark.parametrize("folder", ["_text", "_data", "_models", "_sampling", "_training"])
def test_no_parameter_below_the_estimators_is_an_estimator(folder):
    for path in (PACKAGE / folder).glob("*.py"):
        for function in functions(path):
            for argument in function.args.args + function.args.kwonlyargs:
                kind = argument.annotation and ast.unparse(argument.annotation)
                is_torch = "torch.Generator" in (kind or "")
                assert is_torch or argument.arg not in ("estimator", "generator"), function.name
                assert "Generator" not in (kind or "") or is_torch or "random" in kind, (
                    function.name
                )


def test_no_room_needs_many_others():
    n_imported = {path: len(imported_files(path) - {path}) for path in FILES}
    assert max(n_imported.values()) <= 12, max(n_imported, key=n_imported.get)
