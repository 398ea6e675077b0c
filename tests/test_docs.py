"""Tests that the code blocks of the manual print the output that the manual shows."""

import io
import re
import runpy
from contextlib import redirect_stdout
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import cells_of

import sknamegen
from sknamegen import CharLSTMGenerator, CharNGramGenerator, datasets, display, metrics

ROOT = Path(__file__).parents[1]
DOCS = ROOT / ".docs"
# Blocks of a chapter: Python code, or text with the output of the code. A hidden comment precedes
# output that depends on the processor.
BLOCK = re.compile(r"^(<!-- varies -->\n)?```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHAPTERS = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
README = ROOT / "README.md"
TYPICAL, DRAWN = "settings of the command line", "temperature 0.7"


@pytest.mark.parametrize(
    "path",
    [README, *(pytest.param(path, marks=pytest.mark.full) for path in CHAPTERS)],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_chapters_print_the_output_they_show(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": path.stem}
    printed = ""
    blocks = BLOCK.findall(path.read_text("utf-8"))
    for (varies, kind, text), (next_varies, *_) in pairwise([*blocks, ("",)]):
        if kind == "python":
            assert not printed, "The chapter does not show this output."
            with monkeypatch.context() as patch, redirect_stdout(io.StringIO()) as out:
                if next_varies:  # not compared, so one epoch is enough
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


def benchmark_outputs():
    """Return the output of each benchmark that its README shows, by command."""
    text = (ROOT / "examples/benchmarks/README.md").read_text("utf-8")
    return dict(re.findall(r"<!-- ([^\n]*\.py.*?) -->\n(.*?)<!-- end -->", text, re.DOTALL))


def test_comparison_shows_the_figures_of_the_benchmarks():
    output = benchmark_outputs()
    loss = {row[0]: float(row[1].split()[0]) for row in cells_of(output["quality.py"])[1:]}
    style = {}
    for row in cells_of(output["style.py --plot ../images/style.png"]):
        if row[0] == "50" and row[2] in ("", "0.7") and len(row) >= 10:
            style[row[1]] = [f"{float(row[5]):.0%}", f"{float(row[7]):.2f}"]

    def shares(command, column):
        (text,) = (text for key, text in output.items() if key.startswith(command))
        return {row[0]: f"{float(row[column].split()[0]):.0%}" for row in cells_of(text)[1:]}

    def figure(script, pattern, n_decimals):
        return f"{float(re.findall(pattern, output[script])[-1]):,.{n_decimals}f}"

    order = CharNGramGenerator().order
    losses = [f"{loss[name]:.3f}" for name in ("LSTM, default", f"n-gram, order {order}")]
    losses += [f"{loss[name]:.2f}" for name in ("the notebook's recipe", "logistic regression")]
    ways = [f"{model}, {way}" for way in (TYPICAL, DRAWN) for model in ("default", "counting")]
    kept, together = shares("blind.py tally blind ", 3), shares("blind.py tally-sets ", 2)
    sets = "default, invent", "default, settings of the command line before", "real names"
    text = cells_of(output["text.py shakespeare.txt"])
    notebook = {}
    for name in ("sknamegen", "Keras"):
        figures = np.array([row[1:] for row in text if row[0] == name], dtype=float).mean(axis=0)
        notebook[name] = [f"{figures[0]:.2f}", f"{figures[1]:.1f}"]
    (whole,) = (row for row in text if row[1:3] == ["1,003,854", "default"])
    (rate,) = re.findall(r"2 of 240 units, threads: 2:.* (\d+) ch", output["sampling.py"])
    expected = {
        "quality.py": losses,
        "style.py": style["LSTM"] + style["counting"] + style["markovify"] + style["real names"],
        "blind.py": [
            *map(kept.get, ways),
            *("0.7", kept["markovify"], kept["real names"]),
            *map(together.get, sets),
        ],
        "fit.py": [
            figure("fit.py", r"total time +(\S+) s", 1),
            figure("fit.py", r"total time .* (\S+) nats", 2),
            figure("fit.py", r"fit, threads: +2 +(\S+) s", 1),
            figure("fit.py", r"in Keras +(\S+) s", 1),
            figure("fit.py", r"in Keras +\S+ s +(\S+)", 2),
        ],
        "text.py": [
            *notebook["sknamegen"],
            *(f"{float(whole[3]):.2f}", f"{float(whole[4]):.0f}"),
            *notebook["Keras"],
        ],
        "sampling.py": [
            f"{round(int(rate), -3):,}",
            figure("sampling.py", r"in Keras: (\S+) characters/s", 0),
        ],
    }
    shown = {script: [] for script in expected}
    for title, *cells in cells_of(README.read_text("utf-8"))[1:]:
        (script,) = re.findall(r"`(\w+\.py)`", title)
        shown[script] += re.findall(r"\d[\d,]*(?:\.\d+)?%?", " ".join(cells))
    assert shown == expected


def test_plot_shows_the_figures_of_the_benchmark():
    """The plot of the chapter on generators shows means over people, places and things."""
    rows = cells_of(benchmark_outputs()["few_names.py"])[1:]
    chapter = (DOCS / "guide/generators.md").read_text("utf-8")
    lines = chapter.partition("loss = {")[2].partition("\nfig, ax")[0].splitlines()[1:4]
    for line, column in zip(lines, (3, 4, 6), strict=True):
        losses = np.array([float(row[column]) for row in rows]).reshape(3, 5)
        shown = list(map(float, re.findall(r"\d+\.\d+", line)))
        assert shown == pytest.approx(losses.mean(axis=0), abs=0.00051)


def test_pages_show_the_code_that_runs_without_options():
    manual = runpy.run_path(str(DOCS / "manual.py"))
    for script in (ROOT / "examples").glob("*.py"):
        if script.name not in manual["MAINTENANCE"]:
            page = manual["without_options"](script.read_text("utf-8"))
            compile(page, script.name, "exec")
            assert not re.search(r"argparse|arguments\.|\bquick\b", page), script.name


def test_stored_pages_are_up_to_date():
    """To update the pages, run `python .docs/manual.py`, which runs the examples."""
    assert runpy.run_path(str(DOCS / "manual.py"))["stale"]() == []


def test_reference_lists_all_public_names():
    listed = re.findall(r"^   ([\w.]+)$", (DOCS / "api.rst").read_text("utf-8"), re.MULTILINE)
    public = [*sknamegen.__all__, "SamplePreview"]  # public, but not in __all__
    public += [f"datasets.{name}" for name in datasets.__all__ if name not in public]
    for module in (metrics, display):
        public += [f"{module.__name__.rpartition('.')[2]}.{name}" for name in module.__all__]
    assert sorted(listed) == sorted(public)


def test_one_page_documents_the_shared_methods():
    skip = runpy.run_path(str(DOCS / "manual.py"))["skip_member"]
    base = CharNGramGenerator.__base__
    public = [name for name in dir(base) if not name.startswith("_")]
    methods = [name for name in public if not skip(None, "method", name, None, False, None)]
    page = (DOCS / "generator_methods.rst").read_text("utf-8")
    assert sorted(re.findall(r"automethod:: BaseCharGenerator\.(\w+)", page)) == methods
    attributes = [name for name in base.__annotations__ if name.endswith("_")]
    for name in attributes:
        assert f"\n    {name} : " in base.__doc__
        for generator in (CharLSTMGenerator, CharNGramGenerator):
            assert name in generator.__doc__
