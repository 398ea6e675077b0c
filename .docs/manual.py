"""How the manual shows examples, chapters and the API: what conf.py names.

    python .docs/manual.py

runs the examples that take long, as far as they or the version have changed, and keeps their pages
in .docs/kept: all of them in a quarter of an hour on two cores. The manual shows these, and does
not build if they are of something else.
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
GALLERY, KEPT = HERE / "gallery", HERE / "kept"
MADE_OF = KEPT / "made_of.json"
# Examples that take long, or write files as large as they are told to: their pages are kept.
LONG = (
    "baby_names.py",
    "checkpoint.py",
    "customers.py",
    "grid_search.py",
    "lstm_or_counting.py",
    "next_char_baseline.py",
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
   :end-before: | script |

"""


def to_keep():
    """Return the examples that are run for their pages to be kept, none in a usual build."""
    return os.environ.get("SKNAMEGEN_KEEP", "").split()


def to_run():
    """Return a pattern of the examples that run; the others are shown."""
    return (
        rf"/({'|'.join(map(re.escape, to_keep()))})$"
        if to_keep()
        else r"/(?!make_base\.py)\w+\.py$"
    )


def copy_examples(target):
    """Copy the examples to where they may leave files, as Sphinx-Gallery wants them."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    (target / "GALLERY_HEADER.rst").write_text(HEADER, "utf-8")
    for script in EXAMPLES.glob("*.py"):
        page = with_title(script.read_text("utf-8"))
        if script.name != "make_base.py":  # which is shown, but does not run
            page = without_options(page)
        (target / script.name).write_text(page, "utf-8")
    if not to_keep():
        restore(target)
    if "checkpoint.py" in to_keep():
        kill_halfway(target / "checkpoint.py")
    return str(target)


def kill_halfway(script):
    """Start a training and kill it, so that the page of the script shows how it goes on."""
    command = [sys.executable, "-u", script]
    with subprocess.Popen(command, cwd=script.parent, stdout=subprocess.PIPE, text=True) as process:
        for printed in process.stdout:
            if printed.startswith("Epoch 5/"):
                process.kill()


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


def without_options(code):
    """Return a script as it runs without options, and does not read any."""
    code = re.sub(r"(?m)^try:\n((?:    .*\n)+)except ImportError:\n(?:    .*\n)+", _imports, code)
    given = r"add_argument\(\s*\"(?:--)?(\w+)\"((?:[^()]|\([^()]*\))*)\)"
    defaults = {"quick": "False"} | {
        name: (re.search(r"default=([^,)]+)", how) or ["", "None"])[1]
        for name, how in re.findall(given, code)
        if "store_true" not in how
    }
    while found := edits(code, defaults):  # what is left may hold more
        for old, new in sorted(found.items(), reverse=True):
            text = code.encode()
            code = (text[: old[0]] + new.encode() + text[old[1] :]).decode()
    code = re.sub(r"\[:: 1\]|None or ", "", code)
    code = re.sub(r"(?m)(^# %%\n(?:# .*\n)*)\n+", r"\1", code)
    return re.sub(r"\n{4,}", "\n\n\n", code)


def edits(code, defaults):
    """Return what replaces which bytes of a script: options by their defaults."""
    gone = r"\b(argparse|parser|find_spec)\b"
    if not re.search(r"\bsys\.(?!exit)", code):
        gone += r"|^import sys$"
    text = code.encode()
    begins = [0, *(match.end() for match in re.finditer(b"\n", text))]
    found, nodes = {}, [ast.parse(code)]

    def source(node):  # as ast.get_source_segment, which splits the lines again each time
        if not hasattr(node, "lineno"):
            return ""
        first, last = begins[node.lineno - 1], begins[node.end_lineno - 1]
        return text[first + node.col_offset : last + node.end_col_offset].decode()

    def span(first, last):
        return begins[first.lineno - 1], begins[last.end_lineno]

    while nodes:
        node = nodes.pop()
        is_statement = isinstance(
            node, ast.Import | ast.ImportFrom | ast.Assign | ast.Expr | ast.If
        )
        test = re.fullmatch(r"(not )?(?:arguments\.)?(\w+)", source(getattr(node, "test", node)))
        value = test and defaults.get(test[2])
        if is_statement and "__main__" not in source(node) and re.search(gone, source(node)):
            found[span(node, node)] = ""
        elif isinstance(node, ast.If | ast.IfExp) and value:
            is_true = (value not in ("None", "False")) != bool(test[1])
            chosen = node.body if is_true else node.orelse
            if isinstance(node, ast.IfExp):
                first, last = begins[node.lineno - 1], begins[node.end_lineno - 1]
                place = first + node.col_offset, last + node.end_col_offset
                found[place] = source(chosen)
            else:
                lines = text[slice(*span(chosen[0], chosen[-1]))].decode() if chosen else ""
                indent = " " * node.col_offset
                found[span(node, node)] = textwrap.indent(textwrap.dedent(lines), indent)
        elif isinstance(node, ast.Attribute) and source(node).startswith("arguments."):
            if node.attr in defaults:
                begin = begins[node.lineno - 1]
                begin, end = begin + node.col_offset, begin + node.end_col_offset
                is_in_string = text[begin - 1 : begin] + text[end : end + 1] == b"{}"
                value = defaults[node.attr].strip('"') if is_in_string else defaults[node.attr]
                found[begin - is_in_string, end + is_in_string] = value
        else:
            nodes += ast.iter_child_nodes(node)
    return found


def _imports(match):
    return textwrap.dedent(match[1])


def restore(target):
    """Put the pages that are kept into the gallery, which takes them for up to date."""
    if stale():
        raise RuntimeError(
            f"The kept pages of {', '.join(stale())} are not of the scripts as they are and this "
            "version: python .docs/manual.py"
        )
    (GALLERY / "images").mkdir(parents=True, exist_ok=True)
    for path in KEPT.glob("*.*"):
        shutil.copy(path, GALLERY / ("images" if path.suffix == ".png" else "") / path.name)
    for name in LONG:
        shutil.copy(target / name, GALLERY / name)
        md5 = hashlib.md5((target / name).read_bytes()).hexdigest()
        (GALLERY / f"{name}.md5").write_text(md5, "utf-8")
        draw_card((GALLERY / name).with_suffix(".rst"))


def stale():
    """Return the long examples whose kept pages are missing or of something else."""
    return [name for name in LONG if made_of_kept().get(name) != made_of_now(name)]


def made_of_kept():
    """Return what the kept pages were made of."""
    return json.loads(MADE_OF.read_text("utf-8")) if MADE_OF.exists() else {}


def made_of_now(name):
    """Return what the page of an example depends on: the version, and its text."""
    package = (ROOT / "sknamegen/__init__.py").read_text("utf-8")
    version = re.search(r'__version__ = "(.*)"', package)[1]
    text = (EXAMPLES / name).read_text("utf-8")
    return f"{version} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def keep(names):
    """Run examples in full, and keep their pages."""
    if not names:
        return
    shutil.rmtree(GALLERY, ignore_errors=True)
    environment = os.environ | {"SKNAMEGEN_KEEP": " ".join(names)}
    build = ["sphinx", "-q", "-E", "-b", "dummy", HERE, HERE / "_build/dummy"]
    subprocess.run([sys.executable, "-m", *build], check=True, env=environment)
    KEPT.mkdir(exist_ok=True)
    for name in names:
        page = (GALLERY / name).with_suffix(".rst")
        text = re.sub(r"(?m)^.*\d%\|.*\n", "", page.read_text("utf-8"))  # bars are for terminals
        text = re.sub(r"\n{4,}", "\n\n\n", text)
        text = re.sub(r"\.\. rst-class:: sphx-glr-script-out\n\n.*none\n\n+(?=\.\.)", "", text)
        text, label, rest = text.partition(".. _sphx_glr_download_")
        label += rest.partition("\n")[0]
        download = f":download:`Download Python source code: {name} <{name}>`"
        (KEPT / page.name).write_text(f"{text.rstrip()}\n\n\n{label}\n\n{download}\n", "utf-8")
        for old in KEPT.glob(f"sphx_glr_{page.stem}_0*.png"):
            old.unlink()
        for picture in (GALLERY / "images").glob(f"sphx_glr_{page.stem}_0*.png"):
            shutil.copy(picture, KEPT / picture.name)
    for name in names:  # by which pages of the API find their examples
        path = (GALLERY / name).with_suffix(".codeobj.json")
        (KEPT / path.name).write_text(ours(path.read_text("utf-8")), "utf-8")
    made_of = {name: made_of_now(name) for name in names}
    MADE_OF.write_text(json.dumps(made_of_kept() | made_of, indent=1) + "\n", "utf-8")


def ours(objects):
    """Return what the code of an example names, without other packages, whose pages we lack."""
    objects = {
        name: [each for each in found if each["module"].partition(".")[0] == "sknamegen"]
        for name, found in json.loads(objects).items()
    }
    return json.dumps({name: found for name, found in objects.items() if found}, indent=1) + "\n"


def draw_cards(app):
    """Give each example a picture for the gallery, of what it prints if it draws nothing."""
    for page in GALLERY.glob("*.rst"):
        if page.with_suffix(".py").exists():
            draw_card(page)


def draw_card(page):
    """Draw the thumbnail of the page of an example: its own picture, or what it prints."""
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


def arguments(gallery_conf, script_vars):
    """Return the arguments that an example is run with: none, whatever those of Sphinx are."""
    return []


def run_blocks(app, docname, source):
    """Put the pictures that the blocks of a chapter draw behind these blocks."""
    if to_keep() or (".figure_" not in source[0] and "plt." not in source[0]):
        return
    import matplotlib.pyplot as plt

    folder = HERE / "_build/figures"
    folder.mkdir(parents=True, exist_ok=True)
    namespace, numbers = {"__name__": docname}, count(1)

    def with_figures(block):
        plt.close("all")
        with redirect_stdout(StringIO()), chdir(folder):  # where they may leave files
            exec(block[1], namespace)
        shown = [block[0]]
        for figure in plt.get_fignums():
            name = f"{docname.replace('/', '_')}_{next(numbers)}.png"
            plt.figure(figure).savefig(folder / name, dpi=130)
            shown.append(f"\n![](/_build/figures/{name})\n")
        return "".join(shown)

    source[0] = re.sub(r"(?ms)^```python\n(.*?)^```\n", with_figures, source[0])
    plt.close("all")


# Where other projects describe what ours names: the inventories of Sphinx need a network.
SKLEARN = "https://scikit-learn.org/stable/modules/generated/{}.html"
TORCH = "https://docs.pytorch.org/docs/stable/generated/{}.html"
SKORCH = "https://skorch.readthedocs.io/en/stable/{module}.html#{}"
ELSEWHERE = {
    "skorch.NeuralNet": SKORCH.format("skorch.net.NeuralNet", module="net"),
    "torch.optim": "https://docs.pytorch.org/docs/stable/optim.html",
    "torch": "https://docs.pytorch.org/docs/stable/",
    "skorch": "https://skorch.readthedocs.io/en/stable/",
}


def find_elsewhere(app, env, node, contnode):
    """Link to another project's page where one of its names is meant."""
    from docutils.nodes import reference

    target = node.get("reftarget", "")
    url = ELSEWHERE.get(target)
    patterns = {"sklearn.": SKLEARN, "torch.": TORCH, "skorch.": SKORCH}
    for prefix, pattern in patterns.items():
        if target.startswith(prefix) and target.count(".") > 1:
            url = url or pattern.format(target, module=target.split(".")[1])
    return reference("", "", contnode, refuri=url, internal=False) if url else None


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
    from sphinx.pycode import ModuleAnalyzer

    if what == "data" and name == "sknamegen.SKOPS_TRUSTED":
        analyzer = ModuleAnalyzer.for_module("sknamegen._state")
        lines[:] = analyzer.find_attr_docs()["", "SKOPS_TRUSTED"]


