"""Sphinx helpers for the manual: examples, chapters and API pages.

    python .docs/manual.py

runs the long examples that have changed, or all of them after a version change, and stores their
pages in .docs/kept. Running all of them takes half an hour on two cores. The manual shows
the stored pages, and its build fails if a stored page is outdated.
"""

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from contextlib import chdir, redirect_stdout
from io import StringIO
from itertools import count
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
EXAMPLES = ROOT / "examples"
GALLERY, STORED = HERE / "gallery", HERE / "kept"
# Package version and hash of the code shown, for each stored page.
SOURCES = STORED / "made_of.json"
# Examples that are slow or write large files. Their pages are stored.
LONG = (
    "baby_names.py",
    "checkpoint.py",
    "customers.py",
    "grid_search.py",
    "notebook.py",
    "optuna_search.py",
    "search_on_dask.py",
    "train_distributed.py",
    "train_from_large_file.py",
)
# Scripts that make the bundled data. Only maintainers run them, so the gallery lacks them.
MAINTENANCE = "gather_collection.py", "make_base.py", "make_list_vectors.py", "make_word_vectors.py"
# Longest class signature in characters that the manual shows.
SIGNATURE_LENGTH = 80
HEADER = """\
Examples
========

.. include:: ../../examples/README.md
   :parser: myst_parser.sphinx_
   :start-after: # Examples
   :end-before: | script |

"""


def examples_to_store():
    """Return the examples whose pages this build stores. A normal build stores no pages."""
    return os.environ.get("SKNAMEGEN_KEEP", "").split()


def gallery_pattern():
    """Return a regular expression that matches the examples to run."""
    return (
        rf"/({'|'.join(map(re.escape, examples_to_store()))})$" if examples_to_store() else r"\.py$"
    )


def copy_examples(target):
    """Convert the examples for Sphinx-Gallery and write them to the folder in which they run."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    (target / "GALLERY_HEADER.rst").write_text(HEADER, "utf-8")
    for script in EXAMPLES.glob("*.py"):
        if script.name not in MAINTENANCE:
            page = without_options(with_title(script.read_text("utf-8")))
            (target / script.name).write_text(page, "utf-8")
    if not examples_to_store():
        restore_pages(target)
    if "checkpoint.py" in examples_to_store():
        kill_halfway(target / "checkpoint.py")
    return str(target)


def kill_halfway(script):
    """Start a script and kill it during training, so that its page shows how it resumes."""
    command = [sys.executable, "-u", script]
    with subprocess.Popen(command, cwd=script.parent, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("Epoch 5/"):
                process.kill()


def with_title(code):
    """Convert a script's docstring to reStructuredText, with a title and literal blocks."""
    prefix, docstring, rest = code.split('"""', 2)
    title, _, text = docstring.partition("\n")
    title = title.rstrip(".")
    text = re.sub(r"(?m)(^\S.*)\n\n(?=    \S)", _literal, text)
    return f'{prefix}"""\n{title}\n{"=" * len(title)}\n{text}"""{rest}'


def _literal(paragraph):
    last = paragraph[1]
    return f"{last}:\n\n" if last.endswith(":") else f"{last}\n\n::\n\n"


def without_options(code):
    """Return the script without option parsing, with the default value of each option."""
    code = re.sub(r"(?m)^try:\n((?:    .*\n)+)except ImportError:\n(?:    .*\n)+", _imports, code)
    option = r"add_argument\(\s*\"(?:--)?([\w-]+)\"((?:[^()]|\([^()]*\))*)\)"
    defaults = {"quick": "False"} | {
        name.replace("-", "_"): (re.search(r"default=([^,)]+)", settings) or ["", "None"])[1]
        for name, settings in re.findall(option, code)
        if "store_true" not in settings
    }
    while replacements := option_edits(code, defaults):  # an edit may expose nested options
        for (start, end), new in sorted(replacements.items(), reverse=True):
            text = code.encode()
            code = (text[:start] + new.encode() + text[end:]).decode()
    code = re.sub(r"\[:: 1\]|None or ", "", code)
    code = re.sub(r"(?m)(^# %%\n(?:# .*\n)*)\n+", r"\1", code)
    return re.sub(r"\n{4,}", "\n\n\n", code)


