"""Mixtures of models: weighted logits, labels, alphabets and a penalty."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .._alphabet import NONE
from .._parallel import BLOCK_CELLS, cached
from .._sequences import Sequences
from .contract import Indices, Logits, NextCharModel, log_softmax, unique_inverse
from .ngrams import TINY, NGrams

# Order and parameters of the n-grams of kinds.
_ORDER = 8
_OPTIONS: Any = {"discount": 0.3, "label_weight": 1.0}
# Maximum numbers of kinds per run, and of caseless kinds, in a context.
_RUN, _CASELESS = 3, 2
# Multiplier for the probability of kinds that occurred after a context.
_SLACK = 3
# Lowest penalty, in nats.
_LOWEST = -8.0


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

    def __init__(self, places: Indices, kinds: Indices, share: float):
        n_model_characters, n_characters = len(places), len(kinds) - 3
        self._places = places
        # The last indices are the start, an unknown character and, at -1, no character.
        self.inner = np.full(len(kinds), n_model_characters + 1, dtype=np.int32)
        self.inner[places] = np.arange(n_model_characters)
        self.inner[[n_characters, NONE]] = n_model_characters, NONE
        self._missing = np.setdiff1d(np.arange(n_characters), places)
        same_kind = kinds[places][:, None] == kinds[self._missing]
        self._shares = np.where(same_kind | ~same_kind.any(axis=0), share, 0).astype(np.float32)

    def export(self) -> dict[str, Any]:
        """Return the data for the web page script."""
        tables = {"inner": self.inner, "places": self._places, "missing": self._missing}
        return tables | {"shares": self._shares}

    def outer(self, logits: Logits) -> Logits:
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
        Positive. The mixture divides it by the sum of all weights.
    label : int
        The label to condition on. -1: each row's label.
    alphabet : AlphabetMap or None
        None: the model uses the mixture's alphabet.
    """

    model: NextCharModel
    weight: float = 1.0
    label: int = NONE
    alphabet: AlphabetMap | None = None

    def start(self, windows: Indices, labels: Indices) -> tuple[Any, Logits]:
        """Read contexts."""
        state, logits = self.model.start(self._inner(windows), self._labels(labels))
        return state, self._outer(logits)

    def advance(self, state: Any, characters: Indices) -> tuple[Any, Logits]:
        """Read one more character per row."""
        state, logits = self.model.advance(state, self._inner(characters))
        return state, self._outer(logits)

    def distinct_logits(self, sequences: Sequences) -> tuple[Indices, Logits]:
        """Return each target's row index, and the logits of the rows."""
        inputs, labels = self._inner(sequences.inputs), self._labels(sequences.labels)
        inner = sequences._replace(inputs=inputs, labels=labels)
        rows, logits = self.model.distinct_logits(inner)
        return rows, self._outer(logits)

    def _labels(self, labels):
        return labels if self.label == NONE else np.full_like(labels, self.label)

    def _inner(self, indices):
        return self.alphabet.inner[indices] if self.alphabet else indices

    def _outer(self, logits):
        return self.alphabet.outer(logits) if self.alphabet else logits


