"""Weighted average of several generators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError

from ._data.corpus import Corpus, merge_words
from ._fitted import Fitted
from ._generator import BaseCharGenerator, fitted, unwrapped
from ._models.mixture import AlphabetMap, Component, Mixture
from ._state import StateFormat
from ._tasks import fit_task
from ._types import Data
from ._validation import check_weights, scale_weights

__all__ = ["CharAverageGenerator"]


class CharAverageGenerator(BaseCharGenerator):
    """Weighted average of several fitted generators.

    Each character is drawn from the weighted geometric mean of the generators' distributions. For
    example, an average of an Elvish and a Welsh generator mixes both languages from the first
    letter on. An average can also combine an LSTM and n-grams fitted to the same list.

    Parameters
    ----------
    generators : list of fitted generators
        At least one generator, fitted without labels, or a pipeline or search that ends with one.
        All generators must be fitted to windows with the same `window_length`, either all to names
        or all to running text. Pipelines must have equal vectorizers. `fit` uses the current state
        of the generators and does not change them. In a search grid, wrap each generator in
        `sklearn.frozen.FrozenEstimator`. Instead of another average, pass its generators.
    weights : array-like of shape (n_generators,), default=None
        Positive weights of the generators, which are divided by their sum. If None, all generators
        have the same weight.

    Attributes
    ----------
    alphabet_ : ndarray of shape (n_characters,), dtype str
        Characters of all generators. A generator that lacks a character gives it the total
        probability of its own characters of that kind (Unicode general category, with the script of
        letters with case and the role of some other letters and marks), or of all its characters if
        there is none, divided by ``n_characters_seen_ + 1``.
    generators_ : list
        Copies of the generators at the time of `fit`.
    weights_ : list of float
        Weights of the generators, scaled to a maximum of 1.
    window_length_, min_length_, max_length_
        Shared by all generators, see `BaseCharGenerator`.
    name_hashes_ : ndarray of shape (n_distinct_names,), dtype uint64, or None
        Hashes of the training names of all generators in lower case, for ``novel=True``. None for
        running text, after `forget_names`, and if one of the generators has none.
    n_characters_seen_ : int
        Weighted geometric mean, over the generators, of the number of predicted characters in the
        training data. It determines the score of characters unknown to all generators, see
        `score_samples`.

    See Also
    --------
    CharLSTMGenerator.sample : Blends the labels of one generator.
    sklearn.ensemble.VotingClassifier : Averages classifiers.

    Notes
    -----
    `clone` keeps the generators fitted, so a search over `weights` does not retrain them.

    Examples
    --------
    >>> from sknamegen import CharAverageGenerator, CharNGramGenerator, CharSequenceVectorizer
    >>> from sknamegen import load_names
    >>> female, male = (
    ...     CharNGramGenerator().fit(CharSequenceVectorizer().fit_transform(load_names(sex)))
    ...     for sex in ("female", "male")
    ... )
    >>> both = CharAverageGenerator([female, male], weights=[1, 3]).fit()
    >>> both.sample("Al", n_samples=4, min_length=5, novel=True, random_state=0)
    ['Allsmund', 'Alannor', 'Alarizio', 'Alarey']
    """

    generators_: list[BaseCharGenerator]
    weights_: list[float]

    def __init__(
        self, generators: Sequence[BaseCharGenerator], *, weights: ArrayLike | None = None
    ):
        self.generators = generators
        self.weights = weights

    @fit_task()
    def fit(
        self, X: ArrayLike | None = None, y: None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Combine the generators without training.

        Parameters
        ----------
        X : iterable of str, or windows, default=None
            Accepted for use in pipelines. X is validated but not used.
        y : None
            Must be None, because an average has no labels.
        sample_weight : array-like of shape (n_names,), default=None
            Weights. They are validated but not used, because the generators are not trained.

        Returns
        -------
        self : CharAverageGenerator

        Raises
        ------
        NotFittedError
            If one of the generators is not fitted.
        TypeError, ValueError
            If `generators` or `weights` are invalid, or X contains neither names nor windows of the
            same kind as the generators' training data.
        """
        if y is not None:
            raise ValueError("y must be None, because an average has no labels. Got labels.")
        averaged = self._copy()._average(self.generators, self.weights)
        rows = () if X is None else averaged._fitted.corpus.read(X)
        if sample_weight is not None:
            check_weights(sample_weight, len(rows))
        self.__dict__ = averaged.__dict__
        return self

    def _average(self, generators: object, weights: object) -> Self:
        """Validate and copy generators, and assign their average."""
        # Copies do not change if a generator is fitted again.
        copies = [generator._copy() for generator in _check_generators(generators)]
        expected = f"weights must be None or {len(copies)} finite numbers > 0, one per generator"
        given = [1] * len(copies) if weights is None else weights
        scaled = scale_weights(given, len(copies), f"{expected}. Got {given!r:.200}.")
        members = [copy._fitted for copy in copies]
        corpus = _merge_corpora([member.corpus for member in members], scaled)
        components = [_component(corpus, *pair) for pair in zip(members, scaled, strict=True)]
        fitted = Fitted(corpus, Mixture(components))
        return self._assign(fitted, generators_=copies, weights_=scaled)

    def forget_names(self) -> Self:
        """Delete the hashes of the training names, also in `generators_`.

        The generator is modified in place.

        Returns
        -------
        self : CharAverageGenerator
        """
        super().forget_names()
        self.generators_ = [generator._copy().forget_names() for generator in self.generators_]
        return self

    def __sklearn_clone__(self) -> Self:
        cloned = type(self)(**self.get_params(deep=False))
        kept = {"_metadata_request", "_skl_callbacks"} & vars(self).keys()
        cloned.__dict__.update({name: getattr(self, name) for name in kept})
        return cloned

    def __getstate__(self) -> Data:
        state = StateFormat.__getstate__(self)
        if fitted := state.pop("_fitted", None):
            # The original generators may have been fitted again.
            state["generators"] = self.generators_
            for name in fitted.corpus.attributes():
                state.pop(name, None)
        return state

    def __setstate__(self, state: Data) -> None:
        super().__setstate__(state)
        if "generators_" in state:
            self._average(self.generators_, self.weights_)


