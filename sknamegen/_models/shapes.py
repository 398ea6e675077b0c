"""What shapes names have: which kind of character follows which runs of kinds.

A network gives every character some probability, and smoothed counts do too: seven characters on, a
few names in a hundred have a capital inside or begin small, as no name of the list does. Kinds are
few and seen often, so a list tells much more surely which of them follow each other. "MacLeod" is
a run of one capital, one of small letters, and so on; what follows depends on the last few runs.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._alphabet import NONE
from .._sequences import Sequences
from .._validation import MAX_TOTAL_WEIGHT, is_array
from .counts import CountsModel
from .model import Indices, Logits, NextCharModel

# Runs that what follows depends on, fewer where that would take more than so many cells.
_RUNS, _MAX_CELLS = 3, 2**22
# What shorter contexts say counts as so many characters.
_WEIGHT = 0.5
# What does follow stays as it is where it is up to so many times rarer than usual; all else becomes
# so much less probable at most.
_SLACK, _LEAST = 3, np.exp(-8.0)
# Counts heed the runs before the last one if such a share of all characters would be of a kind
# that is so much rarer behind them.
_TELLING, _RARE = 2e-4, 0.3


class ShapeCounts(NamedTuple):
    """How often each kind of character followed which runs of kinds.

    Attributes
    ----------
    codes : ndarray of shape (n_contexts,), dtype int64
        The last runs as a number, sorted; see `_extended`.
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
        times, codes = None, codes[has_target]
        if sequences.weights is not None:
            times = np.repeat(sequences.weights, has_target.sum(1))
        is_known = np.bincount(codes, minlength=n_kinds**_RUNS) > 0
        is_known[self.codes] = True
        place = np.cumsum(is_known) - 1
        cells = place[codes] * n_kinds + kinds[sequences.targets[has_target]]
        new = np.bincount(cells, times, minlength=is_known.sum() * n_kinds)
        followed = new.reshape(-1, n_kinds).astype(np.float64)
        followed[place[self.codes]] += self.followed
        return ShapeCounts(np.flatnonzero(is_known), followed)


def no_shapes(kinds: Indices) -> ShapeCounts:
    """Return the counts of no names."""
    n_kinds = int(kinds.max()) + 1
    return ShapeCounts(np.empty(0, dtype=np.int64), np.empty((0, n_kinds)))


def are_shapes(state: Any, kinds: Indices) -> bool:
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
        and codes[-1] < n_kinds**_RUNS
        and ((followed >= 0) & (followed <= MAX_TOTAL_WEIGHT)).all()
    )


def _extended(code, kinds, base):
    """Append a character to runs: digits in a base, 0 for none, the last run the lowest one.

    Marks, of kind 0, belong to the run before.
    """
    goes_on = (kinds == 0) | (kinds == code % base)
    return np.where(goes_on, code, code * base % base**_RUNS + kinds)


