"""The model of a fitted generator: networks, n-gram counts, and penalties."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from .._arrays import shares_of, unique_inverse, weighted_sum
from .._data.corpus import Corpus
from .._data.sequences import Sequences
from .._text.alphabet import NONE, Alphabet
from .._types import Data, Floats, Ints
from .._validation import scale_weights
from .kneser_ney import BackoffTable
from .lstm import LSTM, Layers
from .next_char_model import NextCharModel
from .ngrams import Interpolation, NGrams
from .penalty import KindPenalty, NewCharacterPenalty

# The label and the characters of each window, (n_rows, 1 + window_length), as in
# `Sequences.contexts`, the layers of each network, and the contexts of kinds, see `KindPenalty`. In
# running text, only the characters of n-grams are kept, and there are no kinds.
State = tuple[Any, ...]


@dataclass(frozen=True)
class Network:
    """A network of a `CharLSTMGenerator`, before or after training.

    Attributes
    ----------
    lstm : LSTM or None
        None: random weights, before training.
    weight : float
        Its weight in the average of all networks.
    starts_from_init : bool
        Whether its training started from the generator's `init`.
    """

    lstm: LSTM | None
    weight: float
    starts_from_init: bool


class CharModel(NextCharModel):
    """Model of the next character: networks, n-gram counts, and penalties.

    The logits are the weighted mean of those of the networks. N-gram counts that back off to the
    networks change them, and penalties are added. In running text, n-gram counts are averaged with
    the networks instead. Without networks, n-gram counts predict the next character.

    Parameters
    ----------
    kinds : KindPenalty or None
        None: the model is for running text, in which rare kinds of characters have no penalty.
    new_characters : NewCharacterPenalty or None
        None: there are no labels.
    networks : sequence of Network, default=()
    counts : NGrams, default=None
        N-gram counts, which reveal the training names.
    counts_weight : float, default=None
        Concentration of the counts, see `BackoffTable`, or their share in running text, see
        `Interpolation`. None: the counts do not change what the networks predict, and only
        `partial_fit` uses them.
    """

    def __init__(
        self,
        kinds: KindPenalty | None,
        new_characters: NewCharacterPenalty | None,
        networks: Sequence[Network] = (),
        counts: NGrams | None = None,
        counts_weight: float | None = None,
    ):
        self.kinds: Any = kinds
        self.new_characters = new_characters
        self.networks, self.counts, self.counts_weight = networks, counts, counts_weight
        self.is_text = kinds is None
        self._lstms = [network.lstm for network in networks if network.lstm]
        self._shares = shares_of([network.weight for network in networks])
        self._from_counts: Any = None if networks else counts
        if counts and counts_weight is not None:
            if self.is_text:
                self._from_counts = Interpolation(counts, counts_weight)
            else:
                self._from_counts = BackoffTable(counts.levels[-1], counts_weight)
        # Number of characters before the next one that n-grams depend on.
        self._n_before = self._from_counts.order - 1 if self._from_counts else 0
        predictor = self._lstms[0] if networks else counts
        self.n_characters = predictor.n_characters if predictor else 0
        if counts and not networks and not new_characters:
            self.as_ngrams = counts.levels[0]

    @classmethod
    def from_state(cls, state: Data, alphabet: Alphabet, n_labels: int) -> Self:
        """Return the model from a state returned by `to_state`, or raise ValueError."""
        parts, is_text = (alphabet, n_labels), alphabet.end is None
        kinds = None if is_text else KindPenalty.from_state(state["kinds"], *parts)
        new_characters = None
        if n_labels:
            new_characters = NewCharacterPenalty.from_state(state["new_characters"], *parts)
        networks = []
        for values in state["networks"]:
            lstm = LSTM(values["lstm"])
            if (lstm.n_characters, lstm.n_labels) != (len(alphabet), n_labels):
                raise ValueError("Expected networks of the characters and labels of the corpus.")
            scale_weights([values["weight"]], 1, "Expected a finite weight > 0.")
            networks.append(Network(**values | {"lstm": lstm}))
        counts, weight = state["counts"], state["counts_weight"]
        if counts is not None or not networks:
            counts = NGrams.from_state(counts, *parts)
        if weight is not None:
            is_valid = weight < 1 if is_text else counts.fits_in_a_table
            if not (weight > 0 and is_valid):
                raise ValueError("Expected a weight > 0, and n-grams that fit in a table.")
        return cls(kinds, new_characters, networks, counts, weight)

    def to_state(self) -> Data:
        """Return all that `from_state` needs, as numbers, arrays, and nested dicts and lists."""
        pairs = zip(self.networks, self._lstms, strict=True)
        return {
            "kinds": self.kinds and self.kinds.to_state(),
            "new_characters": self.new_characters and self.new_characters.to_state(),
            "networks": [vars(network) | {"lstm": lstm.weights} for network, lstm in pairs],
            "counts": self.counts and self.counts.to_state(),
            "counts_weight": self.counts_weight,
        }

    def start(self, windows: Ints, labels: Ints) -> tuple[State, Floats]:
        """Read contexts."""
        outputs = [lstm.start(windows, labels) for lstm in self._lstms]
        contexts = np.concatenate([labels[:, None], windows[:, ::-1]], axis=1)
        if self.kinds is None:
            return self._after(contexts[:, : 1 + self._n_before], outputs)
        return self._after(contexts, outputs, self.kinds.contexts(windows, labels)[:, -1])

    def advance(self, state: State, characters: Ints) -> tuple[State, Floats]:
        """Read one more character per row."""
        contexts, layers, *kinds = state
        labels, n_columns = contexts[:, 0], contexts.shape[1]
        # The state after a full window depends on its first character, which is dropped. Such rows
        # are read again, now and at each later call.
        full = np.flatnonzero((contexts[:, -1] >= 0) & (not self.is_text))
        columns = labels[:, None], characters[:, None], contexts[:, 1:]
        contexts = np.concatenate(columns, axis=1)[:, :n_columns]
        if len(full) == len(contexts):
            return self.start(contexts[:, :0:-1], labels)
        pairs = zip(self._lstms, layers, strict=True)
        outputs = [lstm.advance(before, characters, labels) for lstm, before in pairs]
        if self.kinds:
            kinds = [self.kinds.advance(kinds[0], characters)]
        state, logits = self._after(contexts, outputs, *kinds)
        if len(full):
            _, logits[full] = self.start(contexts[full, :0:-1], labels[full])
        return state, logits

    def read_on(self, pieces: Sequences, state: State | None) -> tuple[State, Floats]:
        """Read pieces of running texts."""
        labels, n_before, n_lstms = pieces.labels, self._n_before, len(self._lstms)
        nothing = np.full((len(labels), 1 + n_before), NONE), [Layers()] * n_lstms
        contexts, layers, *_ = state or nothing
        inputs = np.concatenate([contexts[:, :0:-1], pieces.inputs], axis=1)
        pairs = zip(self._lstms, layers, strict=True)
        outputs = [lstm.read_on(pieces, before) for lstm, before in pairs]
        ids = labels[:0]
        if self._from_counts:
            padded = np.pad(pieces.targets, ((0, 0), (n_before, 0)), constant_values=NONE)
            longer = pieces._replace(inputs=inputs, targets=padded)
            ids = self._from_counts.find(longer.contexts(n_before))
        by_target = np.repeat(labels, pieces.has_target.sum(1))
        logits = self._predict([logits for _, logits in outputs], ids, by_target)
        contexts = np.column_stack([labels, inputs[:, ::-1][:, :n_before]])
        return (contexts, [layers for layers, _ in outputs]), logits

    def logits(self, sequences: Sequences) -> Floats:
        """Return the logits for each target, shape (n_targets, n_characters)."""
        logits, rows, contexts = self._predict_sequences(sequences)
        return logits.take(rows, axis=0) + self.kinds.of(contexts)

    def log_proba(self, sequences: Sequences) -> Floats:
        """Return the log-probability of each target, in nats, shape (n_targets,)."""
        targets = sequences.targets[sequences.has_target]
        return self.kinds.log_proba(*self._predict_sequences(sequences), targets)

    def export(self) -> Data:
        """Return the data for the web page script: arrays, numbers and nested dicts."""
        return {
            "networks": [lstm.export() for lstm in self._lstms],
            "shares": self._shares,
            "ngrams": self._from_counts and self._from_counts.export(),
            "newCharacters": self.new_characters and self.new_characters.export(),
            "kinds": self.kinds.export(),
        }

    def _after(
        self, contexts: Ints, outputs: list[tuple[Layers, Floats]], *kinds: Ints
    ) -> tuple[State, Floats]:
        """Return the state and the logits, given the layers and the logits of each network."""
        found = self._from_counts
        ids = found.find(contexts[:, : found.order]) if found else np.empty(0, dtype=np.int64)
        logits = self._predict([logits for _, logits in outputs], ids, contexts[:, 0])
        if self.kinds:
            logits = logits + self.kinds.of(*kinds)
        return (contexts, [layers for layers, _ in outputs], *kinds), logits

    def _predict(self, outputs: list[Floats], ids: Ints, labels: Ints) -> Floats:
        """Return logits without the penalty of kinds.

        Parameters
        ----------
        outputs : list of ndarray of shape (n_rows, n_characters)
            The logits of each network.
        ids : ndarray of shape (n_rows,), dtype int64
            The contexts of the n-grams. Empty without them.
        labels : ndarray of shape (n_rows,), dtype int
        """
        logits = weighted_sum(self._shares, outputs) if outputs else np.empty(0)
        if self._from_counts:
            logits = self._from_counts.log_proba(ids, logits)
        if self.new_characters:
            logits += self.new_characters.of(labels)
        return logits

    def _predict_sequences(self, sequences: Sequences) -> tuple[Floats, Ints, Ints]:
        """Return logits without the penalty of kinds, and each target's row and context of kinds.

        Targets with the same context share a row of logits.
        """
        outputs = [lstm.distinct_logits(sequences) for lstm in self._lstms]
        rows: Ints = outputs[0][0] if outputs else np.zeros(1, dtype=np.int64)
        logits, ids = [logits for _, logits in outputs], rows[:0]
        if self._from_counts:
            ids = self._from_counts.find(sequences.contexts(self._from_counts.order - 1))
            n_ids = int(ids.max(initial=0)) + 1
            pairs, rows = unique_inverse(rows * n_ids + ids)
            read_rows, ids = np.divmod(pairs, n_ids)
            logits = [part.take(read_rows, axis=0) for part in logits]
        labels = np.empty(int(rows.max(initial=-1)) + 1, dtype=np.int64)
        labels[rows] = np.repeat(sequences.labels, sequences.has_target.sum(1))
        kinds = self.kinds.contexts(sequences.inputs, sequences.labels)
        return self._predict(logits, ids, labels), rows, kinds[sequences.has_target]


def learn_penalties(
    corpus: Corpus, sequences: Sequences, before: CharModel | None
) -> tuple[KindPenalty | None, NewCharacterPenalty | None]:
    """Return the penalties for names, which include the counts of an earlier model."""
    kinds = None
    if not corpus.is_text:
        kinds = KindPenalty.learn(corpus, sequences, before.kinds if before else None)
    if not corpus.labels:
        return kinds, None
    earlier = before.new_characters if before else None
    return kinds, NewCharacterPenalty.learn(corpus, sequences, earlier)
