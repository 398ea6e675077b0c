"""The contract of a model of the next character: numpy in, numpy out."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._parallel import one_blas_thread, parallel_map
from .._sequences import Sequences

Indices = NDArray[np.integer[Any]]
Logits = NDArray[np.floating[Any]]

# Numbers below this multiple of their count are counted instead of sorted.
_DENSE = 32


class NextCharModel(ABC):
    """Predicts the next character of names.

    A model reads contexts, then one more character of each at a time. A context is the indices of
    the last characters, padded on the left with -1, and the index of a label, -1 for none. Rows are
    independent of each other. Logits are defined up to a constant for each row.

    Attributes
    ----------
    n_characters : int
        Characters that can be predicted: columns of the logits. Contexts may hold two more: the
        start of a name and an unknown character.
    n_labels : int
    block_rows : int
        The number of rows that are read fastest at a time.
    """

    n_characters: int
    n_labels: int
    block_rows = 384

    @abstractmethod
    def start(self, windows: Indices, labels: Indices) -> tuple[Any, Logits]:
        """Read contexts.

        Parameters
        ----------
        windows : ndarray of shape (n_rows, window_length), dtype int
        labels : ndarray of shape (n_rows,), dtype int

        Returns
        -------
        state : object
            For `advance` and `select`.
        logits : ndarray of shape (n_rows, n_characters), dtype float
            Of the next character. The caller may overwrite them.
        """

    @abstractmethod
    def advance(self, state: Any, characters: Indices) -> tuple[Any, Logits]:
        """Read one more character of each row; return the same as `start`."""

    @abstractmethod
    def select(self, state: Any, rows: Indices) -> Any:
        """Return the state of some rows, in their order."""

    @abstractmethod
    def distinct_logits(self, sequences: Sequences) -> tuple[Indices, Logits]:
        """Read given names; return a row number for each target, and the logits of these rows.

        The targets are ``sequences.targets[sequences.has_target]``; those in the same context may
        share a row. The result is held in memory as a whole: callers cut long lists into blocks.
        """

    def logits(self, sequences: Sequences) -> Logits:
        """Read given names; return the logits before each target, (n_targets, n_characters)."""
        rows, logits = self.distinct_logits(sequences)
        return logits.take(rows, axis=0)

    def log_proba(self, sequences: Sequences) -> NDArray[np.float64]:
        """Compute the log-probability of each target, in nats, shape (n_targets,)."""
        rows, logits = self.distinct_logits(sequences)
        logits -= logits.max(axis=1, keepdims=True)
        of_targets = logits[rows, sequences.targets[sequences.has_target]].astype(np.float64)
        total = np.exp(logits, out=logits).sum(axis=1, dtype=np.float64)
        return of_targets - np.log(total)[rows]

    def exported(self) -> dict[str, Any]:
        """Return what the script of a web page needs: arrays, numbers and nested dicts."""
        raise NotImplementedError

    def ngrams(self) -> Any:
        """Return the `NGrams` that the model consists of, None if it is of another kind."""
        return None


def unique_inverse(numbers: Indices) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sorted unique numbers, all >= 0, and the place of each number among them."""
    end = int(numbers.max(initial=-1)) + 1
    if end > _DENSE * len(numbers):
        return np.unique(numbers.astype(np.int64), return_inverse=True)
    occurs, place = np.zeros(end, dtype=bool), np.empty(end, dtype=np.int64)
    occurs[numbers] = True
    unique = np.flatnonzero(occurs)
    place[unique] = np.arange(len(unique))
    return unique, place[numbers]


def log_softmax(logits: Logits) -> Logits:
    """Return the log-probabilities, in nats, along the last axis."""
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def next_log_proba(model: NextCharModel, windows: Indices, labels: Indices) -> NDArray[np.float64]:
    """Compute the log-probabilities of the next character of each context with each label, in nats.

    The shape is (n_rows, n_labels, n_characters).
    """
    n_rows, n_labels = len(windows), len(labels)
    with one_blas_thread():
        _, logits = model.start(np.repeat(windows, n_labels, axis=0), np.tile(labels, n_rows))
    log_proba: NDArray[np.float64] = log_softmax(logits.astype(np.float64))  # type: ignore
    return log_proba.reshape(n_rows, n_labels, -1)


def log_likelihood(model: NextCharModel, sequences: Sequences, n_names: int) -> NDArray[np.float64]:
    """Sum the log-probabilities of the targets of each name, in nats, shape (n_names,)."""
    total = np.zeros(n_names)
    blocks = sequences.blocks(model.n_characters)
    for block, log_proba in zip(blocks, parallel_map(model.log_proba, zip(blocks)), strict=True):
        names = np.repeat(block.name_index, block.has_target.sum(1))
        total += np.bincount(names, log_proba, minlength=n_names)
    return total