# Above which parameters of CharLSTMGenerator a heading stands.
HEADINGS = {
    "init": "Where it starts",
    "hidden_size": "The network",
    "ngram_weight": "Training",
    "callbacks": "Callbacks, devices, and what repeats",
}


def group_parameters(app, what, name, obj, options, lines):
    """Put headings into the long list of parameters that numpydoc has made."""
    if name != "sknamegen.CharLSTMGenerator":
        return
    for number, line in reversed(list(enumerate(lines))):
        parameter = re.match(r"( +)\*\*(\w+)\*\* :", line)
        if parameter and parameter[2] in HEADINGS:
            indent = parameter[1]
            lines[number:number] = ["", f"{indent}.. rubric:: {HEADINGS[parameter[2]]}", ""]


def skip_member(app, what, name, obj, skip, options):
    """Leave out scikit-learn's metadata routing, whose pages are scikit-learn's."""
    return skip or bool(re.fullmatch(r"set_\w+_request|get_metadata_routing|set_output", name))


if __name__ == "__main__":
    keep(stale())


# Pages that write names, of the lists that the manual shows.


def write_pages(folder):
    """Save the web pages of the front page in a folder, and return it."""
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
    for title, generator, given in (
        ("Villages", lstm, (_list_of("index.md"),)),
        ("Planets", lstm, (_list_of("guide/new_names.md"),)),
        ("First names", CharNGramGenerator(), load_names(return_X_y=True)),
    ):
        pipe = make_pipeline(CharSequenceVectorizer(), generator).fit(*given)
        save_page(pipe, folder / f"{title.lower().replace(' ', '_')}.html", title)
    return folder


def _list_of(chapter):
    """Return the first list of names in a chapter."""
    return re.search(r'"""(.*?)"""', (HERE / chapter).read_text("utf-8"), re.DOTALL)[1].split()
