"""N-gram counts that back off to another model."""

from itertools import pairwise
from math import inf
from typing import NamedTuple, Self

import numpy as np

from .._sequences import Sequences
from .._types import Data, Floats, Ints
from .._validation import check_arrays, check_real
from .contract import TABLE_CELLS, NextCharModel, State, log_softmax
from .ngrams import TINY, NGrams

# Strengths to choose from.
STRENGTHS = 2.0 ** np.arange(1, 8)


class Counts(NamedTuple):
    """N-gram counts of a list of names, and how much they change the predictions of a model.

    Attributes
    ----------
    ngrams : NGrams
    strength : float
        See `Interpolated`. 0: the counts are not part of the model.
    gains : ndarray of shape (n_strengths,), dtype float64
        By how many nats each of `STRENGTHS` improves the log-likelihood of held-out names.
    """

    ngrams: NGrams
    strength: float = 0.0
    gains: Floats = np.zeros(len(STRENGTHS))

    @classmethod
    def from_state(cls, state: Data, kinds: Ints, n_labels: int) -> Self:
        """Return counts from a state returned by `to_state`, or raise ValueError."""
        ngrams = NGrams.from_state(state["ngrams"], kinds, n_labels)
        if not fits_in_a_table(ngrams):
            raise ValueError("Expected fewer n-grams.")
        strength, gains = float(state["strength"]), state["gains"]
        check_real("strength", strength, "a finite number > 0", lambda s: 0 < s < inf)
        sizes = check_arrays({"gains": gains}, {"gains": ("f", ("strengths",))})
        if sizes["strengths"] != len(STRENGTHS) or not np.isfinite(gains).all():
            raise ValueError(f"Expected {len(STRENGTHS)} finite gains.")
        return cls(ngrams, strength, gains)

    def to_state(self) -> Data:
        """Return numbers and arrays."""
        return self._asdict() | {"ngrams": self.ngrams.to_state()}


def fits_in_a_table(ngrams: NGrams) -> bool:
    """Whether n-grams have few enough contexts and characters for `Interpolated`."""
    return len(ngrams.parents) * ngrams.n_characters <= TABLE_CELLS


class BackoffTable:
    """N-grams that back off from contexts of two characters to given distributions.

    Parameters
    ----------
    ngrams : NGrams
        Its average with the n-grams of all labels is ignored.
    concentration : float
        In a context of k characters, the shorter context has the weight of
        ``concentration / (k - 1)^3`` more observed characters.

    Attributes
    ----------
    weights, backoff : ndarray, dtype float64
        As in `NGrams`, with the concentration.
    first : int
        The first context of at least two characters.
    scale : ndarray of shape (n_contexts,), dtype float64
        Weight of the given distribution in each context.
    sums : ndarray of shape (n_contexts, n_characters), dtype float32
        Total weight of the n-grams in each context and its suffixes.
    """

    def __init__(self, ngrams: NGrams, concentration: float):
        self.ngrams, n_label_columns = ngrams, int(ngrams.n_labels > 0)
        lengths = ngrams.lengths - n_label_columns
        contexts = ngrams.ngrams_ // ngrams.n_characters
        kept = ngrams.totals / (ngrams.totals + concentration / np.maximum(lengths - 1, 1) ** 3)
        self.backoff = 1 - kept * (1 - ngrams.backoff)
        self.weights = kept[contexts] * ngrams.weights
        ends = np.searchsorted(lengths, np.arange(2, ngrams.order + 1))
        self.first = int(ends[0])
        self.scale = np.ones(len(lengths))
        self.sums = np.zeros((len(lengths), ngrams.n_characters), dtype=np.float32)
        for start, stop in pairwise(ends.tolist()):
            parents = ngrams.parents[start:stop]
            self.scale[start:stop] = self.backoff[start:stop] * self.scale[parents]
            self.sums[start:stop] = self.backoff[start:stop, None] * self.sums[parents]
            cells = slice(*ngrams.first[[start, stop]])
            self.sums.reshape(-1)[ngrams.ngrams_[cells]] += self.weights[cells]

    def interpolate(self, proba: Floats, contexts: Ints) -> None:
        """Replace the given distributions by those of the n-grams, in place.

        ``contexts`` are as in `Sequences.contexts`, with a column for the label.
        """
        ids = self._find(contexts)
        proba *= self.scale[ids, None]
        proba += self.sums[ids]

    def interpolate_targets(self, proba: Floats, contexts: Ints, targets: Ints) -> Floats:
        """Return the probability of a target in each context, given that of the lowest order."""
        ids = self._find(contexts)
        return self.scale[ids] * proba + self.sums[ids, targets]

    def _find(self, contexts):
        return self.ngrams.find_own(contexts[:, int(self.ngrams.n_labels == 0) :])

    def export(self) -> Data:
        """Return the data for the web page script."""
        tables = {"weights": self.weights, "backoff": self.backoff, "shared": None}
        return self.ngrams.export() | tables | {"firstLong": self.first}


