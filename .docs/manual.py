"""How the manual shows the examples and the API: what conf.py names."""

import re
import shutil
from pathlib import Path

from sphinx.pycode import ModuleAnalyzer

EXAMPLES = Path(__file__).parents[1] / "examples"
# What an example is given when the manual runs it. Those that are not named here, and know
# `--quick`, run quick; the named ones take no longer than a reader's patience.
ARGUMENTS: dict[str, list[str]] = {
    "few_names.py": [],
    "generate_names.py": [],
    "plots.py": [],
    "product_names.py": [],
}

# Behind what the examples' README says first.
HEADER = """\
Examples
========

{}

For these pages those that take longer ran with ``--quick``, so their figures are worse than they
could be.

"""


def copy_examples(target):
    """Copy the examples to where they may leave files, with a title that Sphinx knows."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    listed = (EXAMPLES / "README.md").read_text("utf-8")
    header = HEADER.format(listed.split("\n\n")[1])
    (target / "GALLERY_HEADER.rst").write_text(header, "utf-8")
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
    if script.name in ARGUMENTS:
        return ARGUMENTS[script.name]
    return ["--quick"] if "--quick" in script.read_text("utf-8") else []


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