class Penalty:
    """Penalty on characters that a model overestimates because it has seen few examples.

    Networks and smoothed counts give every character some probability. Over seven characters,
    these errors add up: a few names in a hundred have a capital in the middle or begin with a
    lowercase letter. There are only a few kinds of characters and each is frequent, so even a short
    list shows which kinds follow each other. The first part of the penalty compares a kind's
    frequency after the preceding kinds with its overall frequency.

    With labels, the second part penalises characters that no name with the label contains.
    Together, they become as probable as the characters that occur once in those names [1]_.

    Parameters
    ----------
    counts : NGrams
        N-grams of kinds, from `count_kinds`.
    kinds, caseless
        Attributes of `Alphabet`.
    letters : NGrams, default=None
        N-grams of order 1, counting each label's characters.

    Attributes
    ----------
    by_kind : ndarray of shape (n_contexts, n_kinds), dtype float32
        For kind k after kinds h, ``min(0, log p(k | h) - log p(k))``, clipped at -8. If k occurred
        after h, p(k | h) is multiplied by three. Kinds that are only slightly rarer than overall
        thus get no penalty, so spelling styles keep their frequency.
    one_hot : ndarray of shape (n_kinds, n_characters), dtype float32
        The kind of each character.
    unseen : ndarray of shape (n_labels,), dtype float32
        For the characters U that no name with the label contains,
        ``min(0, log((n_once + 0.5) / (n + 1) / p(U)))``, clipped at -8. The label's names contain n
        characters, n_once of them only once. p(U) is the share of U in all names.

    References
    ----------
    .. [1] I. J. Good, "The Population Frequencies of Species and the Estimation of Population
       Parameters", Biometrika, 1953.
    """

    def __init__(
        self,
        counts: NGrams,
        kinds: Indices,
        caseless: NDArray[np.bool_],
        letters: NGrams | None = None,
    ):
        self.counts, self.kinds = counts, kinds_in_context(kinds)
        self._merge_distant = partial(_merge_distant, kinds=kinds, caseless=caseless)
        self.unseen = self._unseen_penalty(letters) if letters else None
        character_kinds = kinds[: len(kinds) - 3]
        _, kind, kind_counts = counts.counted_ngrams()
        overall = np.bincount(character_kinds, minlength=counts.n_characters) / len(character_kinds)
        overall += np.bincount(kind, kind_counts, counts.n_characters)
        overall = np.maximum(overall / overall.sum(), TINY)
        proba = np.maximum(counts.proba(np.arange(len(counts.parents))), TINY)
        proba.ravel()[counts.ngrams_] *= _SLACK  # of kinds that occurred after a context
        self.by_kind = np.log(proba / overall).clip(_LOWEST, 0).astype(np.float32)
        self.one_hot = np.equal.outer(np.arange(len(overall)), character_kinds).astype(np.float32)

    def _unseen_penalty(self, letters):
        columns, seen, counts = letters.counted_ngrams()
        labels, n_labels = columns[:, 0].astype(np.int64), letters.n_labels
        order = np.argsort(labels, kind="stable")
        self._seen = np.split(seen[order], np.searchsorted(labels[order], np.arange(1, n_labels)))
        n = np.bincount(labels, counts, n_labels)
        n_once = np.bincount(labels, counts <= 1, n_labels)
        overall = np.bincount(seen, counts) / counts.sum()
        unseen_share = np.maximum(1 - np.bincount(labels, overall[seen], n_labels), TINY)
        return np.log((n_once + 0.5) / (n + 1) / unseen_share).clip(_LOWEST, 0).astype(np.float32)

    def add_unseen(self, logits: Logits, labels: Indices) -> None:
        """Add the penalties for unseen characters to rows of logits, in place."""
        if self.unseen is None:
            return
        labels, inverse = unique_inverse(labels)
        table = np.repeat(self.unseen[labels, None], logits.shape[1], axis=1)
        for row, label in zip(table, labels.tolist(), strict=True):
            row[self._seen[label]] = 0
        logits += table if len(table) == 1 else table.take(inverse, axis=0)

    @cached
    def _next_contexts(self) -> NDArray[np.int32]:
        """Next context for each context (row) and kind (column, the last for no character)."""
        contexts = self.counts.contexts_of(np.arange(len(self.counts.parents)))
        labels, recent = np.split(contexts, [self.counts.n_labels > 0], axis=1)
        after = np.empty((len(contexts), int(self.kinds.max()) + 2), dtype=np.int32)
        after[:, NONE] = np.arange(len(contexts))
        for kind in range(after.shape[1] - 1):
            kinds = np.append(recent[:, ::-1], np.full((len(recent), 1), kind, np.int32), axis=1)
            kinds = _shorten_runs(kinds, np.arange(len(kinds)), -1, recent.shape[1])
            kinds = self._merge_distant(kinds[:, ::-1])
            after[:, kind] = self.counts.find(np.append(labels, kinds, axis=1))
        return after

    @cached
    def _start_contexts(self) -> Indices:
        """Context before the first kind of a name, for each label."""
        n_labels, length = self.counts.n_labels, self.counts.order - 1
        first = np.full((max(1, n_labels), length + (n_labels > 0)), NONE)
        if n_labels:
            first[:, 0] = np.arange(n_labels)
        return self.counts.find(first)

    def _read(self, kinds, labels):
        """Return the contexts after each column of kinds, given the labels."""
        contexts = self._start_contexts[labels if self.counts.n_labels else np.zeros_like(labels)]
        by_step = np.empty(kinds.shape, dtype=np.int32)
        for step, column in enumerate(kinds.T):
            contexts = by_step[:, step] = self._next_contexts[contexts, column]
        return by_step

    def export(self) -> dict[str, Any]:
        """Return the data for the web page script."""
        unseen = [] if self.unseen is None else self.unseen.tolist()
        return {
            "characters": self.one_hot.shape[1],
            "nKinds": self.by_kind.shape[1],
            "kinds": self.kinds,
            "first": self._start_contexts,
            "after": self._next_contexts,
            "byKind": self.by_kind,
            "unseen": unseen,
            "seen": [letters.tolist() for letters in self._seen] if unseen else [],
        }

    def start(self, windows: Indices, labels: Indices) -> tuple[Indices, ...]:
        """Return the kinds in windows, their labels, and the contexts at their ends."""
        kinds = self.kinds[windows]
        return kinds, labels, self._read(kinds, labels)[:, -1]

    def advance(self, state: tuple[Indices, ...], characters: Indices) -> tuple[Indices, ...]:
        """Append the kind of one more character to each row."""
        kinds, labels, contexts = state
        longer, new_kinds = np.empty_like(kinds), self.kinds[characters]
        longer[:, :-1], longer[:, -1] = kinds[:, 1:], new_kinds
        if (kinds[:, 0] != NONE).any():  # the window alone determines the context
            return longer, labels, self._read(longer, labels)[:, -1]
        return longer, labels, self._next_contexts[contexts, new_kinds]

    def add_to(self, logits: Logits, state: tuple[Indices, ...]) -> None:
        """Add the penalties to logits, in place."""
        logits += self.by_kind.take(state[2], axis=0) @ self.one_hot
        self.add_unseen(logits, state[1])

    def of_sequences(self, sequences: Sequences) -> NDArray[np.float32]:
        """Return the penalty for each kind at each target, (n_targets, n_kinds)."""
        contexts = self._read(self.kinds[sequences.inputs], sequences.labels)
        return self.by_kind.take(contexts[sequences.has_target], axis=0)


