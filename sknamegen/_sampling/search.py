"""Best-first search for the most probable names."""

from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._corpus import Corpus
from .._models.contract import Indices, NextCharModel, next_log_proba
from .._parallel import BLOCK_CELLS
from .constraint import Constraint
from .decoding import Decoding

# Maximum number of character probabilities computed in a search. This takes a few seconds.
_MAX_CELLS = 2**28


class Search:
    """Best-first search, based on the fact that no name is more probable than its prefixes.

    Parameters
    ----------
    model : NextCharModel
    corpus : Corpus
    labels : ndarray of shape (n_labels,), dtype int64
        The labels that names may have, or [-1] without labels.
    decoding : Decoding
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
        model: NextCharModel,
        corpus: Corpus,
        labels: Indices,
        decoding: Decoding,
        constraint: Constraint,
        prefix: str,
        joint: NDArray[np.float64],
    ):
        self._model, self._corpus, self._labels = model, corpus, labels
        self._decoding, self._constraint = decoding, constraint
        self._characters = np.array(corpus.alphabet.characters)
        row_cells = max(len(self._characters) * len(joint), 2**11)
        self._n_rows = max(1, BLOCK_CELLS // (2 * row_cells))
        self.n_expanded, self.max_expanded = 0, _MAX_CELLS // row_cells
        self._heap: list[Any] = []  # all prefixes differ, so ties are broken by the prefix
        state = np.array([constraint.read(prefix)])
        self._push((prefix, np.array([""]), _logsumexp(joint)[None], joint[:, None], state))

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
        end, constraint = self._corpus.alphabet.end, self._constraint
        prefixes, joints, states = self._pop(self.best - margin)
        self.n_expanded += len(prefixes)
        joints = joints[:, :, None] + self._log_proba(prefixes)
        totals = _logsumexp(joints, axis=1)  # (rows, characters)
        lengths = constraint.lengths(prefixes)[:, None] + constraint.starts_cluster[states]
        may_follow = constraint.feasibility.is_possible(lengths, constraint.transitions[states])
        may_follow &= totals > threshold
        may_follow[:, end] = False
        for row, prefix in enumerate(prefixes):
            columns = np.flatnonzero(may_follow[row])
            columns = columns[np.argsort(-totals[row, columns], kind="stable")]
            next_states = constraint.transitions[states[row], columns]
            log_probas = totals[row, columns], joints[row][:, columns]
            self._push((prefix, self._characters[columns], *log_probas, next_states))
        ends = [row for row, name in enumerate(prefixes) if constraint.accepts_name(name)]
        return [prefixes[row] for row in ends], joints[ends, :, end]

    def _push(self, siblings, place=0):
        """Push the sibling at `place` onto the heap, if it exists. Later siblings wait for `_pop`.

        Siblings are a tuple of a prefix, its next characters (most probable first), their
        log-probabilities (n,), their log-probabilities with each label (n_labels, n), and the
        states after them.
        """
        prefix, characters, total, *_ = siblings
        if place < len(characters):
            heappush(self._heap, (-total[place], prefix + characters[place], place, siblings))

    def _pop(self, threshold):
        """Pop the most probable prefixes. Return them, their log-probabilities and states."""
        best: list[Any] = []
        while self._heap and len(best) < self._n_rows and self.best >= threshold:
            _, prefix, place, siblings = heappop(self._heap)
            self._push(siblings, place + 1)
            best.append((prefix, siblings[3][:, place], siblings[4][place]))
        prefixes, joints, states = zip(*best, strict=True)
        return prefixes, np.stack(joints), np.array(states)

    def _log_proba(self, prefixes):
        """Return the log-probabilities of the next character, (n_prefixes, n_labels, n_chars)."""
        windows = self._corpus.alphabet.windows(prefixes, self._corpus.window_length_)
        log_proba = next_log_proba(self._model, windows, self._labels)
        if self._decoding == Decoding():
            return log_proba
        proba = self._decoding.probabilities(log_proba.reshape(-1, log_proba.shape[2]))
        with np.errstate(divide="ignore"):
            return np.log(proba).reshape(log_proba.shape)


def _logsumexp(x, axis=0):
    return np.logaddexp.reduce(x, axis=axis) if x.shape[axis] > 1 else x.squeeze(axis)
