"""The distribution of names that begin with given prefixes, and draws from it."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from .._arrays import log_softmax, unique_inverse
from .._data.corpus import Corpus
from .._models.mixture import Mixture
from .._models.next_char_model import NextCharModel, State, log_likelihood, select
from .._parallel import blocks, one_blas_thread, parallel_map
from .._text.alphabet import NONE
from .._text.clusters import MAX_CODE_POINTS
from .._types import Bools, Floats, Ints
from .._validation import check_blend
from .decoding import Decoding, draw
from .lookahead import Lookahead

# Number of characters in the contexts of `Steps`.
CONTEXT_LENGTH = 7
# Number of characters after which a model that reads on begins again, which bounds memory.
_MAX_READ = 256
# What a model predicted at each step of drawing names: "contexts" of shape (n_steps, n_columns),
# dtype int32, and "logits" of shape (n_steps, n_characters), dtype float32. Contexts are those of
# `NGramCounts`, without a label: the start of a name with the label in column i of the source is
# character n_characters + i.
Steps = NDArray[np.void]
# The distribution of the model.
_PLAIN = Decoding()


class FreeNames(NamedTuple):
    """Names drawn without a lookahead.

    Attributes
    ----------
    texts : ndarray of shape (n_names,), dtype object
        Names that violate the constraint may be cut short.
    is_valid : ndarray of shape (n_names,), dtype bool
        Whether the name satisfies the constraint.
    steps : list of Steps
        The steps of all names, if they were recorded.
    """

    texts: NDArray[np.object_]
    is_valid: Bools
    steps: Sequence[Steps] = ()


class NameDistribution(NamedTuple):
    """Distribution of names that begin with given prefixes, before any constraint.

    In its methods, `rows` contains the prefix index of each name.

    Attributes
    ----------
    model : NextCharModel
    corpus : Corpus
    prefixes : list of str
        The beginnings of the names.
    labels : ndarray of shape (n_labels,), dtype int64
        The labels that names may have, or [-1] without labels.
    label_proba : ndarray of shape (n_prefixes, n_labels), dtype float64
        The label distribution for each prefix.
    decoding : Decoding
    key : hashable
        Identifies the labels or the blend in a cache.
    """

    model: NextCharModel
    corpus: Corpus
    prefixes: list[str]
    labels: Ints
    label_proba: Floats
    decoding: Decoding
    key: Hashable

    @classmethod
    def of(
        cls,
        model: NextCharModel,
        corpus: Corpus,
        label: object,
        prefixes: list[str],
        decoding: Decoding = _PLAIN,
    ) -> Self:
        """Return the distribution of names with a label, with any label, or of a blend."""
        indices, weights = [NONE], list[float]()
        if isinstance(label, Mapping) and corpus.labels:
            blend = check_blend(label)
            indices, weights = [corpus.label_index(part) for part in blend], [*blend.values()]
        elif label is not None:
            indices = [corpus.label_index(label)]
        elif corpus.labels:
            indices = [*range(len(corpus.labels))]
        key = tuple(indices), tuple(weights)
        if len(weights) > 1:
            model, indices = Mixture(model, weights, indices), [NONE]
        ones = np.ones((len(prefixes), 1))
        source = cls(model, corpus, prefixes, np.array(indices), ones, decoding, key)
        if len(indices) == 1:
            return source
        joint = source.log_joint()
        proba = np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])
        return source._replace(label_proba=proba)

    def at(self, temperature: float) -> Self:
        """Return the distribution at another temperature."""
        return self._replace(decoding=self.decoding._replace(temperature=temperature))

    def given(self, rows: Ints) -> Self:
        """Return the distribution of names with these prefixes only."""
        prefixes = [self.prefixes[row] for row in rows.tolist()]
        return self._replace(prefixes=prefixes, label_proba=self.label_proba[rows])

    def draw(
        self,
        rows: Ints,
        rng: np.random.Generator,
        possible: Lookahead,
        labels: Ints | None = None,
        *,
        recorded: bool = False,
    ) -> FreeNames:
        """Draw a name for each row, character by character, which may violate the constraint.

        Parameters
        ----------
        rows, rng
        possible : Lookahead
            A name is abandoned when it cannot be completed.
        labels : ndarray of shape (n_names,), dtype int, default=None
            Labels of the names. None: drawn at random.
        recorded : bool, default=False
            Whether to return `steps`.
        """
        parts = blocks(len(rows), 8 * len(self.corpus.alphabet))
        labels = self.draw_labels(rows, rng) if labels is None else labels
        seeds = [rng] if len(parts) == 1 else rng.integers(2**63, size=len(parts))
        positions, windows = self.positions(possible), self.windows(self.prefixes)
        is_text, max_length = self.corpus.is_text, possible.constraint.max_length

        def draw_part(part: slice, rng: np.random.Generator) -> FreeNames:
            columns = np.searchsorted(self.labels, labels[part])
            position = positions[:, rows[part], columns]
            read = np.pad(windows[rows[part]], ((0, 0), (0, 16)), constant_values=NONE)
            is_valid, steps, start = np.ones(len(read), bool), list[Steps](), windows.shape[1]
            active = np.flatnonzero((position[0] < max_length) | (not is_text))
            position = position[:, active]
            state, logits, shared = self._start(windows, rows[part][active], columns[active])
            for place in range(start, start + MAX_CODE_POINTS * (max_length + 1)):
                p = self.decoding.probabilities(logits).take(shared, axis=0)
                characters, _ = draw(p, rng.random(len(active)))
                if recorded:
                    recent = read[active, :place]
                    steps.append(self.steps(recent, columns[active], logits[shared]))
                if place == read.shape[1]:
                    read = np.pad(read, ((0, 0), (0, place - start)), constant_values=NONE)
                read[active, place] = characters
                position, is_complete, is_feasible = possible.advance(position, characters)
                is_valid[active] = is_feasible
                survivors = np.flatnonzero(is_feasible & ~is_complete)
                active, position = active[survivors], position[:, survivors]
                if not len(active):
                    break
                shared, characters = shared[survivors], characters[survivors]
                state, logits, shared = self._advance(state, shared, characters)
            is_valid[active] = False  # endless code points that continue a character
            texts = np.array(self.prefixes, dtype=object)[rows[part]]
            texts += possible.alphabet.decode(read[:, start:])
            return FreeNames(texts, is_valid, steps)

        # Random numbers are independent of the order of the blocks.
        draws = parallel_map(draw_part, zip(parts, map(np.random.default_rng, seeds), strict=True))
        texts, is_valid, steps = zip(*draws, strict=True)
        return FreeNames(np.concatenate(texts), np.concatenate(is_valid), [*chain(*steps)])

    def start(self, windows: Ints, labels: Ints) -> tuple[State, Floats]:
        """Start the model. The first character of running text has the frequency of beginnings."""
        state, logits = self.model.start(windows, labels)
        counts = self.corpus.first_counts
        if counts is not None and counts.any():
            with np.errstate(divide="ignore"):
                logits[windows[:, -1] == len(counts)] = np.log(counts)
        return state, logits

    def _start(self, windows: Ints, rows: Ints, columns: Ints) -> tuple[State, Floats, Ints]:
        """Start names with the windows and labels of rows and columns.

        Names that have begun alike share a row of the model's state and of the logits. Returns both
        and the row of each name.
        """
        begun, shared = unique_inverse(rows * len(self.labels) + columns)
        rows, columns = np.divmod(begun, len(self.labels))
        return *self.start(windows[rows], self.labels[columns]), shared

    def _advance(self, state: State, shared: Ints, characters: Ints) -> tuple[State, Floats, Ints]:
        """Read a character of each name, given its row of the state. Returns the same."""
        if len(shared) == 1:  # saves time
            return *self.model.advance(select(state, shared), characters), np.zeros_like(shared)
        n_characters = len(self.corpus.alphabet)
        begun, shared = unique_inverse(shared * n_characters + characters)
        rows, characters = np.divmod(begun, n_characters)
        return *self.model.advance(select(state, rows), characters), shared

    def reading_on(self) -> "NameDistribution":
        """Return an approximation: the model reads on after the end of a window.

        This is much faster for long names. Short windows stay, because the model depends on them.
        In running text, it always reads on.
        """
        length, n_read = self.corpus.window_length_, self.corpus.max_length_ or 0
        length = max(length, min(n_read, _MAX_READ)) if length >= CONTEXT_LENGTH else length
        return self._replace(corpus=replace(self.corpus, window_length_=length))

    def positions(self, lookahead: Lookahead) -> Ints:
        """Return the length and the state of each prefix, (2, n_prefixes, n_labels)."""
        states = np.array([*map(lookahead.read, self.prefixes)], dtype=np.int64)
        lengths = self.corpus.alphabet.lengths(self.prefixes)[:, None]
        return np.stack([np.broadcast_to(x, self.label_proba.shape) for x in (lengths, states)])

    def draw_labels(self, rows: Ints, rng: np.random.Generator) -> Ints:
        """Draw a label for each row."""
        if len(self.labels) == 1:
            return np.repeat(self.labels, len(rows))
        index, _ = draw(self.label_proba[rows], rng.random(len(rows)))
        return self.labels[index]

    def read(self, prefixes: Sequence[str], state: State | None) -> tuple[State, Floats]:
        """Return the model's state after prefixes with each label, and what it predicts.

        Parameters
        ----------
        prefixes : sequence of str
        state : State or None
            The state after the prefixes without their last characters, with a row for each prefix
            and label. None: the whole prefixes are read.

        Returns
        -------
        state : State
            With a row for each prefix and label.
        log_proba : ndarray of shape (n_prefixes, n_labels, n_characters), dtype float64
        """
        n, index = len(self.labels), self.corpus.alphabet.index
        with one_blas_thread():
            if state is None:
                windows = np.repeat(self.windows(prefixes), n, axis=0)
                state, logits = self.start(windows, np.tile(self.labels, len(prefixes)))
            else:
                characters = np.array([index[prefix[-1]] for prefix in prefixes])
                state, logits = self.model.advance(state, np.repeat(characters, n))
        log_proba: Floats = log_softmax(logits.astype(np.float64))
        return state, log_proba.reshape(len(prefixes), n, -1)

    def decoded(self, log_proba: Floats) -> Floats:
        """Return log-probabilities after decoding."""
        if self.decoding == _PLAIN:
            return log_proba
        proba = self.decoding.probabilities(log_proba.reshape(-1, log_proba.shape[2]))
        with np.errstate(divide="ignore"):
            return np.log(proba).reshape(log_proba.shape)

    def steps_after(self, prefixes: Sequence[str], log_proba: Floats) -> Steps:
        """Return the steps for the predictions after prefixes."""
        n_prefixes, n_labels, n_characters = log_proba.shape
        windows = np.repeat(self.windows(prefixes), n_labels, axis=0)
        columns = np.tile(np.arange(n_labels), n_prefixes)
        return self.steps(windows, columns, log_proba.reshape(-1, n_characters))

    def steps(self, texts: Ints, columns: Ints, logits: Floats) -> Steps:
        """Return steps, given indices of characters and the label of each row."""
        recent = texts[:, ::-1][:, : min(CONTEXT_LENGTH, self.corpus.window_length_)]
        is_start = recent == len(self.corpus.alphabet)
        fields = [("contexts", "i4", 1 + recent.shape[1]), ("logits", "f4", logits.shape[1])]
        steps = np.empty(len(logits), dtype=fields)
        steps["contexts"][:, 0] = NONE
        steps["contexts"][:, 1:] = recent + columns[:, None] * is_start
        steps["logits"] = logits
        return steps

    def log_joint(self, names: Sequence[str] | None = None) -> Floats:
        """Return the log-probability of each name with each label, (n_names, n_labels).

        The default are the prefixes, which do not end. In running text, they give no information
        about the label.
        """
        texts, corpus = self.prefixes if names is None else names, self.corpus
        joint = np.zeros((len(texts), len(self.labels)))
        if any(texts) and not corpus.is_text:
            read = corpus.sequences(texts)
            if names is None:
                read.targets[read.targets == corpus.alphabet.end] = NONE
            joint += log_likelihood(self.model, read, self.labels[:, None], len(texts))
        return joint + (corpus.log_prior if len(self.labels) > 1 else 0)

    def mean_log_proba(
        self, rows: Ints, names: Sequence[str], rng: np.random.Generator
    ) -> tuple[Floats, Ints]:
        """Return the mean log-probability at temperature 1 of the characters after the prefixes.

        The end of a name is a character. Also draws a label for each name, by its probability given
        the name, and returns its column.
        """
        before, after = self.log_joint(), self.log_joint(names)
        total = np.logaddexp.reduce(after, axis=1)
        columns, _ = draw(np.exp(after - total[:, None]), rng.random(len(names)))
        total -= np.logaddexp.reduce(before, axis=1)[rows]
        n_given = np.array([*map(len, self.prefixes)])[rows]
        return total / (np.array([*map(len, names)]) - n_given + 1), columns

    def windows(self, prefixes: Sequence[str]) -> Ints:
        """Return the last indices of each prefix, (n_prefixes, window_length)."""
        return self.corpus.alphabet.windows(prefixes, self.corpus.window_length_)
