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

_MAX_CELLS = 2**28  # probabilities of characters that a search may look at, a few seconds


class Search:
    """Continues the most probable prefixes first: no name is more probable than its prefixes.

    Parameters
    ----------
    model : NextCharModel
    corpus : Corpus
    labels : ndarray of shape (n_labels,), dtype int64
        The labels that names may have; [-1] for none.
    decoding : Decoding
    constraint : Constraint
    prefix : str
        What the names begin with.
    joint : ndarray of shape (n_labels,), dtype float64
        Log-probability of the prefix and each label.

    Attributes
    ----------
    n_expanded, n_most : int
        Prefixes that were continued, and how many should be at most.
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
        self._letters = np.array(corpus.alphabet.letters)
        row_cells = max(len(self._letters) * len(joint), 2**11)
        self._n_rows = max(1, BLOCK_CELLS // (2 * row_cells))
        self.n_expanded, self.n_most = 0, _MAX_CELLS // row_cells
        self._waiting: list[Any] = []  # prefixes all differ, so they tell equal probabilities apart
        state = np.array([constraint.read(prefix)])
        self._wait((prefix, np.array([""]), _logsumexp(joint)[None], joint[:, None], state))

    @property
    def best(self) -> float:
        """The log-probability of the most probable prefix that waits."""
        return -self._waiting[0][0] if self._waiting else -np.inf

    @property
    def mass(self) -> float:
        """The logarithm of the probability of all names that were not found."""
        left = [siblings[2][place:] for _, _, place, siblings in self._waiting]
        return float(np.logaddexp.reduce(np.concatenate([[-np.inf], *left])))

    def step(
        self, least: float = -np.inf, within: float = np.inf
    ) -> tuple[list[str], NDArray[np.float64]]:
        """Continue the most probable prefixes, those `within` so many nats of the best one.

        Prefixes of a log-probability up to `least` are given up. Returns the names that were found,
        and their log-probabilities with each label, (n_names, n_labels).
        """
        end, constraint = self._corpus.alphabet.end, self._constraint
        prefixes, joints, states = self._take(self.best - within)
        self.n_expanded += len(prefixes)
        joints = joints[:, :, None] + self._log_proba(prefixes)
        totals = _logsumexp(joints, axis=1)  # (rows, characters)
        lengths = constraint.lengths(prefixes)[:, None] + constraint.begins[states]
        may_follow = constraint.possible.is_possible(lengths, constraint.after[states])
        may_follow &= totals > least
        may_follow[:, end] = False
        for row, prefix in enumerate(prefixes):
            columns = np.flatnonzero(may_follow[row])
            columns = columns[np.argsort(-totals[row, columns], kind="stable")]
            after = constraint.after[states[row], columns]
            longer = self._letters[columns], totals[row, columns], joints[row][:, columns], after
            self._wait((prefix, *longer))
        ends = [row for row, name in enumerate(prefixes) if constraint.accepts_name(name)]
        return [prefixes[row] for row in ends], joints[ends, :, end]

    def _wait(self, siblings, place=0):
        """Put the prefix at that place on a heap, if there is one; the others wait for it.

        Siblings are a prefix and the letters that may follow it, the most probable first; the
        log-probability of each, (n,), and with each label, (n_labels, n); and the state after each.
        """
        prefix, letters, total, *_ = siblings
        if place < len(letters):
            heappush(self._waiting, (-total[place], prefix + letters[place], place, siblings))

    def _take(self, least):
        """Take the most probable ones from the heap: prefixes, (rows, labels) and states."""
        best: list[Any] = []
        while self._waiting and len(best) < self._n_rows and self.best >= least:
            _, prefix, place, siblings = heappop(self._waiting)
            self._wait(siblings, place + 1)
            best.append((prefix, siblings[3][:, place], siblings[4][place]))
        prefixes, joints, states = zip(*best, strict=True)
        return prefixes, np.stack(joints), np.array(states)

    def _log_proba(self, prefixes):
        """Log-probabilities of what follows, (n_prefixes, n_labels, n_characters)."""
        windows = self._corpus.alphabet.windows(prefixes, self._corpus.window_length_)
        log_proba = next_log_proba(self._model, windows, self._labels)
        if self._decoding == Decoding():
            return log_proba
        flat = self._decoding.probabilities(log_proba.reshape(-1, log_proba.shape[2]))
        with np.errstate(divide="ignore"):
            return np.log(flat).reshape(log_proba.shape)


def _logsumexp(x, axis=0):
    return np.logaddexp.reduce(x, axis=axis) if x.shape[axis] > 1 else x.squeeze(axis)
