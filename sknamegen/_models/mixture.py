"""Mixtures of models with different weights, labels and alphabets."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from .._arrays import log_softmax, shares_of, weighted_sum
from .._data.sequences import Sequences
from .._text.alphabet import NONE
from .._types import Data, Floats, Ints
from .contract import NextCharModel, State


class AlphabetMap:
    """Translation of a model's indices and logits to a larger alphabet.

    An unsupported character gets a share of the total probability of the model's characters of its
    kind, or of all characters if there are none of its kind.

    Parameters
    ----------
    places : ndarray of shape (n_model_characters,), dtype int
        The index of each of the model's characters in the larger alphabet.
    kinds : ndarray of shape (n_characters + 3,), dtype int
        `Alphabet.kinds` of the larger alphabet.
    share : float
        The share for each unsupported character.
    """

    def __init__(self, places: Ints, kinds: Ints, share: float):
        n_model_characters, n_characters = len(places), len(kinds) - 3
        self._places = places
        # The last indices are the start, an unknown character and, at -1, no character.
        self.inner = np.full(len(kinds), n_model_characters + 1, dtype=np.int32)
        self.inner[places] = np.arange(n_model_characters)
        self.inner[[n_characters, NONE]] = n_model_characters, NONE
        self._missing = np.setdiff1d(np.arange(n_characters), places)
        same_kind = kinds[places][:, None] == kinds[self._missing]
        self._shares = np.where(same_kind | ~same_kind.any(axis=0), share, 0).astype(np.float32)

    def export(self) -> Data:
        """Return the data for the web page script."""
        tables = {"inner": self.inner, "places": self._places, "missing": self._missing}
        return tables | {"shares": self._shares}

    def outer(self, logits: Floats) -> Floats:
        """Convert the model's logits to logits over the larger alphabet."""
        log_proba = log_softmax(logits)
        outer = np.empty((len(logits), len(self._places) + len(self._missing)), logits.dtype)
        outer[:, self._places] = log_proba
        missing = np.exp(log_proba) @ self._shares
        outer[:, self._missing] = np.log(np.maximum(missing, np.finfo(np.float32).tiny))
        return outer


class Component(NamedTuple):
    """A model in a `Mixture`.

    Attributes
    ----------
    model : NextCharModel
    weight : float
        Finite and positive. The mixture divides weights by their sum.
    label : int
        The label to condition on. -1: each row's label.
    alphabet : AlphabetMap or None
        None: the model uses the mixture's alphabet.
    """

    model: NextCharModel
    weight: float = 1.0
    label: int = NONE
    alphabet: AlphabetMap | None = None

    def labels(self, labels: Ints) -> Ints:
        """Return the labels to condition on."""
        return labels if self.label == NONE else np.full_like(labels, self.label)

    def inner(self, indices: Ints) -> Ints:
        """Convert indices of the mixture's characters to those of the model's characters."""
        return self.alphabet.inner[indices] if self.alphabet else indices

    def outer(self, logits: Floats) -> Floats:
        """Convert the model's logits to logits over the mixture's alphabet."""
        return self.alphabet.outer(logits) if self.alphabet else logits

    def translated(self, sequences: Sequences) -> Sequences:
        """Convert the inputs and the labels of sequences."""
        inputs, labels = self.inner(sequences.inputs), self.labels(sequences.labels)
        return sequences._replace(inputs=inputs, labels=labels)


class Mixture(NextCharModel):
    """Weighted mean of several models' logits.

    The probabilities are normalised weighted geometric means.

    Parameters
    ----------
    components : sequence of Component
        All have the same labels and, after translation, the same characters.
    """

    def __init__(self, components: Sequence[Component]):
        model, _, _, alphabet = components[0]
        self.n_characters = len(alphabet.inner) - 3 if alphabet else model.n_characters
        self.components, self.is_text = components, model.is_text
        self._shares = shares_of([component.weight for component in components])

    def start(self, windows: Ints, labels: Ints) -> tuple[State, Floats]:
        """Read contexts."""
        parts = self.components
        return self._combine(c.model.start(c.inner(windows), c.labels(labels)) for c in parts)

    def advance(self, state: State, characters: Ints) -> tuple[State, Floats]:
        """Read one more character per row."""
        pairs = zip(self.components, state, strict=True)
        return self._combine(c.model.advance(before, c.inner(characters)) for c, before in pairs)

    def logits(self, sequences: Sequences) -> Floats:
        """Return the logits for each target, shape (n_targets, n_characters)."""
        logits = (c.outer(c.model.logits(c.translated(sequences))) for c in self.components)
        return weighted_sum(self._shares, logits)

    def read_on(self, pieces: Sequences, state: State | None) -> tuple[State, Floats]:
        """Read pieces of running texts."""
        pairs = zip(self.components, state or [None] * len(self.components), strict=True)
        return self._combine(c.model.read_on(c.translated(pieces), before) for c, before in pairs)

    def export(self) -> Data:
        """Return the data for the web page script."""
        components = []
        for share, (model, _, label, alphabet) in zip(self._shares, self.components, strict=True):
            data = {"model": model.export(), "weight": share, "label": label}
            components.append(data | {"alphabet": alphabet and alphabet.export()})
        return {"components": components}

    def _combine(self, outputs: Iterable[tuple[State, Floats]]) -> tuple[State, Floats]:
        """Return the states of all models, and the mean of their logits."""
        states, logits = zip(*outputs, strict=True)
        outer = (component.outer(x) for component, x in zip(self.components, logits, strict=True))
        return states, weighted_sum(self._shares, outer)
