"""The composition of models: weighted logits, labels, other alphabets, and a penalty."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .._alphabet import NONE
from .._parallel import cached
from .._sequences import Sequences
from .contract import Indices, Logits, NextCharModel, log_softmax, unique_inverse
from .ngrams import TINY, NGrams

# The n-grams of kinds; contexts hold so many of a run, and so many kinds without case. A penalty is
# at least `_LOWEST` nats.
_ORDER, _RUN, _CASELESS, _DISCOUNT, _SLACK, _LOWEST = 8, 3, 2, 0.3, 3, -8.0


class AlphabetMap:
    """Indices and logits of a model, translated to an alphabet that holds more characters.

    A character that the model does not know has a share of the probability of the characters of
    its kind, or of all characters if there are none of its kind.

    Parameters
    ----------
    places : ndarray of shape (n_model_characters,), dtype int
        The index of each of the model's characters in the larger alphabet.
    kinds : ndarray of shape (n_characters + 3,), dtype int
        Of the larger `Alphabet`.
    share : float
        Of an unknown character.
    """

    def __init__(self, places: Indices, kinds: Indices, share: float):
        n_known, n_characters = len(places), len(kinds) - 3
        self._places = places
        # After the characters: the start, an unknown character, and none at -1.
        self.inner = np.full(len(kinds), n_known + 1, dtype=np.int32)
        self.inner[places] = np.arange(n_known)
        self.inner[[n_characters, NONE]] = n_known, NONE
        self._missing = np.setdiff1d(np.arange(n_characters), places)
        same_kind = kinds[places][:, None] == kinds[self._missing]
        self._shares = np.where(same_kind | ~same_kind.any(axis=0), share, 0).astype(np.float32)

    def exported(self) -> dict[str, Any]:
        """Return what the script of a web page needs."""
        tables = {"inner": self.inner, "places": self._places, "missing": self._missing}
        return tables | {"shares": self._shares}

    def outer(self, logits: Logits) -> Logits:
        """Return the model's logits over the larger alphabet."""
        log_proba = log_softmax(logits)
        outer = np.empty((len(logits), len(self._places) + len(self._missing)), logits.dtype)
        outer[:, self._places] = log_proba
        unknown = np.exp(log_proba) @ self._shares
        outer[:, self._missing] = np.log(np.maximum(unknown, np.finfo(np.float32).tiny))
        return outer


