"""The manual's chapters run as a reader runs them, and print what they say."""

import io
import re
import runpy
from contextlib import redirect_stdout
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import sknamegen
from sknamegen import CharLSTMGenerator, datasets, display, metrics

ROOT = Path(__file__).parents[1]
DOCS = ROOT / ".docs"
# A chapter: blocks of Python, and behind those that print a block of text with what they print.
# A comment, which pages do not show, stands before text that depends on the processor.
BLOCK = re.compile(r"^(<!-- varies -->\n)?```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHAPTERS = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
FIRST_READ = [ROOT / "README.md", DOCS / "index.md", DOCS / "getting_started.md"]
OTHERS = [pytest.param(path, marks=pytest.mark.full) for path in CHAPTERS if path not in FIRST_READ]


@pytest.mark.parametrize(
    "path", [*FIRST_READ, *OTHERS], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_chapters_print_what_they_say(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": path.stem}
    printed = ""
    blocks = BLOCK.findall(path.read_text("utf-8"))
    for (varies, kind, text), (next_varies, *_) in pairwise([*blocks, ("",)]):
        if kind == "python":
            assert not printed, "This is printed, and not shown."
            with monkeypatch.context() as patch, redirect_stdout(io.StringIO()) as out:
                if next_varies:  # and is not compared, so it need not be learned well
                    defaults = CharLSTMGenerator.__init__.__kwdefaults__
                    patch.setitem(defaults, "max_epochs", 1)
                exec(text, namespace)
            printed = out.getvalue()
        else:
            assert printed
            assert varies or printed == text
            printed = ""
    assert not printed
    plt.close("all")


def benchmark(heading):
    """The first table behind a heading of the benchmarks: the figures of each row, without bold."""
    text = (
        (ROOT / "examples/benchmarks/README.md").read_text("utf-8").partition(f"## {heading}\n")[2]
    )
    rows = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)[0].replace("*", "").splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]
    return {
        first: [float(re.match(r"[\d.]*", c)[0] or "nan") for c in rest] for first, *rest in cells
    }


def drawn(chapter, beginning):
    """The lists of figures that a block types in, from where it begins."""
    text = (DOCS / "guide" / chapter).read_text("utf-8")
    block = beginning + text.partition(beginning)[2].partition("\nfig, ax")[0]
    return [[float(n) for n in re.findall(r"\d+\.\d+", each)] for each in block.splitlines()]


def test_figures_in_pictures_are_those_of_the_benchmarks():
    rows = [benchmark("Few names")[n] for n in ("20", "50", "100", "200", "500")]
    for each, column in zip(drawn("generators.md", "loss = {")[1:4], (0, 1, 3), strict=True):
        means = [sum(row[column::4]) / 3 for row in rows]
        assert each == pytest.approx(means, abs=0.00051)
    shares = [row[:2] for row in benchmark("Names that look right").values()]
    columns = [list(column) for column in zip(*shares, strict=True)]
    assert drawn("scores.md", "written = [0") == columns


def test_a_page_shows_what_runs_without_options():
    manual = runpy.run_path(str(DOCS / "manual.py"))
    code = """
import argparse
import sys
from importlib.util import find_spec

if find_spec("rapidfuzz") is None:
    sys.exit("This needs rapidfuzz.")
try:
    import pandas
except ImportError:
    sys.exit("This needs pandas.")

# %%
# Options
parser = argparse.ArgumentParser()
parser.add_argument("file", nargs="?", help="names (one a line)")
parser.add_argument("--quick", action="store_true")
parser.add_argument("--n", type=int, default=7)
arguments = parser.parse_args()
names = read(arguments.file) if arguments.file else ["Ada"]
if arguments.quick:
    names = names[:1]
if not arguments.file:
    names += ["µ", "Eve"][:: 2 if arguments.quick else 1]
print(f"{arguments.n} of {len(names)}", arguments.n)
"""
    page = manual["without_options"](code)
    expected = """
import pandas

# %%
# Options
names = ["Ada"]
names += ["µ", "Eve"]
print(f"7 of {len(names)}", 7)
"""
    assert page.split() == expected.split()
    for script in (ROOT / "examples").glob("*.py"):
        if script.name != "make_base.py":
            page = manual["without_options"](script.read_text("utf-8"))
            compile(page, script.name, "exec")
            assert not re.search(r"argparse|arguments\.|\bquick\b", page), script.name


def test_the_pages_that_are_kept_are_of_the_examples_as_they_are():
    """Else: python .docs/manual.py, which runs them in full."""
    assert runpy.run_path(str(DOCS / "manual.py"))["stale"]() == []


def test_the_reference_lists_what_is_public():
    listed = re.findall(r"^   ([\w.]+)$", (DOCS / "api.rst").read_text("utf-8"), re.MULTILINE)
    public = [*sknamegen.__all__, "SamplePreview"]  # imported by its name only
    public += [f"datasets.{name}" for name in datasets.__all__ if name not in public]
    for module in (metrics, display):
        public += [f"{module.__name__.rpartition('.')[2]}.{name}" for name in module.__all__]
    assert sorted(listed) == sorted(public)


def test_the_manual_shows_every_chapter():
    guide = (DOCS / "guide/index.md").read_text("utf-8")
    for path in (DOCS / "guide").glob("*.md"):
        assert path.stem == "index" or f"\n{path.stem}\n" in guide
