"""The generator that is the mean of others."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from ._corpus import Corpus
from ._generator import BaseCharGenerator, Fitted
from ._models.mixture import AlphabetMap, Component, Mixture
from ._validation import check_shares


class CharAverageGenerator(BaseCharGenerator):
    """Write names between several fitted generators.

    Each character comes from the weighted geometric mean of what they say of the next one: half
    elvish, half Welsh from the first letter on. Or the LSTM and counting, both fitted to one list.

    Parameters
    ----------
    generators : list of fitted generators
        At least one, fitted without labels to windows of one `window_length`: all to names, or
        all to running text. They are used as they are when `fit` is called, and stay as they are.
        In the grid of a search, in `sklearn.frozen.FrozenEstimator` each.
    weights : array-like of shape (n_generators,), default=None
        How much each counts, above zero; their sum counts as one. None: all the same.

    Attributes
    ----------
    alphabet_ : ndarray of shape (n_characters,), dtype str
        The characters of all of them. One that a generator does not know has the probability
        of all those of its kind there, Unicode's general category, divided by
        ``n_characters_seen_ + 1``.
    generators_ : list
        The generators as they were in `fit`.
    weights_ : list of float
        And their weights, the greatest one 1.
    window_length_ : int
        Characters of context in the windows.
    max_length_ : int or None
        Characters of the longest training name; None for running text.
    name_hashes_ : ndarray of shape (n_distinct_names,), dtype uint64, or None
        Hashes of the training names of all of them, for ``novel=True``; None for running text,
        or after `forget_names`.
    n_characters_seen_ : int
        Predicted characters in their training data, the weighted geometric mean: so much a
        character is worth that none of them knows, see `score_samples`.

    See Also
    --------
    CharLSTMGenerator.sample : Blends labels, if one model has learned several.
    sklearn.ensemble.VotingClassifier : Averages classifiers.

    Notes
    -----
    `clone` leaves the generators fitted, so that a search over `weights` learns nothing again.

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
    ['Allsmund', 'Aleri', 'Alannor', 'Alver']
    """

    generators_: list[BaseCharGenerator]
    weights_: list[float]
    _n_parts: int

    def __init__(
        self, generators: Sequence[BaseCharGenerator], *, weights: ArrayLike | None = None
    ):
        self.generators = generators
        self.weights = weights

    def fit(self, X: ArrayLike | None = None, y: None = None) -> Self:
        """Put the generators together; nothing is learned.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int, default=None
            For pipelines: looked at, but not learned from.
        y : None
            There are no labels.

        Returns
        -------
        self : CharAverageGenerator

        Raises
        ------
        NotFittedError
            If one of the generators is not fitted.
        TypeError, ValueError
            If `generators` or `weights` are none that can be averaged, or the windows are not of
            their kind.
        """
        if y is not None:
            raise ValueError("y must be None: an average has no labels. Got some.")
        generators = _check_generators(self.generators)
        weights = check_shares(self.weights, len(generators))
        if X is not None:
            generators[0]._fitted.corpus.read(X)
        # A later fit of one of them replaces what it has, and leaves these copies.
        return self._average([generator._copy() for generator in generators], weights)

    def _average(self, generators: list[BaseCharGenerator], weights: list[float]) -> Self:
        parts: list[Fitted] = [generator._fitted for generator in generators]
        corpus = _union([part.corpus for part in parts], weights)
        pairs = zip(parts, weights, strict=True)
        components = [_component(part, weight, corpus) for part, weight in pairs]
        learned = {"generators_": generators, "weights_": weights}
        self._assign(corpus, Mixture(components), **learned, _n_parts=_n_parts(generators))
        return self

    def forget_names(self) -> Self:
        """Drop the hashes of the training names, here and in `generators_`, in place.

        Returns
        -------
        self : CharAverageGenerator
        """
        super().forget_names()
        self.generators_ = [part._copy().forget_names() for part in self.generators_]
        return self

    def __sklearn_clone__(self) -> Self:
        cloned = type(self)(**self.get_params(deep=False))
        if hasattr(self, "_metadata_request"):
            cloned._metadata_request = deepcopy(self._metadata_request)
        return cloned

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if hasattr(self, "generators_"):
            # Instead of what was given, which may have learned anew.
            state["generators"] = self.generators_
            for name in (*self._fitted.corpus.attributes(), "_corpus", "_n_parts"):
                state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "generators_" in state:
            _check_generators(self.generators_)
            self._average(self.generators_, check_shares(self.weights_, len(self.generators_)))


_MAX_PARTS = 1000
_EXPECTED = "generators must be a list of fitted generators without labels, at least one"


def _check_generators(generators: Any) -> list[Any]:
    """Return generators, those that searches leave frozen unwrapped, if they can be averaged."""
    if not isinstance(generators, (list, tuple)) or not generators:
        raise TypeError(f"{_EXPECTED}. Got {type(generators).__name__}.")
    checked = [g.estimator if isinstance(g, FrozenEstimator) else g for g in generators]
    for generator in checked:
        if not isinstance(generator, BaseCharGenerator):
            raise TypeError(
                f"{_EXPECTED}. Got a {type(generator).__name__}; of a pipeline take the last "
                "step, pipe[-1]."
            )
        if not hasattr(generator, "alphabet_"):
            raise NotFittedError(
                f"{_EXPECTED}. Got one that is not fitted. If it was: a search "
                "clones the values of its grid, which undoes a fit unless it is frozen, as by "
                "sklearn.frozen.FrozenEstimator(generator)."
            )
        if generator._fitted.corpus.labels:
            raise ValueError(
                f"{_EXPECTED}. Got one with labels; to average labels of one generator, "
                "sample(label={...}) takes weights."
            )
    if _n_parts(checked) > _MAX_PARTS:
        raise ValueError(
            f"generators must be at most {_MAX_PARTS:,}, those in averages included. Got "
            f"{_n_parts(checked):,}."
        )
    kinds = {(generator.window_length_, generator.max_length_ is None) for generator in checked}
    if len(kinds) > 1:
        raise ValueError(
            "generators must have learned from windows of one window_length and boundary. Got "
            + ", ".join(f"{length} and {not is_text}" for length, is_text in sorted(kinds))
            + "; fit them to windows of the same vectorizer."
        )
    return checked


def _n_parts(generators: list[Any]) -> int:
    return sum(getattr(generator, "_n_parts", 1) for generator in generators)


def _union(corpora: list[Corpus], weights: list[float]) -> Corpus:
    """Return what is known of the names of all."""
    seen = np.log([corpus.n_characters_seen + 1 for corpus in corpora])
    hashes = [corpus.name_hashes_ for corpus in corpora if corpus.name_hashes_ is not None]
    lengths = [corpus.max_length_ for corpus in corpora if corpus.max_length_ is not None]
    return Corpus(
        np.unique(np.concatenate([corpus.alphabet_ for corpus in corpora])),
        corpora[0].window_length_,
        max(lengths, default=None),
        np.unique(np.concatenate(hashes)) if len(hashes) == len(corpora) else None,
        float(np.exp(np.average(seen, weights=weights)) - 1),
    )


def _component(part: Fitted, weight: float, corpus: Corpus) -> Component:
    """Return its model over the characters of all."""
    characters = part.corpus.alphabet_
    if np.array_equal(characters, corpus.alphabet_):
        return Component(part.model, weight)
    places = np.searchsorted(corpus.alphabet_, characters)
    share = 1 / (part.corpus.n_characters_seen + 1)
    alphabet = AlphabetMap(places, corpus.alphabet.kinds, share)
    return Component(part.model, weight, alphabet=alphabet)