_EXPECTED = "generators must be a non-empty list of fitted generators without labels"


def _check_generators(generators: object) -> list[BaseCharGenerator]:
    """Validate the generators and unwrap frozen ones."""
    if not isinstance(generators, (list, tuple)) or not generators:
        raise TypeError(f"{_EXPECTED}. Got {type(generators).__name__}.")
    steps = [unwrapped(generator) for generator in generators]
    vectorizers = {repr(before) for *before, _ in steps if before}
    if len(vectorizers) > 1:
        raise ValueError(
            f"generators must have equal vectorizers. Got {' and '.join(sorted(vectorizers))}."
        )
    checked = [generator for *_, generator in steps]
    for generator in checked:
        if isinstance(generator, CharAverageGenerator):
            raise ValueError(f"{_EXPECTED}. Got a CharAverageGenerator. Pass its generators.")
        if isinstance(generator, BaseCharGenerator) and not hasattr(generator, "alphabet_"):
            raise NotFittedError(
                f"{_EXPECTED}. Got an unfitted generator. A search clones its grid, which "
                "discards the fit: wrap generators as sklearn.frozen.FrozenEstimator(generator)."
            )
        if fitted(generator).corpus.labels:
            raise ValueError(
                f"{_EXPECTED}. Got labels. To blend the labels, use sample(label={{...}})."
            )
    kinds = {(generator.window_length_, generator.max_length_ is not None) for generator in checked}
    if len(kinds) > 1:
        raise ValueError(
            "generators must be fitted to windows from the same vectorizer. Got different values "
            f"of (window_length, boundary): {sorted(kinds)}."
        )
    return checked


def _merge_corpora(corpora: list[Corpus], weights: list[float]) -> Corpus:
    """Merge the corpora of all generators."""
    seen = np.log([corpus.n_characters_seen + 1 for corpus in corpora])
    hashes = [corpus.name_hashes_ for corpus in corpora if corpus.name_hashes_ is not None]
    shortest = [corpus.min_length_ for corpus in corpora if corpus.min_length_ is not None]
    longest = [corpus.max_length_ for corpus in corpora if corpus.max_length_ is not None]
    alphabet = np.unique(np.concatenate([corpus.alphabet_ for corpus in corpora]))
    words = np.concatenate([corpus.word_hashes for corpus in corpora])
    word_counts = np.concatenate([corpus.word_counts for corpus in corpora])
    return Corpus(
        alphabet,
        corpora[0].window_length_,
        min(shortest, default=None),
        max(longest, default=None),
        np.unique(np.concatenate(hashes)) if len(hashes) == len(corpora) else None,
        float(np.exp(np.average(seen, weights=weights)) - 1),
        is_own=np.isin(alphabet, np.concatenate([c.alphabet_[c.own] for c in corpora])),
        repeats_words=any(corpus.repeats_words for corpus in corpora),
        n_names=sum(corpus.n_names for corpus in corpora),
        **merge_words(words, word_counts),
    )


def _component(corpus: Corpus, member: Fitted, weight: float) -> Component:
    """Extend a generator's model to the alphabet of the average."""
    characters = member.corpus.alphabet_
    if np.array_equal(characters, corpus.alphabet_):
        return Component(member.model, weight)
    places = np.searchsorted(corpus.alphabet_, characters)
    share = 1 / (member.corpus.n_characters_seen + 1)
    alphabet = AlphabetMap(places, corpus.alphabet.kinds, share)
    return Component(member.model, weight, alphabet=alphabet)
