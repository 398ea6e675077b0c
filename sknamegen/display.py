"""Plots of a generator's training, predictions and names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ._generator import BaseCharGenerator, fitted, generator_of
from ._text.codes import END_CHARACTER, codes_of, hex_code
from ._text.unicode import category
from ._validation import check_str, import_optional

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import XAxis, YAxis

__all__ = ["LossCurveDisplay", "NextCharDisplay"]

# Tick labels for characters without a visible glyph.
_SYMBOLS = {END_CHARACTER: "⏎", " ": "␣"}


class _Display:
    """Base class for displays."""

    def _axes(
        self, ax: Axes | None, title: str, size: tuple[float, float] = (4.5, 3.4), **options: object
    ) -> Axes:
        """Set options of the axes, `ax_` and `figure_`, creating a figure if `ax` is None."""
        plt = import_optional(type(self).__name__, "matplotlib.pyplot", "plot")
        self.ax_: Axes = plt.subplots(layout="constrained", figsize=size)[1] if ax is None else ax
        self.figure_ = self.ax_.figure
        self.ax_.set_title(title, size=self.ax_.xaxis.label.get_fontsize())
        self.ax_.set(**options)
        return self.ax_


@dataclass(repr=False, eq=False)
class LossCurveDisplay(_Display):
    """Loss of a `CharLSTMGenerator` after each epoch.

    Parameters
    ----------
    loss_curve : list of float
        Training loss in each epoch, in nats per character.
    validation_scores : list of float, default=None
        Score on the validation names after each epoch, in nats per character.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        The training loss, and the validation loss if there are validation scores.

    Examples
    --------
    >>> from sknamegen.display import LossCurveDisplay
    >>> display = LossCurveDisplay([2.6, 2.1, 1.9])
    >>> display.loss_curve
    [2.6, 2.1, 1.9]
    """

    loss_curve: list[float]
    validation_scores: list[float] | None = None

    @classmethod
    def from_estimator(
        cls, generator: BaseCharGenerator, *, ax: Axes | None = None, **kwargs: Any
    ) -> Self:
        """Plot the losses of a fitted generator.

        Parameters
        ----------
        generator : CharLSTMGenerator
            Or a fitted pipeline or search that ends with one.
        ax : matplotlib Axes, default=None
            The axes to plot on, by default those of a new figure.
        **kwargs
            Passed to matplotlib's `plot`.

        Returns
        -------
        display : LossCurveDisplay
        """
        generator = generator_of(generator)
        fitted(generator)
        if not hasattr(generator, "loss_curve_"):
            raise TypeError(
                f"generator must be a CharLSTMGenerator, which has a loss curve. Got {generator!r}."
            )
        return cls(generator.loss_curve_, generator.validation_scores_).plot(ax=ax, **kwargs)

    def plot(self, *, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Plot the losses. Parameters and result are as in `from_estimator`."""
        title = "Loss of each epoch (lower is better)"
        ax = self._axes(ax, title, xlabel="epoch", ylabel="loss (nats per character)")
        style = {"marker": ".", "label": "training"} | kwargs
        self.lines_ = ax.plot(range(1, len(self.loss_curve) + 1), self.loss_curve, **style)
        if self.validation_scores:
            losses = [-score for score in self.validation_scores]
            style = {"marker": ".", "label": "validation"} | kwargs
            self.lines_ += ax.plot(range(1, len(losses) + 1), losses, **style)
            ax.legend()
        ax.locator_params("x", integer=True)
        return self


