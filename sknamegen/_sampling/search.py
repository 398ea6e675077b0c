"""Best-first search for the most probable names."""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._alphabet import Alphabet
from .._parallel import BLOCK_CELLS
from .constraint import Constraint

# Maximum number of character probabilities computed in a search. This takes a few seconds.
_MAX_CELLS = 2**28


class Search:
    """Best-first search, based on the fact that no name is more probable than its prefixes.

    Parameters
    ----------
    log_proba : callable
        Returns the log-probabilities of the next character after each prefix in a list,
        (n_prefixes, n_labels, n_characters).
    alphabet : Alphabet
    constraint : Constraint
    prefix : str
        The beginning of all names.
    joint : ndarray of shape (n_labels,), dtype float64
        Joint log-probability of the prefix and each label.

    Attributes
    ----------
    n_expanded, max_expanded : int
        Number of expanded prefixes, and the limit at which callers should stop.
    """

    def __init__(
        self,
        log_proba: Callable[[Sequence[str]], NDArray[np.float64]],
        alphabet: Alphabet,
        constraint: Constraint,
        prefix: str,
        joint: NDArray[np.float64],
    ):
        self._log_proba, self._alphabet, self._constraint = log_proba, alphabet, constraint
        self._characters = np.array(alphabet.characters)
        row_cells = max(len(self._characters) * len(joint), 2**11)
        self._n_rows = max(1, BLOCK_CELLS // (2 * row_cells))
        self.n_expanded, self.max_expanded = 0, _MAX_CELLS // row_cells
        self._heap: list[Any] = []  # all prefixes differ, so ties are broken by the prefix
        total, state = np.logaddexp.reduce(joint), constraint.read(prefix)
        self._push((prefix, [""], np.array([total]), joint[:, None], [state]))

    @property
    def best(self) -> float:
        """The log-probability of the most probable prefix on the heap."""
        return -self._heap[0][0] if self._heap else -np.inf

    @property
    def mass(self) -> float:
        """The log of the total probability of all names that have not been found."""
        pending = [siblings[2][place:] for _, _, place, siblings in self._heap]
        return float(np.logaddexp.reduce(np.concatenate([[-np.inf], *pending])))

    def step(
        self, threshold: float = -np.inf, margin: float = np.inf
    ) -> tuple[list[str], NDArray[np.float64]]:
        """Expand the most probable prefixes, down to `margin` nats below the best prefix.

        Prefixes with a log-probability up to `threshold` are dropped. Returns the names found and
        their log-probabilities with each label, (n_names, n_labels).
        """
        alphabet, constraint = self._alphabet, self._constraint
        best, lowest = list[Any](), self.best - margin
        while self._heap and len(best) < self._n_rows and self.best >= lowest:
            _, prefix, place, siblings = heappop(self._heap)
            self._push(siblings, place + 1)
            best.append((prefix, siblings[3][:, place], siblings[4][place]))
        prefixes, *arrays = zip(*best, strict=True)
        joints, states = map(np.array, arrays)
        self.n_expanded += len(prefixes)
        joints = joints[:, :, None] + self._log_proba(prefixes)
        totals = np.logaddexp.reduce(joints, axis=1)  # (rows, characters)
        lengths = alphabet.lengths(prefixes)
        may_end = constraint.may_end(lengths, states)
        lengths = lengths[:, None] + constraint.starts_cluster[states]
        may_follow = constraint.feasibility.is_possible(lengths, constraint.transitions[states])
        may_follow &= totals > threshold
        may_follow[:, alphabet.end] = False
        for row, prefix in enumerate(prefixes):
            columns = np.flatnonzero(may_follow[row])
            columns = columns[np.argsort(-totals[row, columns], kind="stable")]
            next_states = constraint.transitions[states[row], columns]
            log_probas = totals[row, columns], joints[row][:, columns]
            self._push((prefix, self._characters[columns], *log_probas, next_states))
        return list(compress(prefixes, may_end)), joints[may_end, :, alphabet.end]

    def _push(self, siblings, place=0):
        """Push the sibling at `place` onto the heap, if it exists. Later siblings wait.

        Siblings are a tuple of a prefix, its next characters (most probable first), their
        log-probabilities (n,), their log-probabilities with each label (n_labels, n), and the
        states after them.
        """
        prefix, characters, total, *_ = siblings
        if place < len(characters):
            heappush(self._heap, (-total[place], prefix + characters[place], place, siblings))
