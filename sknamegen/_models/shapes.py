"""What shapes names have: which kind of character follows which runs of kinds.

A network gives every character some probability, and smoothed counts do too: seven characters on, a
few names in a hundred have a capital inside or begin small, as no name of the list does. Kinds are
few and seen often, so a list tells much more surely which of them follow each other. "MacLeod" is
a run of one capital, one of two small letters, and so on; what follows depends on the last few runs
and on how long the last one is: behind the "van" of "van Dyk" comes a blank. With labels, it
depends on these too.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._alphabet import NONE
from .._sequences import Sequences
from .._validation import MAX_TOTAL_WEIGHT, is_array
from .model import Indices, Logits, NextCharModel, numbered

# Runs that what follows depends on; fewer, or no labels, where that would take so many cells.
_RUNS, _MAX_CELLS = 3, 2**22
# Lengths of the last run that are told apart: any (0), 1, 2, 3, and more.
_LENGTHS = 5
# What shorter contexts say counts as so many characters, and what all labels say; 1 to 5 for these
# lose up to 0.01 nats per character less where labels have 20 names, and mix scripts more often.
_WEIGHT, _LABEL_WEIGHT = 0.5, 0.5
# What does follow stays as it is where it is up to so many times rarer than usual; all else becomes
# so much less probable at most.
_SLACK, _LEAST, _TINY = 3, np.exp(-8.0), 1e-300


class ShapeCounts(NamedTuple):
    """How often each kind of character followed which runs of kinds.

    Attributes
    ----------
    codes : ndarray of shape (n_contexts,), dtype int64
        The label, 0 without labels, the last runs and the length of the last one as a number,
        sorted; see `_extended`.
    followed : ndarray of shape (n_contexts, n_kinds), dtype float64
    """

    codes: NDArray[np.int64]
    followed: NDArray[np.float64]

    def more(self, sequences: Sequences, kinds: Indices) -> "ShapeCounts":
        """Add what sequences of indices tell; `kinds` are those of `Alphabet`."""
        n_kinds, has_target = self.followed.shape[1], sequences.has_target
        codes = np.empty(sequences.inputs.shape, dtype=np.int64)
        code = np.zeros(len(codes), dtype=np.int64)
        for step, characters in enumerate(sequences.inputs.T):
            code = codes[:, step] = _extended(code, kinds[characters], n_kinds)
        times = None
        if sequences.weights is not None:
            times = np.repeat(sequences.weights, has_target.sum(1))
        labels = np.repeat(np.maximum(sequences.labels, 0), has_target.sum(1))
        old_labels, old_codes = np.divmod(self.codes, _n_codes(n_kinds))
        codes, place = numbered(np.append(codes[has_target], old_codes))
        rows, place = numbered(np.append(labels, old_labels) * len(codes) + place)
        known = rows // len(codes) * _n_codes(n_kinds) + codes[rows % len(codes)]
        place, of_old = np.split(place, [len(labels)])
        cells = place * n_kinds + kinds[sequences.targets[has_target]]
        new = np.bincount(cells, times, minlength=len(known) * n_kinds)
        followed = new.reshape(-1, n_kinds).astype(np.float64)
        followed[of_old] += self.followed
        return ShapeCounts(known, followed)


def no_shapes(kinds: Indices) -> ShapeCounts:
    """Return the counts of no names."""
    n_kinds = int(kinds.max()) + 1
    return ShapeCounts(np.empty(0, dtype=np.int64), np.empty((0, n_kinds)))


def are_shapes(state: Any, kinds: Indices, n_labels: int) -> bool:
    """Whether a saved state can be the counts of some names, as a dict."""
    if not isinstance(state, dict) or state.keys() != {"codes", "followed"}:
        return False
    codes, followed = state["codes"], state["followed"]
    n_kinds = int(kinds.max()) + 1
    if not is_array(codes, "i") or not is_array(followed, "f", 2):
        return False
    return bool(
        codes.dtype == np.int64
        and followed.dtype == np.float64
        and followed.shape == (len(codes), n_kinds)
        and len(codes)
        and (np.diff(codes) > 0).all()
        and codes[0] >= 0
        and codes[-1] < _n_codes(n_kinds) * max(n_labels, 1)
        and ((followed >= 0) & (followed <= MAX_TOTAL_WEIGHT)).all()
    )


def _n_codes(n_kinds):
    """Return how many codes there are for each label."""
    return n_kinds**_RUNS * _LENGTHS


def _extended(code, kinds, base):
    """Append a character to runs: digits in a base, 0 for none; below them the last one's length.

    Marks, of kind 0, belong to the character before.
    """
    runs, length = np.divmod(code, _LENGTHS)
    goes_on = (kinds == 0) | (kinds == runs % base)
    adds = goes_on & (kinds > 0) & (length > 0)
    length = np.where(goes_on, np.minimum(length + adds, _LENGTHS - 1), 1)
    return np.where(goes_on, runs, runs * base % base**_RUNS + kinds) * _LENGTHS + length


def _contexts(code, base):
    """Return ever longer contexts: no runs, the last one, two, three; its length, too, if known."""
    runs, length = np.divmod(code, _LENGTHS)
    of_runs = [runs % base**n for n in range(_RUNS + 1)]
    return [*of_runs, np.where(length > 0, base**_RUNS + code, runs)]


class Shapes:
    """How much less probable characters are behind some runs of kinds than usual.

    Parameters
    ----------
    counts : ShapeCounts
    kinds : ndarray of shape (n_characters + 3,), dtype int
        Of `Alphabet`.
    n_labels : int

    Attributes
    ----------
    n_states : int
        For each label. A state stands for the longest runs that are known, with the length of the
        last one or the longest known below it. The first one knows of none.
    after : ndarray of shape (n_labels * n_states, n_kinds), dtype int64
        The state behind each kind; without labels there is one.
    offsets : ndarray of shape (n_labels * n_states, n_kinds), dtype float32
        To be added to the logits of characters of each kind: zero, or negative for what is rarer.

    Notes
    -----
    Let n be how often runs r were found, n(k) how often kind k followed, and r' the same runs
    without the length of the last one or without the first one, which were found more often.
    Then::

        p(k | r) = (n(k) + p(k | r') / 2) / (n + 1/2)

    and, with n of a label's names only, in the same way p(k | r, label) of p(k | r). The offset is
    min(0, log p(k | r, label) - log p(k)), at least -8. Where n(k) is above zero, the former is
    taken three times: what is a little rarer than usual is left to the model, so that ways of
    writing stay as frequent as they are.
    """

    def __init__(self, counts: ShapeCounts, kinds: Indices, n_labels: int):
        self.kinds, n_characters = kinds, len(kinds) - 3
        n_kinds, of_characters = counts.followed.shape[1], kinds[:n_characters]
        times = counts.followed.sum(axis=0)
        times += _WEIGHT * np.bincount(of_characters, minlength=n_kinds) / n_characters
        known, n, proba = np.zeros(1, np.int64), times.sum()[None], times[None] / times.sum()
        follows = np.ones(proba.shape, dtype=bool)
        labels, codes = np.divmod(counts.codes, _n_codes(n_kinds))
        contexts = _contexts(codes, n_kinds)
        for of_shorter, of_longer in pairwise(contexts):
            new, first, which = np.unique(of_longer, return_index=True, return_inverse=True)
            followed = np.zeros((len(new), n_kinds))
            np.add.at(followed, which, counts.followed)
            is_new = ~np.isin(new, known)
            new, followed = new[is_new], followed[is_new]
            if len(known) > 1 and (len(known) + len(new)) * n_kinds > _MAX_CELLS:
                break
            shorter, total = _find(known, of_shorter[first][is_new]), followed.sum(axis=1)
            longer = (followed + _WEIGHT * proba[shorter]) / (total + _WEIGHT)[:, None]
            tells_more = (total < n[shorter])[:, None]
            proba = np.concatenate([proba, np.where(tells_more, longer, proba[shorter])])
            of_longer = np.where(tells_more, followed > 0, follows[shorter])
            follows = np.concatenate([follows, of_longer])
            known, n = np.append(known, new), np.append(n, total)  # sorted, as longer is greater
        after = _after(known, n_kinds)
        after[:, kinds[NONE]] = 0  # nothing is known before a name begins
        self.n_states, self._n_labels, usual = len(known), 1, proba[0]
        if n_labels > 1 and n_labels * proba.size <= _MAX_CELLS:
            self._n_labels, followed = n_labels, np.zeros((n_labels, *proba.shape))
            for shorter, longer in pairwise([np.full(len(codes), NONE), *contexts]):
                place = _find(known, longer)
                is_known = (known[place] == longer) & (longer != shorter)
                cells = labels[is_known], place[is_known]
                np.add.at(followed, cells, counts.followed[is_known])
            total = followed.sum(axis=2, keepdims=True)
            proba = (followed + _LABEL_WEIGHT * proba) / (total + _LABEL_WEIGHT)
            follows = np.where(total > 0, followed > 0, follows)
        firsts = np.arange(self._n_labels)[:, None, None] * self.n_states
        self.after = (firsts + after).reshape(-1, n_kinds)
        ratio = np.where(follows, _SLACK, 1) * proba / np.maximum(usual, _TINY)
        self.offsets = np.log(np.clip(ratio, _LEAST, 1)).reshape(-1, n_kinds).astype(np.float32)
        self._is_of_kind = np.equal.outer(np.arange(n_kinds), of_characters).astype(np.float32)

    def states(self, inputs: Indices, labels: Indices) -> Indices:
        """Return the state behind each of rows of characters, -1 before the first."""
        states, kinds = np.zeros(inputs.shape, dtype=np.int64), self.kinds[inputs]
        state = labels.clip(0, self._n_labels - 1) * self.n_states
        for step in range(inputs.shape[1]):
            state = states[:, step] = self.after[state, kinds[:, step]]
        return states

    def label_of(self, states: Indices) -> Indices:
        """Return the label that states stand for, 0 where labels are not told apart."""
        return states // self.n_states

    def sums_of_kinds(self, values: Logits) -> Logits:
        """Sum values of characters, the columns, over those of each kind."""
        return values @ self._is_of_kind.T

    def add_to(self, logits: Logits, states: Indices) -> None:
        """Add the offsets of states to logits, in place."""
        logits += self.offsets.take(states, axis=0) @ self._is_of_kind


def _find(known, contexts):
    """Return the places of contexts, or of the greatest below them."""
    return np.searchsorted(known, contexts, side="right") - 1


def _after(known, base):
    """Return which of the known contexts comes behind each of them and each kind."""
    big = base**_RUNS
    codes = np.where(known < big, known * _LENGTHS, known - big)
    codes = _extended(codes[:, None], np.arange(base), base)
    *of_runs, with_length = _contexts(codes, base)
    after = np.zeros(codes.shape, dtype=np.int64)
    for contexts in of_runs:
        place = _find(known, contexts)
        after = np.where(known[place] == contexts, place, after)
    place = _find(known, with_length)  # of a length that is not known, the longest below it
    is_alike = (known[place] > big) & ((known[place] - big) // _LENGTHS == codes // _LENGTHS)
    return np.where(is_alike, place, after)


class Shaped(NextCharModel):
    """Another model, with what its characters may be by the shapes of names.

    Parameters
    ----------
    model : NextCharModel
    shapes : Shapes
    """

    def __init__(self, model: NextCharModel, shapes: Shapes):
        self.model, self.shapes = model, shapes
        self.n_characters, self.n_labels = model.n_characters, model.n_labels
        self.block_rows = model.block_rows

    def start(self, windows: Indices, labels: Indices) -> tuple[Any, Logits]:
        """Read contexts."""
        state, logits = self.model.start(windows, labels)
        shapes = self.shapes.states(windows, labels)[:, -1]
        return self._with_offsets(state, logits, windows, shapes)

    def advance(self, state: Any, characters: Indices) -> tuple[Any, Logits]:
        """Read one more character of each row."""
        own, windows, shapes = state
        own, logits = self.model.advance(own, characters)
        has_left = (windows[:, 0] != NONE).any()  # a character, the window
        windows = np.concatenate([windows[:, 1:], characters[:, None]], axis=1)
        if has_left:
            shapes = self.shapes.states(windows, self.shapes.label_of(shapes))[:, -1]
        else:
            shapes = self.shapes.after[shapes, self.shapes.kinds[characters]]
        return self._with_offsets(own, logits, windows, shapes)

    def _with_offsets(self, state, logits, windows, shapes):
        self.shapes.add_to(logits, shapes)
        return (state, windows, shapes), logits

    def select(self, state: Any, rows: Indices) -> Any:
        """Return the state of some rows, in their order."""
        own, windows, shapes = state
        return self.model.select(own, rows), windows.take(rows, axis=0), shapes.take(rows)

    def logits(self, sequences: Sequences) -> Logits:
        """Read given names; return the logits before each target."""
        logits = self.model.logits(sequences)
        self.shapes.add_to(logits, self._states(sequences))
        return logits

    def log_proba(self, sequences: Sequences) -> NDArray[np.float64]:
        """Compute the log-probability of each target: offsets differ by kind only."""
        which, logits = self.model.distinct_logits(sequences)
        logits -= logits.max(axis=1, keepdims=True)
        targets = sequences.targets[sequences.has_target]
        offsets = self.shapes.offsets.take(self._states(sequences), axis=0)
        own = offsets[np.arange(len(targets)), self.shapes.kinds[targets]]
        of_targets = logits[which, targets] + own.astype(np.float64)
        of_kinds = self.shapes.sums_of_kinds(np.exp(logits, out=logits)).take(which, axis=0)
        total = np.einsum("ij,ij->i", of_kinds, np.exp(offsets), dtype=np.float64)
        return of_targets - np.log(total)

    def _states(self, sequences):
        states = self.shapes.states(sequences.inputs, sequences.labels)
        return states[sequences.has_target]

    def ngrams(self) -> Any:
        """Return what the other model has counted."""
        return self.model.ngrams()