def backoff_tables(ngrams: NGrams, strength: float) -> list[BackoffTable]:
    """Return the tables of the n-grams of all labels, and of the n-grams of each label, if any.

    The concentration is the mean number of characters per label, divided by `strength`.
    """
    levels = [ngrams.shared, ngrams] if ngrams.shared else [ngrams]
    return [
        BackoffTable(level, level.total / max(level.n_labels, 1) / strength) for level in levels
    ]


class Interpolated(NextCharModel):
    """A model to which n-gram counts back off.

    The lowest order of the counts are contexts of one character. They have the distribution that
    the model predicts from the whole window. D are the Kneser-Ney discounts and N(h) is the number
    of characters after context h. For contexts of k characters::

        p(w | h) = (c(h w) - D) / (N(h) + θ) + (sum of D + θ) / (N(h) + θ) p(w | h')

    with θ = N / strength / (k - 1)^3, where N is the total number of characters. The counts of a
    label back off to the counts of all labels, which back off to the model.

    Parameters
    ----------
    model : NextCharModel
    ngrams : NGrams
        For the same characters and labels.
    strength : float
        Positive. The higher it is, the more the counts change the predictions.
    """

    def __init__(self, model: NextCharModel, ngrams: NGrams, strength: float):
        self.model, self._order = model, ngrams.order
        self.n_characters, self.n_labels = model.n_characters, model.n_labels
        self.block_rows = model.block_rows
        self._tables = backoff_tables(ngrams, strength)

    def start(self, windows: Ints, labels: Ints) -> tuple[State, Floats]:
        """Read contexts."""
        recent = windows[:, ::-1][:, : self._order - 1]
        contexts = np.concatenate([labels[:, None], recent], axis=1)
        state, logits = self.model.start(windows, labels)
        return (state, contexts), self._interpolate(logits, contexts)

    def advance(self, state: State, characters: Ints) -> tuple[State, Floats]:
        """Read one more character per row."""
        state, contexts = state
        columns = contexts[:, :1], characters[:, None], contexts[:, 1:-1]
        contexts = np.concatenate(columns, axis=1)
        state, logits = self.model.advance(state, characters)
        return (state, contexts), self._interpolate(logits, contexts)

    def select(self, state: State, rows: Ints) -> State:
        """Return the state of the selected rows."""
        state, contexts = state
        return self.model.select(state, rows), contexts[rows]

    def distinct_logits(self, sequences: Sequences) -> tuple[Ints, Floats]:
        """Return each target's row index, and the logits of the rows."""
        contexts = sequences.contexts(self._order - 1, with_labels=True)
        logits = self._interpolate(self.model.logits(sequences), contexts)
        return np.arange(len(logits)), logits

    def export(self) -> Data:
        """Return the data for the web page script."""
        tables = [table.export() for table in self._tables]
        return {"type": "interpolated", "model": self.model.export(), "tables": tables}

    def _interpolate(self, logits, contexts):
        proba = np.exp(log_softmax(logits).astype(np.float64))
        for table in self._tables:
            table.interpolate(proba, contexts)
        return np.log(np.maximum(proba, TINY))
