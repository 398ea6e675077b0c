"""What a model of the next character is, and the weighted mean of several."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._alphabet import NONE
from .._sequences import Sequences
from .._threads import one_blas_thread, side_by_side

Indices = NDArray[np.integer[Any]]
Logits = NDArray[np.floating[Any]]

# Numbers up to so many times as many as there are are counted rather than sorted.
_MANY = 32


class NextCharModel(ABC):
    """What names are written and scored with: numpy in, numpy out.

    It reads contexts, then one more character of each at a time. A context is the indices of the
    last characters, after as many -1 as are missing, and the index of a label, -1 for none. Rows
    know nothing of each other. Logits are defined up to a constant for each row.

    Attributes
    ----------
    n_characters : int
        Characters that can be predicted, so columns of the logits. Contexts may hold two more:
        the start of a name, and an unknown character.
    n_labels : int
    block_rows : int
        How many rows are read quickest at a time.
    blend : tuple of (int, float)
        Labels and weights, if it is a mean of several labels of one model.
    """

    n_characters: int
    n_labels: int
    block_rows = 384
    blend: tuple[tuple[int, float], ...] = ()

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
            Of the next character.
        """

    @abstractmethod
    def advance(self, state: Any, characters: Indices) -> tuple[Any, Logits]:
        """Read one more character of each row; return the same as `start`."""

    @abstractmethod
    def select(self, state: Any, rows: Indices) -> Any:
        """Return the state of some rows, in their order."""

    @abstractmethod
    def logits(self, sequences: Sequences) -> Logits:
        """Read given names; return the logits before each target, (n_targets, n_characters).

        The targets are those of ``sequences.targets[sequences.has_target]``. All of it is held
        in memory: callers cut long lists into blocks.
        """

    def distinct_logits(self, sequences: Sequences) -> tuple[Indices, Logits]:
        """Read given names; return which logits are before each target, and these.

        Targets that are known to have the same may share them.
        """
        logits = self.logits(sequences)
        return np.arange(len(logits)), logits

    def log_proba(self, sequences: Sequences) -> NDArray[np.float64]:
        """Compute the log-probability of each target, in nats, shape (n_targets,)."""
        which, logits = self.distinct_logits(sequences)
        logits -= logits.max(axis=1, keepdims=True)
        of_targets = logits[which, sequences.targets[sequences.has_target]].astype(np.float64)
        total = np.exp(logits, out=logits).sum(axis=1, dtype=np.float64)
        return of_targets - np.log(total)[which]

    def ngrams(self) -> Any:
        """Return what the model has counted, a `KneserNey`, None if it does not count."""
        return None


# What the axes of a network's weights count. The inputs are the characters, the start of a name, an
# unknown character and the labels; the gates are four for each unit.
CHARACTERS, INPUTS, UNITS, GATES, VECTOR = "characters", "inputs", "units", "gates", "vector"


class Network(NextCharModel):
    """A model of weights that were trained, and from which another training can start.

    Attributes
    ----------
    weights : dict of str to ndarray
        Everything that was learned.
    axes : dict of str to tuple of str
        What the axes of each weight count, of the constants of this module.
    sizes : dict of str to int or None
        The parameters of a generator that decide the shapes.
    """

    weights: dict[str, NDArray[np.float32]]
    axes: dict[str, tuple[str, ...]]
    sizes: dict[str, int | None]


class Part(NamedTuple):
    """A model in an `Average`, with the label to ask it for, -1 for that of each row."""

    model: NextCharModel
    label: int
    weight: float

    def labels(self, labels: Any) -> Any:
        """Return the labels that the model is to be asked for."""
        return labels if self.label == NONE else np.full_like(labels, self.label)


class Average(NextCharModel):
    """The weighted mean of the logits of several models over the same characters.

    So probabilities are weighted geometric means, normalised afterwards.

    Parameters
    ----------
    parts : sequence of Part
        Weights are above zero; their sum counts as one.
    """

    def __init__(self, parts: Sequence[Part]):
        weights = np.array([part.weight for part in parts], dtype=np.float64)
        if not len(parts) or not (np.isfinite(weights) & (weights > 0)).all():
            raise ValueError(f"weights must be finite numbers > 0, at least one. Got {weights}.")
        sizes = {(part.model.n_characters, part.model.n_labels) for part in parts}
        if len(sizes) > 1:
            raise ValueError(
                f"Models must have the same characters and labels to be averaged. Got {sizes}."
            )
        (self.n_characters, self.n_labels) = sizes.pop()
        self.block_rows = min(part.model.block_rows for part in parts)
        weights /= weights.max()  # so that no sum is infinite
        each = zip(parts, (weights / weights.sum()).tolist(), strict=True)
        self.parts = [part._replace(weight=share) for part, share in each]
        self.blend = tuple((part.label, part.weight) for part in self.parts if part.label != NONE)

    def start(self, windows: Indices, labels: Indices) -> tuple[Any, Logits]:
        """Read contexts."""
        found = [part.model.start(windows, part.labels(labels)) for part in self.parts]
        return [state for state, _ in found], self._mean([logits for _, logits in found])

    def advance(self, state: Any, characters: Indices) -> tuple[Any, Logits]:
        """Read one more character of each row."""
        each = zip(self.parts, state, strict=True)
        found = [part.model.advance(own, characters) for part, own in each]
        return [state for state, _ in found], self._mean([logits for _, logits in found])

    def select(self, state: Any, rows: Indices) -> Any:
        """Return the state of some rows, in their order."""
        return [part.model.select(own, rows) for part, own in zip(self.parts, state, strict=True)]

    def logits(self, sequences: Sequences) -> Logits:
        """Read given names; return the logits before each target."""
        asked = [sequences._replace(labels=part.labels(sequences.labels)) for part in self.parts]
        each = zip(self.parts, asked, strict=True)
        return self._mean([part.model.logits(own) for part, own in each])

    def _mean(self, logits: list[Logits]) -> Logits:
        mean = logits[0] * self.parts[0].weight
        for part, each in zip(self.parts[1:], logits[1:], strict=True):
            mean += each * part.weight
        return mean