class Component(NamedTuple):
    """A model in a `Mixture`.

    Attributes
    ----------
    model : NextCharModel
    weight : float
        Above zero; the mixture divides it by the sum of all.
    label : int
        The label to condition on; -1: the label of each row.
    alphabet : AlphabetMap or None
        None: the model has the alphabet of the mixture.
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
        """Read one more character of each row."""
        state, logits = self.model.advance(state, self._inner(characters))
        return state, self._outer(logits)

    def distinct_logits(self, sequences: Sequences) -> tuple[Indices, Logits]:
        """Return a row number for each target, and the logits of these rows."""
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
    """How much rarer some characters are than a model says that has seen too few of them.

    A network gives every character some probability, and so do smoothed counts. Seven characters
    on, a few names in a hundred have a capital inside or begin with a small letter. Kinds are few
    and frequent, so a list shows reliably which kinds follow each other: the first part is how much
    rarer characters of each kind are after the preceding kinds than they are overall.

    With labels, the second part makes characters rarer that no name of the label holds. All of them
    together should be as probable as characters are that its names hold once [1]_.

    Parameters
    ----------
    counts : NGrams
        From `count_kinds`.
    kinds, caseless
        Of `Alphabet`.
    letters : NGrams, default=None
        Of order 1: the characters of each label.

    Attributes
    ----------
    by_kind : ndarray of shape (n_contexts, n_kinds), dtype float32
        For kind k after kinds h, ``min(0, log p(k | h) - log p(k))``, at least -8. Where k did
        follow h, p(k | h) is taken three times: what is a little rarer than overall is left to the
        model, so that ways of writing stay as frequent as they are.
    one_hot : ndarray of shape (n_kinds, n_characters), dtype float32
        The kind of each character.
    unseen : ndarray of shape (n_labels,), dtype float32
        For the characters U that no name of the label holds,
        ``min(0, log((n_once + 0.5) / (n + 1) / p(U)))``, at least -8: n characters were counted,
        n_once of them once, and p(U) is how frequent those of U are in all names.

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
        self.counts, self.kinds = counts, as_context(kinds)
        self._without_far = partial(_without_far, kinds=kinds, caseless=caseless)
        self.unseen = self._count_unseen(letters) if letters else None
        of_characters = kinds[: len(kinds) - 3]
        _, kind, times = counts.learned()
        overall = np.bincount(of_characters, minlength=counts.n_characters) / len(of_characters)
        overall += np.bincount(kind, times, counts.n_characters)
        overall = np.maximum(overall / overall.sum(), TINY)
        proba = np.maximum(counts.proba(np.arange(len(counts.parents))), TINY)
        proba.ravel()[counts.ngrams_] *= _SLACK  # of what did follow a context
        self.by_kind = np.log(proba / overall).clip(_LOWEST, 0).astype(np.float32)
        self.one_hot = np.equal.outer(np.arange(len(overall)), of_characters).astype(np.float32)

    def _count_unseen(self, letters):
        columns, seen, times = letters.learned()
        labels, n_labels = columns[:, 0].astype(np.int64), letters.n_labels
        order = np.argsort(labels, kind="stable")
        self._seen = np.split(seen[order], np.searchsorted(labels[order], np.arange(1, n_labels)))
        n = np.bincount(labels, times, n_labels)
        once = np.bincount(labels, times <= 1, n_labels)
        overall = np.bincount(seen, times) / times.sum()
        of_unseen = np.maximum(1 - np.bincount(labels, overall[seen], n_labels), TINY)
        return np.log((once + 0.5) / (n + 1) / of_unseen).clip(_LOWEST, 0).astype(np.float32)

    def add_unseen(self, logits: Logits, labels: Indices) -> None:
        """Add the penalties of what labels never hold to rows of logits, in place."""
        if self.unseen is None:
            return
        labels, place = unique_inverse(labels)
        table = np.repeat(self.unseen[labels, None], logits.shape[1], axis=1)
        for row, label in zip(table, labels.tolist(), strict=True):
            row[self._seen[label]] = 0
        logits += table if len(table) == 1 else table.take(place, axis=0)

    @cached
    def _after(self) -> NDArray[np.int32]:
        """The context after each context and kind, and last after none."""
        contexts = self.counts.contexts_of(np.arange(len(self.counts.parents)))
        labels, recent = np.split(contexts, [self.counts.n_labels > 0], axis=1)
        after = np.empty((len(contexts), int(self.kinds.max()) + 2), dtype=np.int32)
        after[:, NONE] = np.arange(len(contexts))
        for kind in range(after.shape[1] - 1):
            kinds = np.append(recent[:, ::-1], np.full((len(recent), 1), kind, np.int32), axis=1)
            kinds = _with_short_runs(kinds, np.arange(len(kinds)), -1, recent.shape[1])
            kinds = self._without_far(kinds[:, ::-1])
            after[:, kind] = self.counts.find(np.append(labels, kinds, axis=1))
        return after

    @cached
    def _first(self) -> Indices:
        """The context before the first kind of names of each label."""
        n_labels, length = self.counts.n_labels, self.counts.order - 1
        first = np.full((max(1, n_labels), length + (n_labels > 0)), NONE)
        if n_labels:
            first[:, 0] = np.arange(n_labels)
        return self.counts.find(first)

    def _read(self, kinds, labels):
        """Return the contexts after each column of kinds of names with these labels."""
        contexts = self._first[labels if self.counts.n_labels else np.zeros_like(labels)]
        by_step = np.empty(kinds.shape, dtype=np.int32)
        for step, column in enumerate(kinds.T):
            contexts = by_step[:, step] = self._after[contexts, column]
        return by_step

    def exported(self) -> dict[str, Any]:
        """Return what the script of a web page needs."""
        unseen = [] if self.unseen is None else self.unseen.tolist()
        return {
            "characters": self.one_hot.shape[1],
            "nKinds": self.by_kind.shape[1],
            "kinds": self.kinds,
            "first": self._first,
            "after": self._after,
            "byKind": self.by_kind,
            "unseen": unseen,
            "seen": [letters.tolist() for letters in self._seen] if unseen else [],
        }

    def start(self, windows: Indices, labels: Indices) -> tuple[Indices, ...]:
        """Read the kinds of windows; return these, their labels, and the contexts at their ends."""
        kinds = self.kinds[windows]
        return kinds, labels, self._read(kinds, labels)[:, -1]

    def advance(self, state: tuple[Indices, ...], characters: Indices) -> tuple[Indices, ...]:
        """Append the kind of one more character to each row."""
        kinds, labels, contexts = state
        longer, new = np.empty_like(kinds), self.kinds[characters]
        longer[:, :-1], longer[:, -1] = kinds[:, 1:], new
        if (kinds[:, 0] != NONE).any():  # has left the window, which alone decides
            return longer, labels, self._read(longer, labels)[:, -1]
        return longer, labels, self._after[contexts, new]

    def add_to(self, logits: Logits, state: tuple[Indices, ...]) -> None:
        """Add the penalties to logits, in place."""
        logits += self.by_kind.take(state[2], axis=0) @ self.one_hot
        self.add_unseen(logits, state[1])

    def of_sequences(self, sequences: Sequences) -> NDArray[np.float32]:
        """Return the penalty of each kind before each target, (n_targets, n_kinds)."""
        contexts = self._read(self.kinds[sequences.inputs], sequences.labels)
        return self.by_kind.take(contexts[sequences.has_target], axis=0)


