"""Plots of a generator's training, predictions and names."""

import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from ._alphabet import END_CHARACTER, code_point, codes_of, decode
from ._generator import BaseCharGenerator, fitted
from ._sequences import read_windows
from ._validation import RandomStateLike, check_str, check_windows, missing_package
from .metrics import novelty, uniqueness
from .vectorizer import CharSequenceVectorizer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import XAxis, YAxis
    from matplotlib.figure import FigureBase
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

__all__ = ["LossCurveDisplay", "NextCharDisplay", "TemperatureDisplay"]

# Tick labels for characters without a visible glyph.
_SYMBOLS = {END_CHARACTER: "⏎", " ": "␣"}


class _Display:
    """Base class for displays."""

    ax_: "Axes"
    figure_: "FigureBase"

    def _axes(self, ax: "Axes | None", figsize: tuple[float, float]) -> "Axes":
        """Set `ax_` and `figure_`, creating a figure if `ax` is None, and return the axes."""
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise missing_package(type(self).__name__, "matplotlib", "plot") from error
        self.ax_ = plt.subplots(layout="constrained", figsize=figsize)[1] if ax is None else ax
        self.figure_ = self.ax_.figure
        return self.ax_

    def _set_labels(self, title: str, **labels: str) -> None:
        """Set the title and the axis labels, in the same font size."""
        self.ax_.set_title(title, size=self.ax_.xaxis.label.get_fontsize())
        self.ax_.set(**labels)


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

    lines_: "list[Line2D]"

    def __init__(self, loss_curve: list[float], validation_scores: list[float] | None = None):
        self.loss_curve = loss_curve
        self.validation_scores = validation_scores

    @classmethod
    def from_estimator(
        cls, generator: BaseCharGenerator, *, ax: "Axes | None" = None, **kwargs: Any
    ) -> Self:
        """Plot the losses of a fitted generator.

        Parameters
        ----------
        generator : CharLSTMGenerator
        ax : matplotlib Axes, default=None
            The axes to plot on, by default those of a new figure.
        **kwargs
            Passed to matplotlib's `plot`.

        Returns
        -------
        display : LossCurveDisplay
        """
        check_is_fitted(generator)
        if not hasattr(generator, "loss_curve_"):
            raise TypeError(
                f"generator must be a CharLSTMGenerator, which has a loss curve. Got {generator!r}."
            )
        return cls(generator.loss_curve_, generator.validation_scores_).plot(ax=ax, **kwargs)

    def plot(self, *, ax: "Axes | None" = None, **kwargs: Any) -> Self:
        """Plot the losses. Parameters and result are as in `from_estimator`."""
        ax = self._axes(ax, figsize=(4.5, 3.4))
        epochs = np.arange(1, len(self.loss_curve) + 1)
        style = {"marker": ".", "label": "training"} | kwargs
        self.lines_ = ax.plot(epochs, self.loss_curve, **style)
        if self.validation_scores:
            losses = -np.array(self.validation_scores)
            style = {"marker": ".", "label": "validation"} | kwargs
            self.lines_ += ax.plot(epochs[: len(losses)], losses, **style)
            ax.legend()
        title = "Loss of each epoch (lower is better)"
        self._set_labels(title, xlabel="epoch", ylabel="loss (nats per character)")
        ax.locator_params("x", integer=True)
        return self


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
    >>> display = NextCharDisplay("a", np.array([[0.1, 0.9], [0.8, 0.2]]), np.array(["\\x03", "a"]))
    >>> display.proba.shape
    (2, 2)
    """

    image_: "AxesImage"
    marks_: "Line2D"

    def __init__(self, name: str, proba: NDArray[np.float64], alphabet: NDArray[np.str_]):
        self.name = name
        self.proba = proba
        self.alphabet = alphabet

    @classmethod
    def from_estimator(
        cls,
        generator: BaseCharGenerator,
        name: str,
        *,
        label: object = None,
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Plot the predictions of a fitted generator at each position of a name.

        Parameters
        ----------
        generator : CharLSTMGenerator, CharNGramGenerator or CharAverageGenerator
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
        (name,) = fitted(generator).corpus.alphabet.composed([name])
        beginnings = [name[:i] for i in range(len(name) + 1)]
        proba = generator.next_char_proba(beginnings, label=label)
        return cls(name, proba, generator.alphabet_).plot(ax=ax, **kwargs)

    def plot(self, *, ax: "Axes | None" = None, threshold: float = 0.05, **kwargs: Any) -> Self:
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
        alphabet = self.alphabet.tolist()
        rows = [
            i
            for i, character in enumerate(alphabet)
            if character in targets or self.proba[:, i].max() >= threshold
        ]
        rows.sort(key=lambda i: (alphabet[i] == END_CHARACTER, alphabet[i]))
        size = max(3.3, 1.7 + 0.3 * len(targets)), max(2.6, 1.2 + 0.17 * len(rows))  # inches
        ax = self._axes(ax, figsize=size)
        style: dict[str, Any] = {"cmap": "Blues", "vmin": 0, "vmax": 1, "aspect": "auto"} | kwargs
        self.image_ = ax.imshow(self.proba[:, rows].T, **style)
        row_of = {alphabet[i]: row for row, i in enumerate(rows)}
        marked = [(x, row_of[char]) for x, char in enumerate(targets) if char in row_of]
        positions = [x for x, _ in marked], [y for _, y in marked]
        (self.marks_,) = ax.plot(*positions, "o", mfc="none", mec="tab:red", ms=8)
        _label_ticks(ax.xaxis, targets)
        _label_ticks(ax.yaxis, [alphabet[i] for i in rows])
        ax.figure.colorbar(self.image_, ax=ax, label="probability")
        title = "Next-character probabilities\n(circled: characters of the name)"
        self._set_labels(title, xlabel="character of the name", ylabel="next character")
        return self


def _label_ticks(axis: "XAxis | YAxis", characters: list[str]) -> None:
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
    if character in _SYMBOLS:
        return _SYMBOLS[character]
    if unicodedata.category(character)[0] == "M":
        return f"◌{character}"
    return character if character.isprintable() else code_point(character)


class TemperatureDisplay(_Display):
    """Novelty, uniqueness and loss of the names sampled at each temperature.

    Parameters
    ----------
    temperatures : ndarray of shape (n,), dtype float64
    novelty : ndarray of shape (n,), dtype float64
        Share of the names drawn that are not in the list.
    uniqueness : ndarray of shape (n,), dtype float64
        Number of distinct names divided by the number of names drawn.
    loss : ndarray of shape (n,), dtype float64
        Loss of the names drawn at each temperature, under the model at temperature 1: the negative
        mean log-likelihood in nats per character.
    n_samples : int
        Number of names drawn at each temperature.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of novelty and uniqueness.
    loss_ax_ : matplotlib Axes
        Axes of the loss.
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D

    Examples
    --------
    >>> from sknamegen.display import TemperatureDisplay
    >>> TemperatureDisplay([0.5, 1.0], [0.2, 0.5], [0.4, 0.9], [1.0, 1.7], 500).n_samples
    500
    """

    lines_: "list[Line2D]"
    loss_ax_: "Axes"

    def __init__(
        self,
        temperatures: NDArray[np.float64],
        novelty: NDArray[np.float64],
        uniqueness: NDArray[np.float64],
        loss: NDArray[np.float64],
        n_samples: int,
    ):
        self.temperatures = temperatures
        self.novelty = novelty
        self.uniqueness = uniqueness
        self.loss = loss
        self.n_samples = n_samples

    @classmethod
    def from_estimator(
        cls,
        generator: BaseCharGenerator,
        X: ArrayLike,
        *,
        temperatures: Iterable[float] = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6),
        n_samples: int = 500,
        label: object = None,
        random_state: RandomStateLike = None,
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Plot the names that a fitted generator samples at each temperature.

        Parameters
        ----------
        generator : CharLSTMGenerator, CharNGramGenerator or CharAverageGenerator
            A generator fitted to names.
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of the names that do not count as novel.
        temperatures : iterable of float, default=(0.2, 0.4, …, 1.6)
        n_samples : int, default=500
            Number of names drawn at each temperature.
        label, random_state
            As in `CharLSTMGenerator.sample`.
        ax : matplotlib Axes, default=None
            The axes to plot on, by default those of a new figure.
        **kwargs
            Passed to matplotlib's `plot`.

        Returns
        -------
        display : TemperatureDisplay
        """
        window_length = fitted(generator).corpus.window_length_
        codes, _ = read_windows(check_windows(X, window_length))
        if codes is None:
            raise ValueError("X must be windows of names (boundary=True). Got running text.")
        known, figures = decode(codes), []
        vectorizer = CharSequenceVectorizer(window_length=window_length)
        temperatures = np.array(list(temperatures), dtype=np.float64)
        for temperature in temperatures:
            names = generator.sample(
                "", temperature, n_samples, label=label, random_state=random_state
            )
            labels = None if label is None else np.full(n_samples, label)
            loss = -generator.score(vectorizer.fit_transform(names), labels)
            figures.append((novelty(names, known), uniqueness(names), loss))
        novel, unique, losses = np.array(figures).reshape(-1, 3).T
        return cls(temperatures, novel, unique, losses, n_samples).plot(ax=ax, **kwargs)

    def plot(self, *, ax: "Axes | None" = None, **kwargs: Any) -> Self:
        """Plot the three curves. Parameters and result are as in `from_estimator`."""
        ax = self._axes(ax, figsize=(4.5, 3.4))
        style: dict[str, Any] = {"marker": "."} | kwargs
        self.loss_ax_ = ax.twinx()
        unique = f"unique (of {self.n_samples:,})"
        self.lines_ = [
            *ax.plot(self.temperatures, self.novelty, label="novel", **style),
            *ax.plot(self.temperatures, self.uniqueness, label=unique, **style),
            *self.loss_ax_.plot(
                self.temperatures, self.loss, label="loss", **{"color": "gray", "ls": "--"} | style
            ),
        ]
        ax.set_ylim(0, 1.02)
        self.loss_ax_.set(ylabel="loss (nats per character)", ylim=(0, None))
        ax.legend(handles=self.lines_, loc="lower right")
        title = "Higher temperature: more novel, less probable names"
        shares = "share of names that are novel / unique"
        self._set_labels(title, xlabel="temperature", ylabel=shares)
        return self