class Mixture(NextCharModel):
    """Weighted mean of several models' logits, plus an optional penalty.

    The probabilities are normalised weighted geometric means.

    Parameters
    ----------
    components : sequence of Component
        All have the same labels and, after translation, the same characters.
    penalty : Penalty, default=None
    """

    def __init__(self, components: Sequence[Component], penalty: Penalty | None = None):
        weights = np.array([component.weight for component in components], dtype=np.float64)
        if not len(weights) or not (np.isfinite(weights) & (weights > 0)).all():
            raise ValueError(
                f"weights must be a non-empty sequence of finite numbers > 0. Got {weights}."
            )
        sizes = {
            (len(alphabet.inner) - 3 if alphabet else model.n_characters, model.n_labels)
            for model, _, _, alphabet in components
        }
        if len(sizes) > 1:
            raise ValueError(
                f"Models must have the same characters and labels. Got the sizes {sizes}."
            )
        (self.n_characters, self.n_labels) = sizes.pop()
        self.block_rows = min(component.model.block_rows for component in components)
        weights /= weights.max()  # keeps the sum finite
        shares = zip(components, (weights / weights.sum()).tolist(), strict=True)
        self.components = [component._replace(weight=share) for component, share in shares]
        self.penalty = penalty

    def start(self, windows: Indices, labels: Indices) -> tuple[Any, Logits]:
        """Read contexts."""
        outputs = [component.start(windows, labels) for component in self.components]
        penalty_state = self.penalty.start(windows, labels) if self.penalty else None
        return self._penalise(outputs, penalty_state)

    def advance(self, state: Any, characters: Indices) -> tuple[Any, Logits]:
        """Read one more character per row."""
        states, penalty_state = state
        outputs = [
            component.advance(component_state, characters)
            for component, component_state in zip(self.components, states, strict=True)
        ]
        penalty_state = self.penalty and self.penalty.advance(penalty_state, characters)
        return self._penalise(outputs, penalty_state)

    def select(self, state: Any, rows: Indices) -> Any:
        """Return the state of the selected rows."""
        states, penalty_state = state
        pairs = zip(self.components, states, strict=True)
        states = [component.model.select(state, rows) for component, state in pairs]
        return states, self.penalty and tuple(array.take(rows, axis=0) for array in penalty_state)

    def distinct_logits(self, sequences: Sequences) -> tuple[Indices, Logits]:
        """Return each target's row index, and the logits of the rows."""
        rows, mean = self._read(sequences)
        if not self.penalty:
            return rows, mean
        logits = mean.take(rows, axis=0)
        logits += self.penalty.of_sequences(sequences) @ self.penalty.one_hot
        return np.arange(len(logits)), logits

    def log_proba(self, sequences: Sequences) -> NDArray[np.float64]:
        """Return the log-probability of each target."""
        if not self.penalty:
            return super().log_proba(sequences)
        # Penalties depend only on the kind, so rows are first summed by kind.
        rows, logits = self._read(sequences)
        logits -= logits.max(axis=1, keepdims=True)
        targets = sequences.targets[sequences.has_target]
        penalties = self.penalty.of_sequences(sequences)
        target_logits = logits[rows, targets].astype(np.float64)
        target_logits += penalties[np.arange(len(targets)), self.penalty.kinds[targets]]
        by_kind = (np.exp(logits, out=logits) @ self.penalty.one_hot.T).take(rows, axis=0)
        total = np.einsum("ij,ij->i", by_kind, np.exp(penalties), dtype=np.float64)
        return target_logits - np.log(total)

    def export(self) -> dict[str, Any]:
        """Return the data for the web page script."""
        components = [
            {
                "model": model.export(),
                "weight": weight,
                "label": label,
                "alphabet": alphabet and alphabet.export(),
            }
            for model, weight, label, alphabet in self.components
        ]
        penalty = self.penalty and self.penalty.export()
        return {"type": "mixture", "components": components, "penalty": penalty}

    def ngrams(self) -> Any:
        """Return the n-grams of a single component, which ignore the penalty."""
        return self.components[0].model.ngrams() if len(self.components) == 1 else None

    def _read(self, sequences):
        """Return each target's row index, and the logits of the rows.

        The logits include only the part of the penalty that depends on the label.
        """
        outputs = [component.distinct_logits(sequences) for component in self.components]
        if len(outputs) == 1:
            rows, mean = outputs[0]
        else:
            mean = self._mean([logits.take(rows, axis=0) for rows, logits in outputs])
            rows = np.arange(len(mean))
        if self.penalty and self.penalty.unseen is not None:
            labels = np.repeat(sequences.labels, sequences.has_target.sum(1))
            if (labels != labels[:1]).any():  # penalties differ between rows with equal logits
                pairs, rows = unique_inverse(rows * self.n_labels + labels)
                labels, mean = pairs % self.n_labels, mean.take(pairs // self.n_labels, axis=0)
                self.penalty.add_unseen(mean, labels)
            else:
                self.penalty.add_unseen(mean, labels[:1])
        return rows, mean

    def _penalise(self, outputs, penalty_state):
        logits = self._mean([logits for _, logits in outputs])
        if self.penalty:
            self.penalty.add_to(logits, penalty_state)
        return ([component_state for component_state, _ in outputs], penalty_state), logits

    def _mean(self, logits):
        if len(logits) == 1:
            return logits[0]
        mean = logits[0] * self.components[0].weight
        for component, component_logits in zip(self.components[1:], logits[1:], strict=True):
            mean += component_logits * component.weight
        return mean


def count_kinds(
    sequences: Sequences,
    kinds: Indices,
    caseless: NDArray[np.bool_],
    n_labels: int,
    window_length: int,
    before: Any = None,
) -> NGrams:
    """Count the n-grams of character kinds, and add the counts from `before`."""
    context_kinds: Any = kinds_in_context(kinds)
    order, sizes = min(_ORDER, window_length + 1), (kinds_of_kinds(kinds), n_labels)
    counted = [] if before is None else [before.counted_ngrams()]
    size = max(1, BLOCK_CELLS // (order * window_length))
    for start in range(0, len(sequences.inputs), size):
        part = sequences.take(slice(start, start + size))
        rows, steps = np.nonzero(part.has_target)
        if not len(rows):
            continue
        recent = _shorten_runs(context_kinds[part.inputs], rows, steps, order - 1)
        recent = _merge_distant(recent[:, ::-1], kinds, caseless)
        labels = part.labels[rows][:, None][:, : n_labels > 0]
        contexts, characters = np.append(labels, recent, axis=1), part.targets[rows, steps]
        counts = None if part.weights is None else part.weights[rows]
        block = NGrams(contexts, context_kinds[characters], *sizes, counts=counts, **_OPTIONS)
        counted.append(block.counted_ngrams())
    contexts, characters, counts = map(np.concatenate, zip(*counted, strict=True))
    return NGrams(contexts, characters, *sizes, counts=counts, **_OPTIONS)


def _shorten_runs(kinds, rows, steps, length):
    """Return the last kinds up to the given steps of rows, with at most `_RUN` kinds per run.

    Lowercase words of any length, such as "van" in "van Dyk", thus give the same context.
    """
    n_rows, n_steps = kinds.shape
    run = min(_RUN, length)
    padded = np.concatenate([np.full((n_rows, run), NONE, kinds.dtype), kinds], axis=1)
    before = [padded[:, i : i + n_steps] for i in range(run)]
    is_included = np.logical_or.reduce([earlier != kinds for earlier in before])
    n_included = is_included.cumsum(axis=1)
    shortened = np.full((n_rows, length + n_steps), NONE, kinds.dtype)
    shortened[np.nonzero(is_included)[0], length - 1 + n_included[is_included]] = kinds[is_included]
    return sliding_window_view(shortened, length, axis=1)[rows, n_included[rows, steps]]


def _merge_distant(contexts, kinds, caseless):
    """Replace the nearest caseless kind from the third on, and all earlier kinds, with one kind.

    The nearest kind comes first. After marks and caseless letters, the last two kinds determine
    what may follow, while words in cased scripts have longer patterns. The replacement is the kind
    of index -1, which does not otherwise occur in contexts.
    """
    is_far = np.append(caseless, False)[contexts]  # index -1 means no kind
    is_far[:, :_CASELESS] = False
    rows = is_far.any(axis=1)
    n_far = np.logical_or.accumulate(is_far[rows], axis=1).cumsum(axis=1)
    merged = contexts.copy()
    merged[rows] = np.where(n_far == 1, kinds[NONE], np.where(n_far > 1, NONE, contexts[rows]))
    return merged


def kinds_from_state(state: Any, kinds: Indices, n_labels: int) -> NGrams:
    """Return n-grams of kinds from their saved state."""
    return NGrams.from_state(state, kinds_of_kinds(kinds), n_labels, **_OPTIONS)


def kinds_of_kinds(kinds: Indices) -> Indices:
    """Return the `kinds` for n-grams of kinds: all kinds are of the same kind."""
    return np.zeros(int(kinds.max()) + 4, dtype=np.int64)


def kinds_in_context(kinds: Indices) -> NDArray[np.int8]:
    """Return the kind of each context index, with -1 for index -1 (no character)."""
    # Unicode has fewer than 100 kinds.
    return np.append(kinds[:-1], NONE).astype(np.int8)