@dataclass(repr=False, eq=False)
class NextCharDisplay(_Display):
    r"""Heat map of the next-character probabilities at each position of a name.

    Parameters
    ----------
    name : str
    proba : ndarray of shape (len(name) + 1, n_characters), dtype float64
        The distribution over characters at each position and after the name.
    alphabet : ndarray of shape (n_characters,), dtype str
        The characters. U+0003 is the end of a name.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage
    marks_ : matplotlib Line2D
        The markers on the characters of the name.

    Examples
    --------
    >>> import numpy as np
    >>> from sknamegen.display import NextCharDisplay
    >>> display = NextCharDisplay("a", np.array([[0.1, 0.9], [0.8, 0.2]]), np.array(["\x03", "a"]))
    >>> display.proba.shape
    (2, 2)
    """

    name: str
    proba: NDArray[np.float64]
    alphabet: NDArray[np.str_]

    @classmethod
    def from_estimator(
        cls,
        generator: BaseCharGenerator,
        name: str,
        *,
        label: object = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Plot the predictions of a fitted generator at each position of a name.

        Parameters
        ----------
        generator : CharLSTMGenerator or CharNGramGenerator
            Fitted to names. Or a fitted pipeline or search that ends with one.
        name : str
        label : object, default=None
            As in `CharLSTMGenerator.next_char_proba`.
        ax : matplotlib Axes, default=None
            The axes to plot on, by default those of a new figure.
        **kwargs
            Passed to matplotlib's `imshow`.

        Returns
        -------
        display : NextCharDisplay
        """
        check_str("name", name)
        generator = generator_of(generator)
        (name,) = fitted(generator).corpus.alphabet.composed([name])
        proba = generator.next_char_proba([name[:i] for i in range(len(name) + 1)], label=label)
        return cls(name, proba, generator.alphabet_).plot(ax=ax, **kwargs)

    def plot(self, *, ax: Axes | None = None, threshold: float = 0.05, **kwargs: Any) -> Self:
        """Plot the distributions.

        Parameters
        ----------
        ax, **kwargs
            As in `from_estimator`.
        threshold : float, default=0.05
            Characters less probable than this at every position are omitted, unless they occur in
            the name.

        Returns
        -------
        self : NextCharDisplay
        """
        targets = [*self.name, END_CHARACTER]
        columns = dict(zip(self.alphabet.tolist(), self.proba.T, strict=True))
        shown = [c for c, proba in columns.items() if c in targets or proba.max() >= threshold]
        shown.sort(key=lambda character: (character == END_CHARACTER, character))
        size = max(3.3, 1.7 + 0.3 * len(targets)), max(2.6, 1.2 + 0.17 * len(shown))  # inches
        title = "Next-character probabilities\n(circled: characters of the name)"
        ax = self._axes(ax, title, size, xlabel="character of the name", ylabel="next character")
        style = {"cmap": "Blues", "vmin": 0, "vmax": 1, "aspect": "auto", **kwargs}
        self.image_ = ax.imshow([columns[c] for c in shown], **style)
        marked = [(x, shown.index(c)) for x, c in enumerate(targets) if c in columns]
        x, y = np.reshape(marked, (-1, 2)).T
        self.marks_ = ax.plot(x, y, "o", mfc="none", mec="tab:red", ms=8)[0]
        _label_ticks(ax.xaxis, targets)
        _label_ticks(ax.yaxis, shown)
        ax.figure.colorbar(self.image_, ax=ax, label="probability")
        return self


def _label_ticks(axis: XAxis | YAxis, characters: list[str]) -> None:
    """Label the ticks of an axis with characters, in fonts that contain them."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

    glyphs = get_font(findfont(FontProperties())).get_charmap()
    fallbacks = sorted({font.name for font in fontManager.ttflist if font.weight == 400})
    axis.set_ticks(range(len(characters)), list(map(_symbol, characters)))
    for label in axis.get_ticklabels():
        if not glyphs.keys() >= {*codes_of(label.get_text()).tolist()}:
            label.set_fontfamily([*label.get_fontfamily(), *fallbacks])
        if axis.axis_name == "x" and label.get_text().startswith("U+"):
            label.set_rotation(90)


def _symbol(character: str) -> str:
    """Return a visible symbol for a character."""
    printable = character if character.isprintable() else hex_code(character)
    symbol = f"◌{character}" if category(character) == "M" else printable
    return _SYMBOLS.get(character, symbol)
