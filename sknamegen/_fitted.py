"""The fitted components of a generator."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._data.corpus import Corpus
from ._models.model import CharModel
from ._models.next_char_model import log_likelihood
from ._parallel import blocks, parallel_map
from ._sampling.cache import Cache
from ._sampling.constrained import ConstrainedNames
from ._sampling.constraint import SampleRequest
from ._sampling.distribution import NameDistribution
from ._sampling.lookahead import possible_prefixes
from ._types import Data, Ints

NOTHING_TO_PREDICT = "X must contain at least one character to predict. Got only padding."


@dataclass(frozen=True)
class Fitted:
    """Fitted components of a generator.

    Attributes
    ----------
    corpus : Corpus
    model : CharModel
    cache : Cache
        Cached constraints, lookaheads and n-grams.
    """

    corpus: Corpus
    model: CharModel
    cache: Cache = field(default_factory=Cache)

    @classmethod
    def from_state(cls, state: Data) -> Self:
        """Return what a saved estimator contains, or raise ValueError if it is invalid."""
        try:
            corpus, model = Corpus.from_state(state), state["_fitted"]["model"]
            return cls(corpus, CharModel.from_state(model, corpus.alphabet, len(corpus.labels)))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(
                "A saved model must contain valid arrays and numbers. The file is damaged or "
                "modified."
            ) from error

    def to_state(self) -> Data:
        """Return what the attributes of the estimator do not contain."""
        return self.corpus.to_state() | {"model": self.model.to_state()}

    def names(
        self, prefixes: list[str], temperature: float, request: SampleRequest
    ) -> ConstrainedNames:
        """Validate parameters of `sample`, and return the distribution of names."""
        decoding, corpus = request.decoding(temperature), self.corpus
        prefixes, possible = possible_prefixes(corpus, self.cache, prefixes, request)
        source = NameDistribution.of(self.model, corpus, request.label, prefixes, decoding)
        return ConstrainedNames(source, possible, self.cache)

    def next_char_proba(self, seeds: list[str], label: object) -> NDArray[np.float64]:
        """Return the distribution of the character after each seed, (n_seeds, n_characters)."""
        alphabet = self.corpus.alphabet
        prefixes = alphabet.checked(seeds)
        source = NameDistribution.of(self.model, self.corpus, label, prefixes)

        def mean_proba(rows: slice) -> NDArray[np.float64]:
            proba = np.exp(source.read(prefixes[rows], None)[1])
            return np.einsum("sl,slc->sc", source.label_proba[rows], proba)

        parts = blocks(len(prefixes), len(source.labels) * len(alphabet))
        return np.concatenate([np.empty((0, len(alphabet))), *parallel_map(mean_proba, zip(parts))])

    def joint_log_likelihood(
        self, X: object, y: ArrayLike | None = None
    ) -> tuple[NDArray[np.float64], Ints]:
        """Return the joint log-probability of names and labels, and the number of characters.

        The log-probabilities have the shape (n_names, n_labels). If there are no labels, or `y`
        contains the label of each name, there is a single column, the probability given the label.
        Unknown characters are scored as described in `score_samples`.
        """
        corpus, rows = self.corpus, self.corpus.read(X)
        labels: Ints = np.arange(len(corpus.labels))[:, None]
        if is_given := y is not None or not corpus.labels:
            labels = corpus.label_indices(y, len(rows))[None]
        n_characters = np.count_nonzero(rows.targets, axis=1)
        if not n_characters.any():
            raise ValueError(NOTHING_TO_PREDICT)
        sequences = corpus.known_sequences(rows)
        n_known = np.bincount(sequences.name_index, sequences.has_target.sum(1), len(rows))
        joint = log_likelihood(self.model, sequences, labels, len(rows))
        joint -= ((n_characters - n_known) * np.log(corpus.n_characters_seen + 1))[:, None]
        return joint + (0 if is_given else corpus.log_prior), n_characters