def option_edits(code, defaults):
    """Return the edits that replace options with their defaults, as a dict {byte span: text}."""
    removed = r"\b(argparse|parser|find_spec)\b"
    if not re.search(r"\bsys\.(?!exit)", code):
        removed += r"|^import sys$"
    text = code.encode()
    line_starts = [0, *(match.end() for match in re.finditer(b"\n", text))]
    replacements, nodes = {}, [ast.parse(code)]

    def source(node):  # faster than ast.get_source_segment, which splits the lines on every call
        if not hasattr(node, "lineno"):
            return ""
        first, last = line_starts[node.lineno - 1], line_starts[node.end_lineno - 1]
        return text[first + node.col_offset : last + node.end_col_offset].decode()

    def span(first, last):
        return line_starts[first.lineno - 1], line_starts[last.end_lineno]

    while nodes:
        node = nodes.pop()
        is_statement = isinstance(
            node, ast.Import | ast.ImportFrom | ast.Assign | ast.Expr | ast.If
        )
        test = re.fullmatch(r"(not )?(?:arguments\.)?(\w+)", source(getattr(node, "test", node)))
        value = test and defaults.get(test[2])
        if is_statement and "__main__" not in source(node) and re.search(removed, source(node)):
            replacements[span(node, node)] = ""
        elif isinstance(node, ast.If | ast.IfExp) and value:
            is_true = (value not in ("None", "False")) != bool(test[1])
            branch = node.body if is_true else node.orelse
            if isinstance(node, ast.IfExp):
                first, last = line_starts[node.lineno - 1], line_starts[node.end_lineno - 1]
                replacements[first + node.col_offset, last + node.end_col_offset] = source(branch)
            else:
                lines = text[slice(*span(branch[0], branch[-1]))].decode() if branch else ""
                indent = " " * node.col_offset
                replacements[span(node, node)] = textwrap.indent(textwrap.dedent(lines), indent)
        elif isinstance(node, ast.Attribute) and source(node).startswith("arguments."):
            if node.attr in defaults:
                begin = line_starts[node.lineno - 1]
                begin, end = begin + node.col_offset, begin + node.end_col_offset
                is_in_string = text[begin - 1 : begin] + text[end : end + 1] == b"{}"
                value = defaults[node.attr].strip('"') if is_in_string else defaults[node.attr]
                replacements[begin - is_in_string, end + is_in_string] = value
        else:
            nodes += ast.iter_child_nodes(node)
    return replacements


def _imports(match):
    return textwrap.dedent(match[1])


def restore_pages(target):
    """Copy the stored pages to the gallery, with checksums so that Sphinx-Gallery skips them."""
    if stale():
        raise RuntimeError(
            f"The stored pages of {', '.join(stale())} are outdated. Regenerate them with: "
            "python .docs/manual.py"
        )
    (GALLERY / "images").mkdir(parents=True, exist_ok=True)
    for path in STORED.glob("*.*"):
        shutil.copy(path, GALLERY / ("images" if path.suffix == ".png" else "") / path.name)
    for name in LONG:
        shutil.copy(target / name, GALLERY / name)
        md5 = hashlib.md5((target / name).read_bytes()).hexdigest()
        (GALLERY / f"{name}.md5").write_text(md5, "utf-8")
        draw_card((GALLERY / name).with_suffix(".rst"))


def stale():
    """Return the long examples whose stored pages are missing or outdated."""
    return [name for name in LONG if stored_sources().get(name) != current_source(name)]


def stored_sources():
    """Return the package version and hash of the code shown, for each stored page."""
    return json.loads(SOURCES.read_text("utf-8")) if SOURCES.exists() else {}


def current_source(name):
    """Return the current package version and hash of the code that the page shows."""
    package = (ROOT / "sknamegen/__init__.py").read_text("utf-8")
    version = re.search(r'__version__ = "(.*)"', package)[1]
    text = without_options(with_title((EXAMPLES / name).read_text("utf-8")))
    return f"{version} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def store_pages(names):
    """Run examples at full size and store their pages."""
    if not names:
        return
    shutil.rmtree(GALLERY, ignore_errors=True)
    environment = os.environ | {"SKNAMEGEN_KEEP": " ".join(names)}
    build = ["sphinx", "-q", "-E", "-b", "dummy", HERE, HERE / "_build/dummy"]
    subprocess.run([sys.executable, "-m", *build], check=True, env=environment)
    STORED.mkdir(exist_ok=True)
    for name in names:
        page = (GALLERY / name).with_suffix(".rst")
        text = re.sub(r"(?m)^.*\d%\|.*\n", "", page.read_text("utf-8"))  # progress bars
        text = re.sub(r"\n{4,}", "\n\n\n", text)
        text = re.sub(r"\.\. rst-class:: sphx-glr-script-out\n\n.*none\n\n+(?=\.\.)", "", text)
        text, label, rest = text.partition(".. _sphx_glr_download_")
        label += rest.partition("\n")[0]
        download = f":download:`Download Python source code: {name} <{name}>`"
        (STORED / page.name).write_text(f"{text.rstrip()}\n\n\n{label}\n\n{download}\n", "utf-8")
        for old in STORED.glob(f"sphx_glr_{page.stem}_0*.png"):
            old.unlink()
        for picture in (GALLERY / "images").glob(f"sphx_glr_{page.stem}_0*.png"):
            shutil.copy(picture, STORED / picture.name)
    for name in names:  # used by the API pages to list examples
        path = (GALLERY / name).with_suffix(".codeobj.json")
        (STORED / path.name).write_text(package_objects(path.read_text("utf-8")), "utf-8")
    made_of = {name: current_source(name) for name in names}
    SOURCES.write_text(json.dumps(stored_sources() | made_of, indent=1) + "\n", "utf-8")


