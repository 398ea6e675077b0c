"""How the manual shows the examples and the API: what conf.py names."""

import re
import shutil
from pathlib import Path

from sphinx.pycode import ModuleAnalyzer

EXAMPLES = Path(__file__).parents[1] / "examples"
# Examples of much work, which the manual runs with `--quick`.
QUICK = (
    "checkpoint.py",
    "generated_names_in_pandas.py",
    "grid_search.py",
    "lstm_or_counting.py",
    "notebook.py",
    "optuna_search.py",
    "search_on_dask.py",
    "train_distributed.py",
    "train_from_large_file.py",
)
HEADER = """\
Examples
========

.. include:: ../../examples/README.md
   :parser: myst_parser.sphinx_
   :start-after: # Examples
   :end-before: `benchmarks/`

For these pages {} ran with ``--quick``: their figures mean nothing.

"""


def copy_examples(target):
    """Copy the examples to where they may leave files, with a title that Sphinx knows."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    quick = ", ".join(f"``{name}``" for name in QUICK)
    (target / "GALLERY_HEADER.rst").write_text(HEADER.format(quick), "utf-8")
    for script in EXAMPLES.glob("*.py"):
        (target / script.name).write_text(with_title(script.read_text("utf-8")), "utf-8")
    return str(target)


def with_title(code):
    """Return a script whose docstring is reStructuredText: a title, and commands as such."""
    prefix, docstring, rest = code.split('"""', 2)
    title, _, text = docstring.partition("\n")
    title = title.rstrip(".")
    text = re.sub(r"(?m)(^\S.*)\n\n(?=    \S)", _literal, text)
    return f'{prefix}"""\n{title}\n{"=" * len(title)}\n{text}"""{rest}'


def _literal(paragraph):
    last = paragraph[1]
    return f"{last}:\n\n" if last.endswith(":") else f"{last}\n\n::\n\n"


def arguments(gallery_conf, script_vars):
    """Return the arguments that an example is run with."""
    script = Path(script_vars["src_file"])
    takes_it = "--quick" in script.read_text("utf-8")
    return ["--quick"] if script.name in QUICK and takes_it else []


class AsListed:
    """Sort the examples as their README lists them, what it does not list last."""

    def __init__(self, src_dir):
        listed = (EXAMPLES / "README.md").read_text("utf-8")
        self.names = re.findall(r"(?m)^\| `(\w+\.py)`", listed)

    def __repr__(self):
        return "<AsListed>"

    def __call__(self, filename):
        """Return what to sort by."""
        known = filename in self.names
        return (0, self.names.index(filename)) if known else (1, filename)


def show_types(app, what, name, obj, options, lines):
    """Give the constants of the package the docstrings that stand behind them."""
    if what == "data" and name == "sknamegen.SKOPS_TRUSTED":
        analyzer = ModuleAnalyzer.for_module("sknamegen._state")
        lines[:] = analyzer.find_attr_docs()["", "SKOPS_TRUSTED"]


def skip_member(app, what, name, obj, skip, options):
    """Leave out scikit-learn's metadata routing, whose pages are scikit-learn's."""
    return skip or bool(re.fullmatch(r"set_\w+_request|get_metadata_routing|set_output", name))
