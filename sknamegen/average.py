"""The generator that is the mean of others."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from ._alphabet import NONE, Alphabet
from ._base import BaseCharGenerator
from ._learning import Knowledge
from ._models.model import Average, NextCharModel, Part, Translated
from ._models.shapes import no_shapes
from ._validation import check_shares, damaged


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
    ['Allsmund', 'Alessander', 'Alannor', 'Alarey']
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
        generators = [_unwrapped(each) for each in _as_list(self.generators)]
        _check_generators(generators)
        weights = check_shares(self.weights, len(generators))
        if X is not None:
            generators[0]._known.read(X)
        # A later fit of one of them replaces what it has, and leaves these copies.
        return self._average([*map(_shallow_copy, generators)], weights)

    def _average(self, generators: list[BaseCharGenerator], weights: list[float]) -> Self:
        known = _union([each._known for each in generators], weights)
        models = [_translated(each, known) for each in generators]
        parts = [Part(model, NONE, share) for model, share in zip(models, weights, strict=True)]
        found = {"generators_": generators, "weights_": weights, "_n_parts": _n_parts(generators)}
        self._assign(known, Average(parts), **found)
        return self

    def forget_names(self) -> Self:
        """Drop the hashes of the training names, here and in `generators_`, in place.

        Returns
        -------
        self : CharAverageGenerator
        """
        super().forget_names()
        self.generators_ = [_shallow_copy(each).forget_names() for each in self.generators_]
        return self

    def __sklearn_clone__(self) -> Self:
        cloned = type(self)(**self.get_params(deep=False))
        if hasattr(self, "_metadata_request"):
            cloned._metadata_request = deepcopy(self._metadata_request)
        return cloned

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if "generators_" in state:  # instead of what was given, which may have learned anew
            state["generators"] = state["generators_"]
        return {name: value for name, value in state.items() if name in _STATE}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        learned = state.pop("generators_", None), state.pop("weights_", None)
        if not _PARAMS <= state.keys() <= _STATE:
            raise damaged("An average", "generators and weights")
        super().__setstate__(state)
        if learned != (None, None):
            generators, weights = learned
            try:
                _check_generators(generators)
                weights = check_shares([] if weights is None else weights, len(generators))
                self._average(generators, weights)
            except (TypeError, ValueError) as error:  # as is NotFittedError
                raise damaged("generators_", "fitted ones that can be averaged") from error


_PARAMS = {"generators", "weights"}
_STATE = _PARAMS | {"generators_", "weights_", "_format", "_metadata_request"}
_MAX_PARTS = 1000
_EXPECTED = "generators must be a list of fitted generators without labels, at least one"


def _as_list(generators: object) -> list[Any]:
    if not isinstance(generators, (list, tuple)):
        raise TypeError(f"{_EXPECTED}. Got {generators!r:.200}.")
    return list(generators)


def _unwrapped(generator: object) -> Any:
    """Return what stands in a `FrozenEstimator`, which searches leave fitted."""
    return generator.estimator if isinstance(generator, FrozenEstimator) else generator


def _check_generators(generators: list[Any]) -> None:
    """Raise unless they can be averaged."""
    for each in _as_list(generators):
        if not isinstance(each, BaseCharGenerator):
            raise TypeError(
                f"{_EXPECTED}. Got {each!r:.200} among them; of a pipeline take the last step, "
                "pipe[-1]."
            )
        if not hasattr(each, "alphabet_"):
            raise NotFittedError(
                f"{_EXPECTED}. Got {each!r:.200}, which is not fitted. Where it was: a search "
                "clones the values of its grid, which undoes a fit unless it is frozen, as by "
                "sklearn.frozen.FrozenEstimator(generator)."
            )
        if each._known.labels:
            raise ValueError(
                f"{_EXPECTED}. Got one with labels; to average labels of one generator, "
                "sample(label={...}) takes weights."
            )
    if not generators:
        raise ValueError(f"{_EXPECTED}. Got none.")
    if _n_parts(generators) > _MAX_PARTS:
        raise ValueError(
            f"generators must be at most {_MAX_PARTS:,}, those in averages included. Got "
            f"{_n_parts(generators):,}."
        )
    kinds = {(each.window_length_, each.max_length_ is None) for each in generators}
    if len(kinds) > 1:
        raise ValueError(
            "generators must have learned from windows of one window_length and boundary. Got "
            + ", ".join(f"{length} and {not is_text}" for length, is_text in sorted(kinds))
            + "; fit them to windows of the same vectorizer."
        )


def _n_parts(generators: list[Any]) -> int:
    return sum(getattr(each, "_n_parts", 1) for each in generators)


def _shallow_copy(generator: Any) -> Any:
    other = object.__new__(type(generator))
    other.__dict__.update(vars(generator))
    return other


def _union(each: list[Knowledge], weights: list[float]) -> Knowledge:
    """Return what is known of the names of all."""
    seen = np.log([known.n_characters_seen + 1 for known in each])
    alphabet = np.unique(np.concatenate([known.alphabet_ for known in each]))
    hashes = [known.name_hashes_ for known in each if known.name_hashes_ is not None]
    has_hashes = len(hashes) == len(each)
    lengths = [known.max_length_ for known in each if known.max_length_ is not None]
    return Knowledge(
        alphabet,
        each[0].window_length_,
        max(lengths, default=None),
        np.unique(np.concatenate(hashes)) if has_hashes else None,
        float(np.exp(np.average(seen, weights=weights)) - 1),
        None,
        None,
        no_shapes(Alphabet(alphabet).kinds),
    )


def _translated(generator: BaseCharGenerator, known: Knowledge) -> NextCharModel:
    """Return its model over the characters of all."""
    own = generator.alphabet_
    if np.array_equal(own, known.alphabet_):
        return generator._model
    place = np.searchsorted(known.alphabet_, own)
    share = 1 / (generator.n_characters_seen_ + 1)
    return Translated(generator._model, place, known.alphabet.kinds, share)