def package_objects(objects):
    """Return the objects from this package that an example uses."""
    objects = {
        name: [target for target in targets if target["module"].partition(".")[0] == "sknamegen"]
        for name, targets in json.loads(objects).items()
    }
    objects = {name: targets for name, targets in objects.items() if targets}
    return json.dumps(objects, indent=1) + "\n"


def draw_cards(app):
    """Draw the gallery thumbnails for all examples."""
    for page in GALLERY.glob("*.rst"):
        if page.with_suffix(".py").exists():
            draw_card(page)


def draw_card(page):
    """Draw an example's thumbnail: its first plot, or else its printed output."""
    import matplotlib.pyplot as plt
    from sphinx_gallery.utils import scale_image

    folder = GALLERY / "images/thumb"
    folder.mkdir(parents=True, exist_ok=True)
    thumbnail = folder / f"sphx_glr_{page.stem}_thumb.png"
    picture = GALLERY / f"images/sphx_glr_{page.stem}_001.png"
    if picture.exists():
        scale_image(picture, thumbnail, 400, 280)
        return
    text = page.read_text("utf-8")
    blocks = re.findall(r"(?m)^ \.\. code-block:: none\n\n((?:    .*\n|\n)+)", text)
    blocks = blocks or re.findall(r"(?m)^::\n\n((?:    .*\n)+)", text)
    texts = [re.sub("(?m)^    (Epoch .*\n)?", "", block) for block in blocks]
    lines = [line for line in max(texts, key=len, default="").splitlines() if line.strip()]
    lines = [part for line in lines for part in textwrap.wrap(line, 35, subsequent_indent="  ")]
    fig = plt.figure(figsize=(4, 2.8), facecolor="#f6f8fa")
    for i, line in enumerate(lines[:9]):
        fig.text(0.04, 0.93 - 0.1 * i, line, family="monospace", size=10.5, va="top")
    fig.savefig(thumbnail, dpi=100)
    plt.close(fig)


def no_arguments(gallery_conf, script_vars):
    """Return no command-line arguments for examples, instead of those passed to Sphinx."""
    return []


def run_blocks(app, docname, source):
    """Insert a chapter's figures after the code that draws them, or before a dropdown.

    ``-D plot_gallery=0`` skips them, like the examples.
    """
    is_run = app.config.sphinx_gallery_conf["plot_gallery"] and not examples_to_store()
    if not is_run or (".figure_" not in source[0] and "plt." not in source[0]):
        return
    import matplotlib.pyplot as plt

    folder = HERE / "_build/figures"
    folder.mkdir(parents=True, exist_ok=True)
    namespace, numbers = {"__name__": docname}, count(1)

    def with_figures(block):
        plt.close("all")
        with redirect_stdout(StringIO()), chdir(folder):  # output files go here
            exec(block[2], namespace)
        figures = ""
        for figure in plt.get_fignums():
            name = f"{docname.replace('/', '_')}_{next(numbers)}.png"
            plt.figure(figure).savefig(folder / name, dpi=130)
            figures += f"\n![](/_build/figures/{name})\n"
        is_collapsed = block[1] is not None
        return f"{figures}\n{block[0]}" if is_collapsed else f"{block[0]}{figures}"

    code = r"(?ms)^(:::\{dropdown\}[^\n]*\n)?```python\n(.*?)^```\n"
    source[0] = re.sub(code, with_figures, source[0])
    plt.close("all")


# Documentation of other projects. intersphinx would need network access.
SKLEARN = "https://scikit-learn.org/stable/modules/generated/{}.html"
TORCH = "https://docs.pytorch.org/docs/stable/generated/{}.html"
SKORCH = "https://skorch.readthedocs.io/en/stable/{module}.html#{}"
EXTERNAL = {
    "skorch.NeuralNet": SKORCH.format("skorch.net.NeuralNet", module="net"),
    "torch.optim": "https://docs.pytorch.org/docs/stable/optim.html",
    "torch": "https://docs.pytorch.org/docs/stable/",
    "skorch": "https://skorch.readthedocs.io/en/stable/",
}


