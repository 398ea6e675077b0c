"""Interface for next-character models, in numpy."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._data.sequences import Sequences
from .._parallel import blocks, parallel_map
from .._types import Floats, Ints
from .kneser_ney import KneserNey

# Number of characters of running text that are read at a time.
_PIECE = 256
# What a model keeps for each row between characters: nested tuples and lists of arrays.
State = Any


class NextCharModel(ABC):
    """Base class of models that predict the next character of names.

    A model first reads contexts, then one character per row at a time. A context consists of the
    indices of the last characters, padded on the left with -1, and a label index (-1: no label).
    Rows are independent. Logits are defined up to an additive constant per row.

    Attributes
    ----------
    n_characters : int
        Number of characters to predict, one per column of logits. Contexts may contain two more
        indices, for the start of a name and an unknown character.
    as_ngrams : KneserNey or None
        The n-grams of a model that consists of nothing else and has no labels, or None.
    is_text : bool
        Whether the model predicts running text, of which it reads each character once. A prediction
        for a name depends on the last `window_length` characters.
    """

    n_characters: int
    as_ngrams: KneserNey | None = None
    is_text: bool = False

    @abstractmethod
    def start(self, windows: Ints, labels: Ints) -> tuple[State, Floats]:
        """Read contexts and predict the next characters.

        Parameters
        ----------
        windows : ndarray of shape (n_rows, window_length), dtype int
        labels : ndarray of shape (n_rows,), dtype int

        Returns
        -------
        state : object
            State for `advance`: an array, or a tuple or list of states.
        logits : ndarray of shape (n_rows, n_characters), dtype float
            Logits of the next character. The caller may overwrite them.
        """

    @abstractmethod
    def advance(self, state: State, characters: Ints) -> tuple[State, Floats]:
        """Read one more character per row. Return the same as `start`."""

    @abstractmethod
    def logits(self, sequences: Sequences) -> Floats:
        """Return the logits for each target, shape (n_targets, n_characters).

        The targets are ``sequences.targets[sequences.has_target]``. All logits are held in memory,
        so callers split long lists into blocks.
        """

    def read_on(self, pieces: Sequences, state: State | None) -> tuple[State, Floats]:
        """Read pieces of running texts, given the state before them, or None at the beginning.

        Returns the state after the pieces, and the logits for each target, as `logits` does.
        """
        raise NotImplementedError

    def log_proba(self, sequences: Sequences) -> Floats:
        """Return the log-probability of each target, in nats, shape (n_targets,)."""
        return _log_proba(self.logits(sequences), sequences)


def map_arrays(function: Callable[..., State], *states: State) -> State:
    """Return a state that contains the results of a function of each array in other states."""
    if isinstance(states[0], np.ndarray):
        return function(*states)
    return type(states[0])(map_arrays(function, *parts) for parts in zip(*states, strict=True))


def select(state: State, rows: Ints) -> State:
    """Return the state of the selected rows, in the order of `rows`."""
    return map_arrays(lambda array: array.take(rows, axis=0), state)


def log_likelihood(
    model: NextCharModel, sequences: Sequences, labels: Ints, n_names: int
) -> NDArray[np.float64]:
    """Return the log-likelihood of each name's targets, in nats, (n_names, n_columns).

    `labels` contains a row for each column: the label of each name, or of all names.
    """
    total = np.zeros((n_names, len(labels)))
    # In a block, the beginnings of sequences are read once, so sort by four characters. Texts end
    # in the order of their lengths.
    keys = sequences.lengths[None] if model.is_text else sequences.inputs.T[3::-1]
    sequences = sequences.take(np.lexsort(keys))
    for column, by_name in zip(total.T, np.broadcast_to(labels, total.T.shape), strict=True):
        labelled = sequences._replace(labels=by_name[sequences.name_index].astype(np.int32))
        if model.is_text:
            texts = [labelled.take(rows) for rows in blocks(n_names, _PIECE * model.n_characters)]
            by_text = parallel_map(lambda part: _score_texts(model, part), zip(texts))
            column[labelled.name_index] = np.concatenate(by_text)
            continue
        parts = labelled.blocks(model.n_characters)
        for part, log_proba in zip(parts, parallel_map(model.log_proba, zip(parts)), strict=True):
            name_index = np.repeat(part.name_index, part.has_target.sum(1))
            column += np.bincount(name_index, log_proba, minlength=n_names)
    return total


def _score_texts(model: NextCharModel, texts: Sequences) -> Floats:
    """Return the log-likelihood of texts in ascending order of length, read piece by piece."""
    total, lengths, state = np.zeros(len(texts.inputs)), texts.lengths, None
    for start in range(0, lengths.max(initial=0), _PIECE):
        rows = np.flatnonzero(lengths > start)  # the last ones
        state = state and select(state, rows - len(lengths))
        piece = texts.take(rows).steps(slice(start, start + _PIECE))
        state, logits = model.read_on(piece, state)
        places = np.repeat(rows, piece.has_target.sum(1))
        total += np.bincount(places, _log_proba(logits, piece), minlength=len(total))
    return total


def _log_proba(logits: Floats, sequences: Sequences) -> Floats:
    """Return the log-probability of each target, given its logits, which are overwritten."""
    logits -= logits.max(axis=1, keepdims=True)
    targets = sequences.targets[sequences.has_target]
    target_logits = logits[np.arange(len(targets)), targets].astype(np.float64)
    return target_logits - np.log(np.exp(logits, out=logits).sum(axis=1, dtype=np.float64))