class Shapes:
    """How much less probable characters are behind some runs of kinds than usual.

    Parameters
    ----------
    counts : ShapeCounts
    kinds : ndarray of shape (n_characters + 3,), dtype int
        Of `Alphabet`.

    Attributes
    ----------
    after : ndarray of shape (n_states, n_kinds), dtype int64
        A state stands for the longest runs that are known; this is the one behind each kind.
        State 0 knows of none.
    offsets : ndarray of shape (n_states, n_characters), dtype float32
        To be added to logits: zero, or negative for what is rarer.
    share : float
        Of all characters, how many would be of a kind that is much rarer behind the last runs,
        if each were as frequent as behind the last one.

    Notes
    -----
    Let n be how often runs r were found, n(k) how often kind k followed, and r' the same runs
    without the first one, which were found more often. Then::

        p(k | r) = (n(k) + p(k | r') / 2) / (n + 1/2)

    and the offset is min(0, log p(k | r) - log p(k)), at least -8. Where n(k) is above zero,
    p(k | r) is taken three times: what is a little rarer than usual is left to the model, so
    that ways of writing stay as frequent as they are.
    """

    def __init__(self, counts: ShapeCounts, kinds: Indices):
        self.kinds, n_characters = kinds, len(kinds) - 3
        n_kinds, of_characters = counts.followed.shape[1], kinds[:n_characters]
        times = counts.followed.sum(axis=0)
        times += _WEIGHT * np.bincount(of_characters, minlength=n_kinds) / n_characters
        known, n, proba = np.zeros(1, np.int64), times.sum()[None], times[None] / times.sum()
        follows = np.ones(proba.shape, dtype=bool)
        for n_runs in range(1, _RUNS + 1):
            codes, which = np.unique(counts.codes % n_kinds**n_runs, return_inverse=True)
            followed = np.zeros((len(codes), n_kinds))
            np.add.at(followed, which, counts.followed)
            is_new = codes >= n_kinds ** (n_runs - 1)
            codes, followed = codes[is_new], followed[is_new]
            if n_runs > 1 and (len(known) + len(codes)) * n_characters > _MAX_CELLS:
                break
            shorter, total = _find(known, codes % n_kinds ** (n_runs - 1)), followed.sum(axis=1)
            longer = (followed + _WEIGHT * proba[shorter]) / (total + _WEIGHT)[:, None]
            tells_more = (total < n[shorter])[:, None]
            proba = np.concatenate([proba, np.where(tells_more, longer, proba[shorter])])
            of_longer = np.where(tells_more, followed > 0, follows[shorter])
            follows = np.concatenate([follows, of_longer])
            known, n = np.append(known, codes), np.append(n, total)  # sorted, as longer is greater
        code = _extended(known[:, None], np.arange(n_kinds), n_kinds)
        self.after = np.zeros(code.shape, dtype=np.int64)
        for n_runs in range(1, _RUNS + 1):
            place = _find(known, code % n_kinds**n_runs)
            self.after = np.where(known[place] == code % n_kinds**n_runs, place, self.after)
        ratio = np.where(follows, _SLACK, 1)[:, of_characters]
        ratio = ratio * proba[:, of_characters] / proba[0, of_characters]
        ratio = np.clip(ratio, _LEAST, 1)
        self.offsets = np.log(ratio).astype(np.float32)
        by_last = proba[_find(known, known % n_kinds)]
        self.share = float(n @ (by_last * (proba < _RARE * by_last)).sum(axis=1) / n.sum())

    def states(self, inputs: Indices) -> Indices:
        """Return the state behind each of rows of characters, -1 before the first."""
        states = np.zeros(inputs.shape, dtype=np.int64)
        state = np.zeros(len(inputs), dtype=np.int64)
        for step, characters in enumerate(inputs.T):
            state = np.where(characters == NONE, 0, self.after[state, self.kinds[characters]])
            states[:, step] = state
        return states


def _find(known, codes):
    return np.searchsorted(known, codes).clip(max=len(known) - 1)


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
        return self._with_offsets(state, logits, windows, self.shapes.states(windows)[:, -1])

    def advance(self, state: Any, characters: Indices) -> tuple[Any, Logits]:
        """Read one more character of each row."""
        own, windows, shapes = state
        own, logits = self.model.advance(own, characters)
        has_left = (windows[:, 0] != NONE).any()  # a character, the window
        windows = np.concatenate([windows[:, 1:], characters[:, None]], axis=1)
        if has_left:
            shapes = self.shapes.states(windows)[:, -1]
        else:
            shapes = self.shapes.after[shapes, self.shapes.kinds[characters]]
        return self._with_offsets(own, logits, windows, shapes)

    def _with_offsets(self, state, logits, windows, shapes):
        logits += self.shapes.offsets.take(shapes, axis=0)
        return (state, windows, shapes), logits

    def select(self, state: Any, rows: Indices) -> Any:
        """Return the state of some rows, in their order."""
        own, windows, shapes = state
        return self.model.select(own, rows), windows.take(rows, axis=0), shapes.take(rows)

    def logits(self, sequences: Sequences) -> Logits:
        """Read given names; return the logits before each target."""
        logits = self.model.logits(sequences)
        states = self.shapes.states(sequences.inputs)[sequences.has_target]
        logits += self.shapes.offsets.take(states, axis=0)
        return logits

    def ngrams(self) -> Any:
        """Return what the other model has counted."""
        return self.model.ngrams()


def shaped(model: NextCharModel, counts: ShapeCounts, kinds: Indices) -> NextCharModel:
    """Return a model that heeds shapes, the model itself if it does so well enough.

    One that counts knows what follows the last kind.
    """
    shapes = Shapes(counts, kinds)
    knows_enough = isinstance(model, CountsModel) and shapes.share < _TELLING
    return model if knows_enough else Shaped(model, shapes)
