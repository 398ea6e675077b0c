"""Draw candidate names from a model, character by character.

References
----------
.. [1] T. Hesterberg, "Weighted Average Importance Sampling and Defensive Mixture Distributions",
   Technometrics, 1995.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from .._alphabet import NONE
from .._corpus import Corpus
from .._graphemes import MAX_CODE_POINTS
from .._models.contract import (
    NextCharModel,
    State,
    joined,
    log_likelihood,
    log_softmax,
    next_log_proba,
    recent_contexts,
)
from .._parallel import BLOCK_CELLS, blocks, one_blas_thread, parallel_map
from .._rows import rows_of_names
from .._sequences import Sequences
from .._types import Floats, Ints
from .constraint import Constraint, Limits
from .decoding import Decoding, draw
from .lookahead import Lookahead

# Share of the mean lookahead that is mixed into the lookahead of each character. Otherwise,
# names that the lookahead wrongly considers nearly impossible would be drawn once in many thousand
# draws, with an enormous weight [1]_.
_DEFENSIVE_SHARE = 0.2
# Number of characters in the contexts of `Steps`.
_CONTEXT_LENGTH = 7
# What a model predicted at each step of drawing names: "contexts" of shape (n_steps, n_columns),
# dtype int32, and "logits" of shape (n_steps, n_characters), dtype float32. Contexts are those of
# `NGramCounts`, without a label: the start of a name with the label in column i of the source is
# character n_characters + i.
Steps = NDArray[np.void]


class Draws(NamedTuple):
    """Candidate names with their importance weights.

    Attributes
    ----------
    texts : ndarray of shape (n_names,), dtype object
    labels : ndarray of shape (n_names,), dtype int
    log_proba : ndarray of shape (n_names,), dtype float64
        If guided: log-probability of each name with its label, in nats. At temperature 0, it is the
        log-probability at temperature 1.
    log_weights : ndarray of shape (n_names,), dtype float64
        Log of the importance weight: the probability of a name divided by its probability under the
        proposal. Minus infinity for names that violate the constraint. Unless guided, 0 for all
        other names.
    steps : list of Steps
        The steps of all names, if they were recorded.
    """

    texts: NDArray[np.object_]
    labels: Ints
    log_proba: Floats
    log_weights: Floats
    steps: Sequence[Steps] = ()


@dataclass(frozen=True)
class Source:
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
    """

    model: NextCharModel
    corpus: Corpus
    prefixes: list[str]
    labels: Ints
    label_proba: Floats
    decoding: Decoding

    @cached_property
    def windows(self) -> Ints:
        """The last indices of each prefix, (n_prefixes, window_length)."""
        return self._windows(self.prefixes)

    def propose(
        self,
        rows: Ints,
        rng: np.random.Generator,
        lookahead: Lookahead,
        labels: Ints | None = None,
        *,
        guided: bool = True,
        recorded: bool = False,
    ) -> Draws:
        """Draw one candidate per row, which may violate the constraint.

        Parameters
        ----------
        rows, rng
        lookahead : Lookahead
            A name is abandoned when it cannot be completed.
        labels : ndarray of shape (n_names,), dtype int, default=None
            Labels of the names. None: drawn at random.
        guided : bool, default=True
            Whether to draw each character in proportion to its probability times the lookahead.
            Otherwise, the model alone decides.
        recorded : bool, default=False
            Whether to return the steps.
        """
        row_cells = max(8 * len(self.corpus.alphabet), BLOCK_CELLS // self.model.block_rows)
        parts = blocks(len(rows), row_cells)
        if labels is None:
            labels = self.draw_labels(rows, rng)
        rngs = [rng]
        if len(parts) > 1:  # the draws must not depend on the order of the blocks
            rngs = list(map(np.random.default_rng, rng.integers(2**63, size=len(parts))))
        alphabet, windows = self.corpus.alphabet, self.windows
        position, prefixes = self.positions(lookahead), np.array(self.prefixes, dtype=object)

        def propose_part(part: slice, rng: np.random.Generator) -> Draws:
            part_rows, part_labels = rows[part], labels[part]
            columns = np.searchsorted(self.labels, part_labels)
            text, log_proba, log_weights, predicted = _propose_block(
                self.model,
                self.start(part_rows, part_labels),
                position[:, part_rows, columns],
                self.decoding,
                lookahead,
                guided,
                rng,
                recorded,
            )
            log_proba += np.log(self.label_proba[part_rows, columns])
            texts = prefixes[part_rows] + np.array(alphabet.decode(text), dtype=object)
            read = np.concatenate([windows[part_rows], text], axis=1)
            steps = [
                self._steps(read[active, : windows.shape[1] + step], columns[active], logits)
                for step, (active, logits) in enumerate(predicted)
            ]
            return Draws(texts, part_labels, log_proba, log_weights, steps)

        draws = parallel_map(propose_part, zip(parts, rngs, strict=True))
        *columns, steps = zip(*draws, strict=True)
        return Draws._make([*map(np.concatenate, columns), [*chain.from_iterable(steps)]])

    def of(self, prefixes: Ints) -> Self:
        """Return a source of names that begin with some of the prefixes."""
        some = [self.prefixes[prefix] for prefix in prefixes]
        return replace(self, prefixes=some, label_proba=self.label_proba[prefixes])

    def positions(self, lookahead: Lookahead) -> Ints:
        """Return the length and the state of each prefix, (2, n_prefixes, n_labels)."""
        states = np.array([*map(lookahead.read, self.prefixes)], dtype=np.int64)
        lengths = self.corpus.alphabet.lengths(self.prefixes)[:, None]
        return np.stack([np.broadcast_to(x, self.label_proba.shape) for x in (lengths, states)])

    def start(self, rows: Ints, labels: Ints) -> tuple[State, Floats]:
        """Return the model's state and logits after labelled prefixes."""
        windows = self.windows
        if len(self.prefixes) == len(self.labels) == 1:  # all rows have the same context
            state, logits = self.model.start(windows, self.labels)
            shared = np.zeros(len(rows), dtype=np.int64)
            return self.model.select(state, shared), logits[shared]
        return self.model.start(windows[rows], labels)

    def draw_labels(self, rows: Ints, rng: np.random.Generator) -> Ints:
        """Draw a label for each row."""
        if len(self.labels) == 1:
            return np.repeat(self.labels, len(rows))
        index, _ = draw(self.label_proba[rows], rng.random(len(rows)))
        return self.labels[index]

    def read(
        self, prefixes: Sequence[str], parents: Sequence[tuple[State, int]] | None
    ) -> tuple[State, Floats]:
        """Return the model's state after prefixes with each label, and what it predicts.

        Parameters
        ----------
        prefixes : sequence of str
        parents : sequence of (state, int), or None
            For each prefix, the state after several prefixes, and which of them is the prefix
            without its last character. Without parents, the whole prefixes are read.

        Returns
        -------
        state : State
            With a row for each prefix and label.
        log_proba : ndarray of shape (n_prefixes, n_labels, n_characters), dtype float64
        """
        if parents is None:
            return next_log_proba(self.model, self._windows(prefixes), self.labels)
        n, index = len(self.labels), self.corpus.alphabet.index
        places = [(state, np.arange(n * place, n * place + n)) for state, place in parents]
        before = joined([self.model.select(*place) for place in places])
        characters = np.array([index[prefix[-1]] for prefix in prefixes])
        with one_blas_thread():
            state, logits = self.model.advance(before, np.repeat(characters, n))
        log_proba: Floats = log_softmax(logits.astype(np.float64))
        return state, log_proba.reshape(len(prefixes), n, -1)

    def decoded(self, log_proba: Floats) -> Floats:
        """Return log-probabilities after decoding."""
        if self.decoding == Decoding():
            return log_proba
        proba = self.decoding.probabilities(log_proba.reshape(-1, log_proba.shape[2]))
        with np.errstate(divide="ignore"):
            return np.log(proba).reshape(log_proba.shape)

    def steps(self, prefixes: Sequence[str], log_proba: Floats) -> Steps:
        """Return the steps for the predictions after prefixes."""
        n_prefixes, n_labels, n_characters = log_proba.shape
        windows = np.repeat(self._windows(prefixes), n_labels, axis=0)
        columns = np.tile(np.arange(n_labels), n_prefixes)
        return self._steps(windows, columns, log_proba.reshape(-1, n_characters))

    def _steps(self, texts: Ints, columns: Ints, logits: Floats) -> Steps:
        """Return steps, given indices of characters and the label of each row."""
        length = min(_CONTEXT_LENGTH, self.corpus.window_length_)
        contexts = recent_contexts(texts, np.full(len(texts), NONE), length)
        fields = ("contexts", np.int32, 1 + length), ("logits", np.float32, logits.shape[1])
        steps = np.empty(len(logits), dtype=[*fields])
        is_start = contexts == len(self.corpus.alphabet)
        steps["contexts"], steps["logits"] = contexts + columns[:, None] * is_start, logits
        return steps

    def log_joint(self, names: Sequence[str] | None = None) -> Floats:
        """Return the log-probability of each name with each label, (n_names, n_labels).

        The default are the prefixes, which do not end.
        """
        texts, labels = self.prefixes if names is None else names, self.labels
        log_proba = _log_proba(self.model, self.corpus, texts, labels, ended=names is not None)
        return log_proba + (self.corpus.log_prior if len(labels) > 1 else 0)

    def mean_log_proba(self, rows: Ints, names: Sequence[str]) -> Floats:
        """Return the mean log-probability at temperature 1 of the characters after the prefixes.

        The end of a name is a character.
        """
        before, after = (np.logaddexp.reduce(self.log_joint(x), axis=1) for x in (None, names))
        n_given = np.array([*map(len, self.prefixes)])[rows]
        return (after - before[rows]) / (np.array([*map(len, names)]) - n_given + 1)

    def unconstrained(self) -> tuple[Self, Lookahead]:
        """Return a source of whole names, or of text that begins with any character.

        The names are drawn at temperature 1. Also returns the limit of their length.
        """
        alphabet, longest = self.corpus.alphabet, self.corpus.max_length_
        prefixes, max_length = list(alphabet.index), 64
        if longest is not None:
            prefixes, max_length = [""], min(4 * longest + 1, 256)
        shares = np.ones(1) if len(self.labels) == 1 else self.corpus.label_shares[self.labels]
        label_proba = np.tile(shares, (len(prefixes), 1))
        limits = Limits(0 if alphabet.end is not None else max_length, max_length)
        possible = Lookahead.possible(Constraint.build(alphabet, limits))
        names = replace(self, prefixes=prefixes, label_proba=label_proba, decoding=Decoding())
        return names, possible

    def _windows(self, prefixes: Sequence[str]) -> Ints:
        return self.corpus.alphabet.windows(prefixes, self.corpus.window_length_)


def _propose_block(
    model: NextCharModel,
    start: tuple[State, Floats],
    position: Ints,
    decoding: Decoding,
    lookahead: Lookahead,
    guided: bool,
    rng: np.random.Generator,
    recorded: bool,
) -> tuple[Ints, Floats, Floats, list[tuple[Ints, Floats]]]:
    """Draw a block of names character by character until all have ended.

    Parameters
    ----------
    model, decoding, lookahead, guided, rng, recorded
        As in `Source`.
    start : tuple
        State and logits of the model after the prefixes.
    position : ndarray of shape (2, n_names), dtype int64
        Length and automaton state of each prefix.

    Returns
    -------
    text : ndarray of shape (n_names, n_steps), dtype int64
        Indices of the generated characters, -1 after the end of the name.
    log_proba, log_weights : ndarray of shape (n_names,), dtype float64
        As in `Draws`.
    predicted : list of (ndarray, ndarray)
        The active rows and their logits at each step, if recorded.
    """
    constraint, automaton = lookahead.constraint, lookahead.automaton
    (state, logits), end, n_names = start, constraint.end, position.shape[1]
    text = np.full((n_names, 16), NONE)
    log_proba, log_weights = np.zeros((2, n_names))
    active, predicted = np.arange(n_names), list[tuple[Ints, Floats]]()
    if end is None:
        active = np.flatnonzero(position[0] < constraint.limits.max_length)
        state, logits, position = model.select(state, active), logits[active], position[:, active]
    for step in range(MAX_CODE_POINTS * (constraint.limits.max_length + 1)):
        if not len(active):
            break
        lengths, states = position
        if recorded:
            predicted.append((active, logits))
        uniforms, after = rng.random(len(active)), automaton.after(states)
        if guided:
            ahead = lookahead.ahead(lengths, states, after)
            characters, log_p, log_weight = _draw_guided(logits, ahead, decoding, uniforms)
            log_proba[active] += log_p
            log_weights[active] += log_weight
        else:
            characters, _ = draw(decoding.probabilities(logits), uniforms)
        next_lengths = lengths + automaton.starts_cluster[states, characters]
        position = np.stack([next_lengths, after[np.arange(len(active)), characters]])
        is_feasible = lookahead.is_possible(*position)
        is_complete = next_lengths >= constraint.limits.max_length
        if end is not None:
            is_complete = characters == end
            is_feasible[is_complete] = lookahead.may_end(lengths, states)[is_complete]
        log_weights[active[~is_feasible]] = -np.inf
        if step == text.shape[1]:
            text = np.concatenate([text, np.full_like(text, NONE)], axis=1)
        text[active, step] = characters
        survivors = np.flatnonzero((log_weights[active] > -np.inf) & ~is_complete)
        if len(survivors) < len(active):
            state, characters = model.select(state, survivors), characters[survivors]
            active, position = active[survivors], position[:, survivors]
        if len(active):
            state, logits = model.advance(state, characters)
    log_weights[active] = -np.inf  # endless sequences of code points that continue a character
    return text, log_proba, log_weights, predicted


def _draw_guided(
    logits: Floats, ahead: Floats, decoding: Decoding, uniforms: Floats
) -> tuple[Ints, Floats, Floats]:
    """Draw in proportion to probability times lookahead. Return characters, log p, log(p / q)."""
    if decoding.temperature == 0:
        p = Decoding(1.0, *decoding[1:]).probabilities(logits)
        characters, sums = (p * ahead).argmax(axis=1), (p * ahead).max(axis=1)
    else:
        p = decoding.probabilities(logits)
        mean = (p * ahead).sum(axis=1, keepdims=True)
        ahead += _DEFENSIVE_SHARE * (ahead > 0) * mean
        characters, sums = draw(p * ahead, uniforms)
    cells = np.arange(len(p)), characters
    with np.errstate(divide="ignore", invalid="ignore"):  # rows that cannot be completed
        log_weight = np.where(sums > 0, np.log(sums) - np.log(ahead[cells]), -np.inf)
        return characters, np.log(p[cells]), log_weight


def label_proba(model: NextCharModel, corpus: Corpus, prefixes: list[str]) -> NDArray[np.float64]:
    """Return the probability of each label given each prefix, (n_prefixes, n_labels)."""
    joint = corpus.log_prior + _log_proba(model, corpus, prefixes, np.arange(len(corpus.labels)))
    joint -= np.logaddexp.reduce(joint, axis=1)[:, None]
    return np.exp(joint)


def _log_proba(
    model: NextCharModel,
    corpus: Corpus,
    prefixes: Sequence[str],
    labels: Ints,
    ended: bool = False,
) -> NDArray[np.float64]:
    """Return the log-probability of each prefix given each label, (n_prefixes, n_labels).

    If `ended`, they are whole names. Running text may begin anywhere, so its prefixes give no
    information about the label.
    """
    log_proba = np.zeros((len(prefixes), len(labels)))
    if any(prefixes) and not corpus.is_text:
        rows = rows_of_names(prefixes, corpus.window_length_)
        read = Sequences.of_rows(rows).indexed(corpus.alphabet)
        if not ended:
            read.targets[read.targets == corpus.alphabet.end] = NONE
        for column, label in enumerate(labels.tolist()):
            labelled = read._replace(labels=np.full_like(read.labels, label))
            log_proba[:, column] = log_likelihood(model, labelled, len(prefixes))
    return log_proba
