"""Interface for next-character models, in numpy."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import reduce
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._data.sequences import Sequences
from .._parallel import parallel_map
from .._text.alphabet import Alphabet
from .._types import Data, Floats, Ints
from .kneser_ney import KneserNey

# The classes of models, by the names in saved states.
_TYPES: "dict[str, type[NextCharModel]]" = {}
_Model = TypeVar("_Model", bound="NextCharModel")
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
    n_labels : int
    """

    n_characters: int
    n_labels: int

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
    def distinct_logits(self, sequences: Sequences) -> tuple[Ints, Floats]:
        """Return each target's row index, and the logits of the rows.

        The targets are ``sequences.targets[sequences.has_target]``. Targets with the same context
        may share a row. All logits are held in memory, so callers split long lists into blocks.
        """

    def logits(self, sequences: Sequences) -> Floats:
        """Return the logits for each target, shape (n_targets, n_characters)."""
        rows, logits = self.distinct_logits(sequences)
        return logits.take(rows, axis=0)

    def log_proba(self, sequences: Sequences) -> Floats:
        """Return the log-probability of each target, in nats, shape (n_targets,)."""
        rows, logits = self.distinct_logits(sequences)
        logits -= logits.max(axis=1, keepdims=True)
        target_logits = logits[rows, sequences.targets[sequences.has_target]].astype(np.float64)
        total = np.exp(logits, out=logits).sum(axis=1, dtype=np.float64)
        return target_logits - np.log(total)[rows]

    def export(self) -> Data:
        """Return the data for the web page script: arrays, numbers and nested dicts."""
        raise NotImplementedError

    def ngrams(self) -> KneserNey | None:
        """Return the n-grams of the model, or None if it is not an n-gram model."""
        return None

    def to_state(self) -> Data:
        """Return all that `from_state` needs, as numbers, arrays, and nested dicts and lists."""
        return {"type": type(self).__name__} | self._to_state()

    @staticmethod
    def from_state(state: Data, alphabet: Alphabet, n_labels: int) -> "NextCharModel":
        """Return the model of a saved state, or raise ValueError if the state is invalid."""
        values = dict(state)
        model = _TYPES[values.pop("type")]._from_state(values, alphabet, n_labels)
        if (model.n_characters, model.n_labels) != (len(alphabet), n_labels):
            raise ValueError("Expected a model of the characters and labels of the corpus.")
        return model

    def _to_state(self) -> Data:
        raise NotImplementedError

    @classmethod
    def _from_state(cls, state: Data, alphabet: Alphabet, n_labels: int) -> Self:
        raise NotImplementedError

    def layer(self, kind: type[_Model]) -> _Model | None:
        """Return the first model of a class among the model, the model that it wraps, and so on."""
        model: NextCharModel | None = self
        while model is not None and not isinstance(model, kind):
            model = getattr(model, "model", None)
        return model

    def __init_subclass__(cls) -> None:
        _TYPES[cls.__name__] = cls


class Wrapper(NextCharModel):
    """Base class of models that change the logits of another model.

    The state consists of the model's state and the contexts, as in `Sequences.contexts`.
    """

    def __init__(self, model: NextCharModel, context_length: int = 0):
        self.model, self.context_length = model, context_length
        self.n_characters, self.n_labels = model.n_characters, model.n_labels

    def start(self, windows: Ints, labels: Ints) -> tuple[State, Floats]:
        """Read contexts."""
        state, logits = self.model.start(windows, labels)
        contexts = self._start_contexts(windows, labels)
        return (state, contexts), self._change(logits, contexts)

    def advance(self, state: State, characters: Ints) -> tuple[State, Floats]:
        """Read one more character per row."""
        state, contexts = state
        contexts = self._next_contexts(contexts, characters)
        state, logits = self.model.advance(state, characters)
        return (state, contexts), self._change(logits, contexts)

    def distinct_logits(self, sequences: Sequences) -> tuple[Ints, Floats]:
        """Return each target's row index, and the logits of the rows."""
        logits = self._change(self.model.logits(sequences), self._contexts(sequences))
        return np.arange(len(logits)), logits

    def _contexts(self, sequences: Sequences) -> Ints:
        return sequences.contexts(self.context_length)

    def _start_contexts(self, windows: Ints, labels: Ints) -> Ints:
        return recent_contexts(windows, labels, self.context_length)

    def _next_contexts(self, contexts: Ints, characters: Ints) -> Ints:
        return append_character(contexts, characters)

    @abstractmethod
    def _change(self, logits: Floats, contexts: Ints) -> Floats:
        """Return the changed logits. `logits` may be overwritten."""


def map_arrays(function: Callable[..., State], *states: State) -> State:
    """Return a state that contains the results of a function of each array in other states."""
    if isinstance(states[0], np.ndarray):
        return function(*states)
    return type(states[0])(map_arrays(function, *parts) for parts in zip(*states, strict=True))


def select(state: State, rows: Ints) -> State:
    """Return the state of the selected rows, in the order of `rows`."""
    return map_arrays(lambda array: array.take(rows, axis=0), state)


def recent_contexts(windows: Ints, labels: Ints, length: int) -> Ints:
    """Return the label and the last characters of windows, as `Sequences.contexts` does."""
    return np.concatenate([labels[:, None], windows[:, ::-1][:, :length]], axis=1)


def append_character(contexts: Ints, characters: Ints) -> Ints:
    """Return the contexts after one more character per row."""
    columns = contexts[:, :1], characters[:, None], contexts[:, 1:]
    return np.concatenate(columns, axis=1)[:, : contexts.shape[1]]


def log_softmax(logits: Floats) -> Floats:
    """Return the log-probabilities, in nats, along the last axis."""
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def log_likelihood(
    model: NextCharModel, sequences: Sequences, labels: Ints, n_names: int
) -> NDArray[np.float64]:
    """Return the log-likelihood of each name's targets, in nats, (n_names, n_columns).

    `labels` contains a row for each column: the label of each name, or of all names.
    """
    total = np.zeros((n_names, len(labels)))
    # In a block, the beginnings of sequences are read once, so sort by four characters.
    first = sequences.inputs.T[:4].astype(np.int64)
    beginnings = reduce(lambda key, column: key * (model.n_characters + 2) + column, first)
    sequences = sequences.take(np.argsort(beginnings, kind="stable"))
    for column, by_name in zip(total.T, np.broadcast_to(labels, total.T.shape), strict=True):
        labelled = sequences._replace(labels=by_name[sequences.name_index].astype(np.int32))
        parts = labelled.blocks(model.n_characters)
        for part, log_proba in zip(parts, parallel_map(model.log_proba, zip(parts)), strict=True):
            name_index = np.repeat(part.name_index, part.has_target.sum(1))
            column += np.bincount(name_index, log_proba, minlength=n_names)
    return total