class Translated(NextCharModel):
    """A model read and written in an alphabet that holds more characters than its own.

    A character that it does not know has a share of the probability of those of its kind, of all
    where there are none.

    Parameters
    ----------
    model : NextCharModel
    place : ndarray of shape (model.n_characters,), dtype int
        The index of each of its characters there.
    kinds : ndarray of shape (n_characters + 3,), dtype int
        Of that `Alphabet`.
    share : float
        Of an unknown character.
    """

    def __init__(self, model: NextCharModel, place: Indices, kinds: Indices, share: float):
        n_own, self.n_characters, self.n_labels = len(place), len(kinds) - 3, model.n_labels
        self.block_rows = model.block_rows
        self._model, self._place = model, place
        # Behind the characters: the start, an unknown one, and none at -1.
        self._own = np.full(len(kinds), n_own + 1, dtype=np.int32)
        self._own[place] = np.arange(n_own)
        self._own[[self.n_characters, NONE]] = n_own, NONE
        self._missing = np.setdiff1d(np.arange(self.n_characters), place)
        is_kin = kinds[place][:, None] == kinds[self._missing]
        self._shares = np.where(is_kin | ~is_kin.any(axis=0), share, 0).astype(np.float32)

    def start(self, windows: Indices, labels: Indices) -> tuple[Any, Logits]:
        """Read contexts."""
        state, logits = self._model.start(self._own[windows], labels)
        return state, self._written(logits)

    def advance(self, state: Any, characters: Indices) -> tuple[Any, Logits]:
        """Read one more character of each row."""
        state, logits = self._model.advance(state, self._own[characters])
        return state, self._written(logits)

    def select(self, state: Any, rows: Indices) -> Any:
        """Return the state of some rows, in their order."""
        return self._model.select(state, rows)

    def logits(self, sequences: Sequences) -> Logits:
        """Read given names; return the logits before each target."""
        inputs = self._own[sequences.inputs]
        return self._written(self._model.logits(sequences._replace(inputs=inputs)))

    def _written(self, logits: Logits) -> Logits:
        log_proba = log_softmax(logits)
        written = np.empty((len(logits), self.n_characters), dtype=logits.dtype)
        written[:, self._place] = log_proba
        unknown = np.exp(log_proba) @ self._shares
        written[:, self._missing] = np.log(np.maximum(unknown, np.finfo(np.float32).tiny))
        return written


def average(
    models: Sequence[NextCharModel], shares: Sequence[float] | None = None
) -> NextCharModel:
    """Return the weighted mean of models, the model itself if it is one. None: equal shares."""
    if len(models) == 1:
        return models[0]
    each = zip(models, shares or [1.0] * len(models), strict=True)
    return Average([Part(model, NONE, share) for model, share in each])


def n_from_init(n_networks: int, init_share: float) -> int:
    """Return how many networks start from `init`, the first ones, where these have a share."""
    return n_networks if init_share == 1 else ceil(n_networks / 2) if init_share else 0


def network_shares(n_networks: int, init_share: float) -> tuple[float, ...]:
    """Return the share of each network in the average."""
    n_init = n_from_init(n_networks, init_share)
    n_others = n_networks - n_init
    return (init_share / max(n_init, 1),) * n_init + (
        (1 - init_share) / max(n_others, 1),
    ) * n_others


def numbered(numbers: Indices) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return those that differ, sorted, and the place of each: quick if all are small, from 0."""
    end = int(numbers.max(initial=-1)) + 1
    if end > _MANY * len(numbers):
        return np.unique(numbers.astype(np.int64), return_inverse=True)
    is_there, place = np.zeros(end, dtype=bool), np.empty(end, dtype=np.int64)
    is_there[numbers] = True
    found = np.flatnonzero(is_there)
    place[found] = np.arange(len(found))
    return found, place[numbers]


def log_softmax(logits: Logits) -> Logits:
    """Return the log-probabilities, in nats, along the last axis."""
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def next_log_proba(model: NextCharModel, windows: Indices, labels: Indices) -> NDArray[np.float64]:
    """Compute the log-probabilities of what follows each context with each label, in nats.

    Their shape is (n_rows, n_labels, n_characters).
    """
    each = []
    for label in labels:
        with one_blas_thread():
            _, logits = model.start(windows, np.full(len(windows), label))
        each.append(log_softmax(logits.astype(np.float64)))
    return np.stack(each, axis=1)


def log_likelihood(model: NextCharModel, sequences: Sequences, n_names: int) -> NDArray[np.float64]:
    """Sum the log-probabilities of the targets of each name, in nats, shape (n_names,)."""
    total = np.zeros(n_names)
    blocks = sequences.blocks(model.n_characters)
    for block, each in zip(blocks, side_by_side(model.log_proba, zip(blocks)), strict=True):
        names = np.repeat(block.name_index, block.has_target.sum(1))
        total += np.bincount(names, each, minlength=n_names)
    return total


def networks_of(model: NextCharModel) -> list[Network]:
    """Return the networks that a model is, or is the mean of; none if it is something else."""
    model = getattr(model, "model", model)  # that which something is added to
    models = [part.model for part in model.parts] if isinstance(model, Average) else [model]
    return [each for each in models if isinstance(each, Network)]