def link_external(app, env, node, contnode):
    """Link names from other projects to their documentation."""
    from docutils.nodes import reference

    target = node.get("reftarget", "")
    url = EXTERNAL.get(target)
    patterns = {"sklearn.": SKLEARN, "torch.": TORCH, "skorch.": SKORCH}
    for prefix, pattern in patterns.items():
        if target.startswith(prefix) and target.count(".") > 1:
            url = url or pattern.format(target, module=target.split(".")[1])
    return reference("", "", contnode, refuri=url, internal=False) if url else None


class ReadmeOrder:
    """Sort key that orders examples as in their README, with unlisted examples last."""

    def __init__(self, src_dir):
        listed = (EXAMPLES / "README.md").read_text("utf-8")
        self.names = re.findall(r"(?m)^\| `(\w+\.py)`", listed)

    def __repr__(self):
        return "<ReadmeOrder>"

    def __call__(self, filename):
        """Return the sort key for a file name."""
        is_listed = filename in self.names
        return (0, self.names.index(filename)) if is_listed else (1, filename)


def shorten_signature(app, what, name, obj, options, signature, returned):
    """Leave the parameters out of a class signature that does not fit on a line.

    The page then begins with the description, and the list of parameters shows the defaults.
    """
    is_long = what == "class" and len(name + (signature or "")) > SIGNATURE_LENGTH
    return ("", None) if is_long else None


def document_constants(app, what, name, obj, options, lines):
    """Add the docstring of `SKOPS_TRUSTED`, which autodoc does not find."""
    from sphinx.pycode import ModuleAnalyzer

    if what == "data" and name == "sknamegen.SKOPS_TRUSTED":
        analyzer = ModuleAnalyzer.for_module("sknamegen._state")
        lines[:] = analyzer.find_attr_docs()["", "SKOPS_TRUSTED"]


# Headings in the parameter list of CharLSTMGenerator, keyed by the parameter that follows.
HEADINGS = {
    "init": "Initial weights",
    "hidden_size": "Network size",
    "ngram_weight": "Training",
    "callbacks": "Callbacks, devices and reproducibility",
}


def group_parameters(app, what, name, obj, options, lines):
    """Insert headings into the parameter list that numpydoc creates."""
    if name != "sknamegen.CharLSTMGenerator":
        return
    for number, line in reversed(list(enumerate(lines))):
        parameter = re.match(r"( +)\*\*(\w+)\*\* :", line)
        if parameter and parameter[2] in HEADINGS:
            indent = parameter[1]
            lines[number:number] = ["", f"{indent}.. rubric:: {HEADINGS[parameter[2]]}", ""]


def link_shared(app, env, node, contnode):
    """Link common generator methods to their shared page, and public names to their pages."""
    from sknamegen._generator import BaseCharGenerator

    owner, _, name = node.get("reftarget", "").rpartition(".")
    base = f"{BaseCharGenerator.__module__}.{BaseCharGenerator.__name__}"
    targets = [base] if name == BaseCharGenerator.__name__ else []
    if not owner:
        targets.append(f"sknamegen.{name}")
        owner = node.get("py:class") or ""
    if re.search(r"Char\w+Generator$", owner):
        targets.append(f"{base}.{name}")
    domain = env.domains["py"]
    for target in targets:
        if node.get("refdomain") == "py" and target in domain.objects:
            page = node["refdoc"], app.builder
            return domain.resolve_xref(env, *page, "obj", target, node, contnode)
    return None


def skip_member(app, what, name, obj, skip, options):
    """Skip the metadata-routing methods, which scikit-learn documents."""
    return skip or bool(re.fullmatch(r"set_\w+_request|get_metadata_routing|set_output", name))


if __name__ == "__main__":
    store_pages(stale())


def save_pages(folder):
    """Save the web pages shown on the front page in a folder and return the folder."""
    from sklearn.pipeline import make_pipeline

    from sknamegen import (
        CharLSTMGenerator,
        CharNGramGenerator,
        CharSequenceVectorizer,
        load_names,
        save_page,
    )

    folder.mkdir(parents=True, exist_ok=True)
    lstm = CharLSTMGenerator(random_state=0)
    for title, generator, data in (
        ("Villages", lstm, (_first_list("README.md"),)),
        ("Planets", lstm, (load_names("planets"),)),
        ("First names", CharNGramGenerator(), load_names(return_X_y=True)),
    ):
        pipe = make_pipeline(CharSequenceVectorizer(), generator).fit(*data)
        save_page(pipe, folder / f"{title.lower().replace(' ', '_')}.html", title)
    return folder


def _first_list(chapter):
    """Return the first list of names in a chapter."""
    return re.search(r'"""(.*?)"""', (ROOT / chapter).read_text("utf-8"), re.DOTALL)[1].split()
