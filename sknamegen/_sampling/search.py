"""Best-first search for the most probable names."""

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import compress
from operator import setitem
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._models.next_char_model import State, map_arrays, select
from .._parallel import BLOCK_CELLS
from .._text.alphabet import NONE
from .._types import Floats, Ints
from .distribution import NameDistribution, Steps
from .lookahead import Lookahead
from .selection import Filters

# Maximum number of character probabilities computed in a search. This takes a few seconds.
_MAX_CELLS = 2**28
# See `Search._push`.
_Siblings = tuple[str, int, int, tuple[Any, ...]]
# Maximum number of model states that a search keeps, because they take much memory.
MAX_STATES = 2**14


class Search:
    """Best-first search for the most probable names.

    The score of a prefix is the log of its probability times the lookahead. If the lookahead only
    shows what is possible, no name is more probable than the scores of its prefixes.

    Parameters
    ----------
    source : NameDistribution
        With one prefix.
    lookahead : Lookahead
    joint : ndarray of shape (n_labels,), dtype float64
        Log-probability of the prefix and each label.
    steps : list of Steps, default=None
        What the model predicts after these prefixes is appended to it.

    Attributes
    ----------
    expanded : set of str
        The expanded prefixes.
    max_expanded : int
        Their number at which callers should stop.
    """

    def __init__(
        self,
        source: NameDistribution,
        lookahead: Lookahead,
        joint: Floats,
        steps: list[Steps] | None = None,
    ):
        self._source, self._lookahead, self._steps = source, lookahead, steps
        self._characters = np.array(source.corpus.alphabet.characters)
        row_cells = max(len(self._characters) * len(joint), 2**11)
        self._n_rows = max(1, BLOCK_CELLS // (2 * row_cells))
        self.expanded, self.max_expanded = set[str](), _MAX_CELLS // row_cells
        # All prefixes differ, so ties are broken by the prefix.
        self._heap: list[tuple[float, str, int, _Siblings]] = []
        self._states: State = ()  # of the model, with a row for each expanded prefix and label
        (prefix,), (lengths, states) = source.prefixes, source.positions(lookahead)[:, :1]
        score = np.logaddexp.reduce(joint + lookahead.log_values(lengths, states), axis=1)
        after = [""], score, joint[None], lengths[:, 0], states
        self._push((prefix, NONE, 1, after), 0)

    @property
    def best(self) -> float:
        """The score of the best prefix on the heap."""
        return -self._heap[0][0] if self._heap else -np.inf

    def step(self, threshold: float = -np.inf, n_rows: int = 2**9) -> tuple[list[str], Floats]:
        """Expand up to `n_rows` of the best prefixes.

        Prefixes with a score up to `threshold` are dropped. Returns the names found and their
        log-probabilities with each label, (n_names, n_labels).
        """
        lookahead, end = self._lookahead, self._source.corpus.alphabet.end
        best = list[Any]()
        while self._heap and len(best) < min(n_rows, self._n_rows):
            _, prefix, place, siblings = heappop(self._heap)
            self._push(siblings, place + 1)
            _, number, _, (_, _, joints, lengths, states) = siblings
            best.append((prefix, number, joints[place], lengths[place], states[place]))
        prefixes, *columns = zip(*best, strict=True)
        numbers, log_proba = self._read(prefixes, np.array(columns[0]))
        joints, lengths, states = map(np.array, columns[1:])
        if self._steps is not None:
            self._steps.append(self._source.steps_after(prefixes, log_proba))
        joints = joints[:, :, None] + self._source.decoded(log_proba)
        may_end = lookahead.may_end(lengths, states[:, 0])
        next_lengths = lengths[:, None] + lookahead.automaton.starts_cluster[states[:, 0]]
        next_states = lookahead.automaton.after(states)  # (rows, labels, characters)
        ahead = lookahead.log_values(next_lengths[:, None], next_states)
        scores = np.logaddexp.reduce(joints + ahead, axis=1)
        scores[:, end] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")
        rows, places = np.nonzero(np.take_along_axis(scores, order, axis=1) > threshold)
        following = order[rows, places]
        cells, with_labels = (rows, following), (rows, slice(None), following)
        # Each is a str: when numpy adds strings of its own, Ctrl-C may be lost.
        characters = self._characters[following].tolist()
        arrays = scores[cells], joints[with_labels], next_lengths[cells], next_states[with_labels]
        ends = np.bincount(rows, minlength=len(best)).cumsum().tolist()
        for start, prefix, number, stop in zip([0, *ends], prefixes, numbers, ends, strict=False):
            self._push((prefix, number, stop, (characters, *arrays)), start)
        return list(compress(prefixes, may_end)), joints[may_end, :, end]

    def _read(self, prefixes: Sequence[str], numbers: Ints) -> tuple[Ints, Floats]:
        """Read the last characters of prefixes, or whole prefixes if a number is -1.

        `numbers` are those of the model's states before these characters. Returns the numbers of
        the states after them, -1 for states that are not kept, and the predictions of the source.
        """
        n_labels, first = len(self._source.labels), len(self.expanded)
        self.expanded.update(prefixes)
        before = (numbers[:, None] * n_labels + np.arange(n_labels)).ravel()
        known = select(self._states, before) if numbers.min() >= 0 else None
        state, log_proba = self._source.read(prefixes, known)
        if len(self.expanded) * n_labels > MAX_STATES:
            return np.full_like(numbers, NONE), log_proba
        if not first:
            self._states = map_arrays(
                lambda x: np.empty((MAX_STATES, *x.shape[1:]), x.dtype), state
            )
        rows = slice(first * n_labels, len(self.expanded) * n_labels)
        map_arrays(lambda kept, new: setitem(kept, rows, new), self._states, state)
        return np.arange(first, len(self.expanded)), log_proba

    def _push(self, siblings: _Siblings, place: int) -> None:
        """Push the sibling at `place` onto the heap, if it exists. Later siblings wait.

        Siblings are a tuple of a prefix, the number of its state, the end of their places, and a
        tuple, best first: a list of the next characters, and arrays of their scores (n,), their
        log-probabilities with each label (n, n_labels), the lengths (n,) and states (n, n_labels)
        after them.
        """
        prefix, _, end, (characters, scores, *_) = siblings
        if place < end:
            heappush(self._heap, (-scores[place], prefix + characters[place], place, siblings))


def most_likely(
    source: NameDistribution, possible: Lookahead, filters: Filters, n: int
) -> tuple[list[str], NDArray[np.float64]]:
    """Return the n most probable names, see `BaseCharGenerator.most_likely`.

    The source must have one prefix and temperature 1.
    """
    search = Search(source, possible, source.log_joint()[0])
    best: list[tuple[float, str]] = []  # ascending
    threshold = -np.inf
    while search.best > threshold:
        if len(search.expanded) > search.max_expanded:
            raise ValueError(
                f"The search for the {n:,} most likely names requires more than "
                f"{len(search.expanded):,} prefixes. Relax the constraint, or pass a smaller n."
            )
        names, joints = search.step(threshold)
        totals = np.logaddexp.reduce(joints, axis=1)
        is_allowed = (np.array(names, dtype=object) != "") & (totals > -np.inf)
        for is_rejected in filters.values():
            is_allowed &= ~is_rejected(names)
        allowed = compress(zip(totals.tolist(), names, strict=True), is_allowed)
        best = sorted([*best, *allowed])[-n:]
        threshold = best[0][0] if len(best) == n else -np.inf
    best.sort(key=lambda pair: (-pair[0], pair[1]))
    return [name for _, name in best], np.array([total for total, _ in best])