class Mixture(NextCharModel):
    """The weighted mean of the logits of models, with a penalty added.

    So probabilities are weighted geometric means, normalised afterwards.

    Parameters
    ----------
    components : sequence of Component
        All of the same characters, after translation, and the same labels.
    penalty : Penalty, default=None
    """

    def __init__(self, components: Sequence[Component], penalty: Penalty | None = None):
        weights = np.array([component.weight for component in components], dtype=np.float64)
        if not len(weights) or not (np.isfinite(weights) & (weights > 0)).all():
            raise ValueError(f"weights must be finite numbers > 0, at least one. Got {weights}.")
        sizes = {
            (len(alphabet.inner) - 3 if alphabet else model.n_characters, model.n_labels)
            for model, _, _, alphabet in components
        }
        if len(sizes) > 1:
            raise ValueError(f"Models must have the same characters and labels. Got {sizes}.")
        (self.n_characters, self.n_labels) = sizes.pop()
        self.block_rows = min(component.model.block_rows for component in components)
        weights /= weights.max()  # so that the sum is finite
        shares = zip(components, (weights / weights.sum()).tolist(), strict=True)
        self.components = [component._replace(weight=share) for component, share in shares]
        self.penalty = penalty

    def start(self, windows: Indices, labels: Indices) -> tuple[Any, Logits]:
        """Read contexts."""
        parts = [component.start(windows, labels) for component in self.components]
        state = self.penalty.start(windows, labels) if self.penalty else None
        return self._penalised(parts, state)

    def advance(self, state: Any, characters: Indices) -> tuple[Any, Logits]:
        """Read one more character of each row."""
        states, kinds = state
        parts = [
            component.advance(own, characters)
            for component, own in zip(self.components, states, strict=True)
        ]
        return self._penalised(parts, self.penalty and self.penalty.advance(kinds, characters))

    def select(self, state: Any, rows: Indices) -> Any:
        """Return the state of some rows, in their order."""
        states, kinds = state
        pairs = zip(self.components, states, strict=True)
        states = [component.model.select(own, rows) for component, own in pairs]
        return states, self.penalty and tuple(part.take(rows, axis=0) for part in kinds)

    def distinct_logits(self, sequences: Sequences) -> tuple[Indices, Logits]:
        """Return a row number for each target, and the logits of these rows."""
        rows, mean = self._read(sequences)
        if not self.penalty:
            return rows, mean
        logits = mean.take(rows, axis=0)
        logits += self.penalty.of_sequences(sequences) @ self.penalty.one_hot
        return np.arange(len(logits)), logits

    def log_proba(self, sequences: Sequences) -> NDArray[np.float64]:
        """Compute the log-probability of each target."""
        if not self.penalty:
            return super().log_proba(sequences)
        # Penalties differ by kind only, so the distinct rows are summed up by kind first.
        rows, logits = self._read(sequences)
        logits -= logits.max(axis=1, keepdims=True)
        targets = sequences.targets[sequences.has_target]
        penalties = self.penalty.of_sequences(sequences)
        of_targets = logits[rows, targets].astype(np.float64)
        of_targets += penalties[np.arange(len(targets)), self.penalty.kinds[targets]]
        by_kind = (np.exp(logits, out=logits) @ self.penalty.one_hot.T).take(rows, axis=0)
        total = np.einsum("ij,ij->i", by_kind, np.exp(penalties), dtype=np.float64)
        return of_targets - np.log(total)

    def exported(self) -> dict[str, Any]:
        """Return what the script of a web page needs."""
        components = [
            {
                "model": model.exported(),
                "weight": weight,
                "label": label,
                "alphabet": alphabet and alphabet.exported(),
            }
            for model, weight, label, alphabet in self.components
        ]
        penalty = self.penalty and self.penalty.exported()
        return {"type": "mixture", "components": components, "penalty": penalty}

    def ngrams(self) -> Any:
        """Return the n-grams of the only model, which the penalty makes a little more likely."""
        return self.components[0].model.ngrams() if len(self.components) == 1 else None

    def _read(self, sequences):
        """Return a row number for each target, and the logits of these rows.

        Of the penalty they have the part that depends on labels only.
        """
        parts = [component.distinct_logits(sequences) for component in self.components]
        if len(parts) == 1:
            rows, mean = parts[0]
        else:
            mean = self._mean([logits.take(rows, axis=0) for rows, logits in parts])
            rows = np.arange(len(mean))
        if self.penalty and self.penalty.unseen is not None:
            labels = np.repeat(sequences.labels, sequences.has_target.sum(1))
            if (labels != labels[:1]).any():  # rows of the same logits differ by label then
                pairs, rows = unique_inverse(rows * self.n_labels + labels)
                labels, mean = pairs % self.n_labels, mean.take(pairs // self.n_labels, axis=0)
                self.penalty.add_unseen(mean, labels)
            else:
                self.penalty.add_unseen(mean, labels[:1])
        return rows, mean

    def _penalised(self, parts, state):
        logits = self._mean([logits for _, logits in parts])
        if self.penalty:
            self.penalty.add_to(logits, state)
        return ([own for own, _ in parts], state), logits

    def _mean(self, logits):
        if len(logits) == 1:
            return logits[0]
        mean = logits[0] * self.components[0].weight
        for component, part in zip(self.components[1:], logits[1:], strict=True):
            mean += part * component.weight
        return mean


def count_kinds(
    sequences: Sequences,
    kinds: Indices,
    caseless: NDArray[np.bool_],
    n_labels: int,
    window_length: int,
    before: Any = None,
) -> NGrams:
    """Count the n-grams of kinds of characters, on top of those of `before`."""
    of_context, order = as_context(kinds), min(_ORDER, window_length + 1)
    rows, steps = np.nonzero(sequences.has_target)
    recent = _with_short_runs(of_context[sequences.inputs], rows, steps, order - 1)
    recent = _without_far(recent[:, ::-1], kinds, caseless)
    labels = sequences.labels[rows][:, None][:, : n_labels > 0]
    return NGrams.count(
        sequences._replace(targets=of_context[sequences.targets]),
        order,
        kinds_of_kinds(kinds),
        n_labels,
        contexts=np.append(labels, recent, axis=1),
        discount=_DISCOUNT,
        label_weight=1.0,
        before=before,
    )


def _with_short_runs(kinds, rows, steps, length):
    """Return the last kinds up to some steps of rows, of a run of the same kind the first ones.

    So what follows the "van" of "van Dyk" is known however long such a word goes on.
    """
    n_rows, n_steps = kinds.shape
    run = min(_RUN, length)
    padded = np.concatenate([np.full((n_rows, run), NONE, kinds.dtype), kinds], axis=1)
    before = [padded[:, i : i + n_steps] for i in range(run)]
    is_kept = np.logical_or.reduce([one != kinds for one in before])
    n_kept = is_kept.cumsum(axis=1)
    kept = np.full((n_rows, length + n_steps), NONE, dtype=np.int32)
    kept[np.nonzero(is_kept)[0], length - 1 + n_kept[is_kept]] = kinds[is_kept]
    return sliding_window_view(kept, length, axis=1)[rows, n_kept[rows, steps]]


def _without_far(contexts, kinds, caseless):
    """Replace the first kind without case from the third one on, and all before it, by one kind.

    What may follow marks, and letters of a script that has no capitals, is decided by two of them,
    while words in capital and small letters have shapes. The kind is the one of no character, which
    contexts do not hold; the nearest kind comes first.
    """
    is_far = np.append(caseless, False)[contexts]  # none is at -1
    is_far[:, :_CASELESS] = False
    n_far = np.logical_or.accumulate(is_far, axis=1).cumsum(axis=1)
    return np.where(n_far == 1, kinds[NONE], np.where(n_far > 1, NONE, contexts))


def from_state_of_kinds(state: Any, kinds: Indices, n_labels: int) -> NGrams:
    """Return the n-grams of kinds whose state was saved."""
    options: Any = {"discount": _DISCOUNT, "label_weight": 1.0}
    return NGrams.from_state(state, kinds_of_kinds(kinds), n_labels, **options)


def kinds_of_kinds(kinds: Indices) -> Indices:
    """Return the kinds of kinds, for n-grams of them: all are of one."""
    return np.zeros(int(kinds.max()) + 4, dtype=np.int64)


def as_context(kinds: Indices) -> NDArray[np.int32]:
    """Return the kind of each character in contexts: -1 for none, which is at index -1."""
    return np.append(kinds[:-1], NONE).astype(np.int32)
