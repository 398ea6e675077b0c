import re
import sys
import unicodedata

import numpy as np
import pytest
from conftest import ngram_pipeline, small_pipeline
from sklearn.exceptions import NotFittedError

from sknamegen import CharLSTMGenerator, SamplePreview
from sknamegen.display import LossCurveDisplay, NextCharDisplay

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    matplotlib.pyplot.close("all")


def assert_inside(display):
    """Check that all text lies inside the figure."""
    display.figure_.canvas.draw()
    width, height = display.figure_.bbox.size
    texts = [*display.ax_.get_xticklabels(), *display.ax_.get_yticklabels()]
    if not isinstance(display, NextCharDisplay):
        texts = display.ax_.get_legend().get_texts()  # matplotlib draws no ticks outside the limits
    for ax in display.figure_.axes:
        texts += [ax.title, ax.xaxis.label, ax.yaxis.label]
    for text in filter(matplotlib.text.Text.get_text, texts):
        box = text.get_window_extent()
        assert min(box.x0, box.y0) >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text


def tick_labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_loss_curve(names):
    generator = small_pipeline(early_stopping=True, max_epochs=4).fit(names)[-1]
    display = LossCurveDisplay.from_estimator(generator, lw=3)
    training, held_out = display.lines_
    assert training.get_ydata().tolist() == generator.loss_curve_
    assert held_out.get_ydata().tolist() == [-score for score in generator.validation_scores_]
    assert training.get_xdata().tolist() == [1, 2, 3, 4]
    assert training.get_linewidth() == 3
    assert display.ax_.get_ylabel() == "loss (nats per character)"
    assert [line.get_label() for line in display.lines_] == ["training", "validation"]
    assert_inside(display)
    again = LossCurveDisplay(display.loss_curve)
    assert again.plot(ax=display.ax_) is again
    assert again.figure_ is display.figure_
    assert len(again.lines_) == 1


def test_next_char(make_pipe, names):
    generator = make_pipe().fit(names, [name[0] for name in names])[-1]
    display = NextCharDisplay.from_estimator(generator, "Mar", label="M", cmap="Reds")
    expected = generator.next_char_proba(["", "M", "Ma", "Mar"], label="M")
    np.testing.assert_allclose(display.proba, expected)
    labels = tick_labels(display.ax_.yaxis)
    assert labels == [*sorted(labels[:-1]), "⏎"]
    image = display.image_.get_array()
    assert image.shape == (len(labels), 4)
    for x, y in display.marks_.get_xydata().astype(int):
        character = "Mar\3"[x]
        column = generator.alphabet_.tolist().index(character)
        assert labels[y] == character.replace("\3", "⏎")
        assert image[y, x] == display.proba[x, column]
    assert image.min(axis=1).max() < 0.5
    full_display = display.plot(threshold=0)
    assert full_display.image_.get_array().shape == (len(generator.alphabet_), 4)


@pytest.mark.parametrize(
    "name",
    ["A", "Anna" * 7 + "An", "あい", "李 娜", "Zoe\u0308", "דוד", "देवी", "👩\u200d👧", "a\n$\\"],
)
def test_next_char_fits_any_name(name):
    """Characters without a glyph appear as code points, because missing glyphs cause warnings."""
    generator = ngram_pipeline().fit([name, "Ada"])[-1]
    before = dict(matplotlib.rcParams)
    display = NextCharDisplay.from_estimator(generator, name)
    assert_inside(display)
    assert dict(matplotlib.rcParams) == before
    name = unicodedata.normalize("NFC", name)
    *labels, end = tick_labels(display.ax_.xaxis)
    assert end == "⏎"
    for character, label in zip(name, labels, strict=True):
        accepted = {character.replace(" ", "␣")}
        if not character.isascii() or character == "\n":
            accepted |= {f"◌{character}", f"U+{ord(character):04X}"}
        assert label in accepted
    assert set(labels) < set(tick_labels(display.ax_.yaxis))


def test_next_char_uses_a_font_with_the_character():
    """Of the fonts in matplotlib, STIX contains the script letter a and DejaVu Sans does not."""
    plain, script = "g", "\U0001d4b6"
    generator = ngram_pipeline().fit([plain + script])[-1]
    display = NextCharDisplay.from_estimator(generator, plain + script)
    assert_inside(display)  # a missing glyph would cause a warning
    assert tick_labels(display.ax_.xaxis) == [plain, script, "⏎"]
    families = [label.get_fontfamily() for label in display.ax_.get_xticklabels()]
    assert ["STIXGeneral" in names for names in families] == [False, True, False]


def test_errors(names, monkeypatch):
    pipe = ngram_pipeline().fit(names)
    for display, arguments, error, match in (
        (LossCurveDisplay, [pipe], TypeError, "must be a CharLSTMGenerator, .* Got CharNGram"),
        (LossCurveDisplay, [CharLSTMGenerator()], NotFittedError, "not fitted"),
        (NextCharDisplay, [pipe, ["Anna"]], TypeError, r"name must be a str\. Got"),
    ):
        with pytest.raises(error, match=match):
            display.from_estimator(*arguments)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"clone of sknamegen, run pip install '\.\[plot\]'"):
        NextCharDisplay.from_estimator(pipe[-1], "Anna")


def test_preview_output(names, capsys):
    previews = [SamplePreview(every=2), SamplePreview([0.0], every=3, n_samples=2, seed="Ma")]
    plain = small_pipeline(max_epochs=5, window_length=3).fit(names)
    pipe = small_pipeline(max_epochs=5, window_length=3, callbacks=previews).fit(names)
    assert pipe.score(names) == plain.score(names)  # previews do not affect the training
    printed = capsys.readouterr().out
    assert re.findall(r"After epoch (\d):", printed) == ["2", "3", "4"]
    temperatures = re.findall(r"temperature (\S+): ", printed)
    assert temperatures == ["0.2", "0.5", "1.0", "1.2", "0.0", "0.2", "0.5", "1.0", "1.2"]
    (line,) = re.findall(r"temperature 0.0: (.*)", printed)
    assert len(set(line.split("  "))) == 1
    assert line.startswith("Ma")
    first, _ = re.findall(r"temperature 0.5: (.*)", printed)
    assert len(first.split("  ")) == 8


def test_previews_never_stop_the_training(capsys):
    """Characters that cannot be encoded are escaped. Bad parameters fail before training."""
    pipe = small_pipeline(callbacks=[SamplePreview([0.5], every=1)], max_epochs=1)
    pipe.fit(["\ud800\ud801"] * 4)
    assert "\\ud80" in capsys.readouterr().out
    for params, match in (
        ({"temperatures": [-1]}, r"temperature must be .* Got -1"),
        ({"seed": "x"}, "outside the model"),
        ({"n_samples": -1}, "n_samples must be .* Got -1"),
        ({"every": 0}, r"every must be an int >= 1\. Got 0\."),
    ):
        with pytest.raises(ValueError, match=match):
            small_pipeline(callbacks=[SamplePreview(**params)]).fit(["Ada"])
        assert capsys.readouterr().out == ""
