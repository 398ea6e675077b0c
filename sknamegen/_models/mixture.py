"""Mixtures of models with different weights, labels and alphabets."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from .._data.sequences import Sequences
from .._text.alphabet import NONE, Alphabet
from .._types import Data, Floats, Ints
from .._validation import scale_weights
from .contract import NextCharModel, State, log_softmax


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

    def start(self, windows: Ints, labels: Ints) -> tuple[State, Floats]:
        """Read contexts."""
        state, logits = self.model.start(self._inner(windows), self._labels(labels))
        return state, self._outer(logits)

    def advance(self, state: State, characters: Ints) -> tuple[State, Floats]:
        """Read one more character per row."""
        state, logits = self.model.advance(state, self._inner(characters))
        return state, self._outer(logits)

    def distinct_logits(self, sequences: Sequences) -> tuple[Ints, Floats]:
        """Return each target's row index, and the logits of the rows."""
        inputs, labels = self._inner(sequences.inputs), self._labels(sequences.labels)
        inner = sequences._replace(inputs=inputs, labels=labels)
        rows, logits = self.model.distinct_logits(inner)
        return rows, self._outer(logits)

    def _labels(self, labels: Ints) -> Ints:
        return labels if self.label == NONE else np.full_like(labels, self.label)

    def _inner(self, indices: Ints) -> Ints:
        return self.alphabet.inner[indices] if self.alphabet else indices

    def _outer(self, logits: Floats) -> Floats:
        return self.alphabet.outer(logits) if self.alphabet else logits


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
        self.n_labels = model.n_labels
        weights = np.array([component.weight for component in components])
        weights = weights / weights.max()  # keeps the sum finite
        self.components = list(components)
        self._shares: list[float] = (weights / weights.sum()).tolist()

    @classmethod
    def _from_state(cls, state: Data, alphabet: Alphabet, n_labels: int) -> Self:
        models = [NextCharModel.from_state(model, alphabet, n_labels) for model in state["models"]]
        message = "Expected a finite weight > 0 for each model."
        scale_weights(state["weights"], len(models), message)
        return cls(list(map(Component, models, state["weights"])))

    def _to_state(self) -> Data:
        """Return the models and weights, which are all that the mixtures of networks consist of."""
        models, weights, *_ = zip(*self.components, strict=True)
        return {"models": [model.to_state() for model in models], "weights": list(weights)}

    def start(self, windows: Ints, labels: Ints) -> tuple[State, Floats]:
        """Read contexts."""
        outputs = [component.start(windows, labels) for component in self.components]
        return [state for state, _ in outputs], self._mean([logits for _, logits in outputs])

    def advance(self, state: State, characters: Ints) -> tuple[State, Floats]:
        """Read one more character per row."""
        pairs = zip(self.components, state, strict=True)
        outputs = [component.advance(inner, characters) for component, inner in pairs]
        return [inner for inner, _ in outputs], self._mean([logits for _, logits in outputs])

    def distinct_logits(self, sequences: Sequences) -> tuple[Ints, Floats]:
        """Return each target's row index, and the logits of the rows."""
        outputs = [component.distinct_logits(sequences) for component in self.components]
        all_rows, all_logits = zip(*outputs, strict=True)
        if all(np.array_equal(rows, all_rows[0]) for rows in all_rows):
            return all_rows[0], self._mean(all_logits)
        mean = self._mean([logits.take(rows, axis=0) for rows, logits in outputs])
        return np.arange(len(mean)), mean

    def export(self) -> Data:
        """Return the data for the web page script."""
        components = []
        for share, (model, _, label, alphabet) in zip(self._shares, self.components, strict=True):
            data = {"model": model.export(), "weight": share, "label": label}
            components.append(data | {"alphabet": alphabet and alphabet.export()})
        return {"type": "mixture", "components": components}

    def _mean(self, logits: Sequence[Floats]) -> Floats:
        first, *others = (p * x for p, x in zip(self._shares, logits, strict=True))
        return sum(others, first)
