"""The generator that is the mean of others."""

from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

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
    generators : sequence of CharLSTMGenerator and CharNGramGenerator
        At least one, fitted without labels to windows of one `window_length`: all to names, or
        all to running text. They are used as they are when `fit` is called, and stay as they are.
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
    ['Alisco', 'Alexando', 'Alannor', 'Aleechieyton']
    """

    generators_: list[BaseCharGenerator]

    def __init__(
        self, generators: Sequence[BaseCharGenerator], *, weights: ArrayLike | None = None
    ):
        self.generators = generators
        self.weights = weights

    def fit(self, X: object = None, y: object = None) -> Self:
        """Put the generators together; nothing is learned.

        Parameters
        ----------
        X, y : object, default=None
            Not used: for pipelines.

        Returns
        -------
        self : CharAverageGenerator

        Raises
        ------
        NotFittedError
            If one of the generators is not fitted.
        TypeError, ValueError
            If `generators` or `weights` are none that can be averaged.
        """
        generators = self._checked_generators()
        weights = check_shares(self.weights, len(generators))
        known = _union([each._known for each in generators], weights)
        models = [_translated(each, known) for each in generators]
        parts = [Part(model, NONE, share) for model, share in zip(models, weights, strict=True)]
        # A later fit of one of them replaces what it has, and leaves these copies.
        self._assign(known, Average(parts), generators_=[*map(copy, generators)])
        return self

    def forget_names(self) -> Self:
        """Drop the hashes of the training names, here and in `generators_`.

        Returns
        -------
        self : CharAverageGenerator
        """
        super().forget_names()
        for each in self.generators_:  # copies of what was given
            each.forget_names()
        return self

    def _checked_generators(self) -> list[BaseCharGenerator]:
        generators = self.generators
        expected = "generators must be fitted generators without labels, at least one"
        if not isinstance(generators, Iterable) or isinstance(generators, str):
            raise TypeError(f"{expected}. Got {generators!r:.200}.")
        generators = list(generators)
        for each in generators:
            if not isinstance(each, BaseCharGenerator):
                raise TypeError(f"{expected}. Got {each!r:.200} among them.")
            check_is_fitted(each)
            if each._known.labels:
                raise ValueError(
                    f"{expected}. Got one with labels; to average labels of one generator, "
                    "sample(label={...}) takes weights."
                )
        kinds = {(each.window_length_, each.max_length_ is None) for each in generators}
        if not kinds:
            raise ValueError(f"{expected}. Got none.")
        if len(kinds) > 1:
            raise ValueError(
                "generators must have learned from windows of one window_length and boundary. Got "
                + ", ".join(f"{length} and {not is_text}" for length, is_text in sorted(kinds))
                + "; fit them to windows of the same vectorizer."
            )
        return generators

    def __sklearn_clone__(self) -> Self:
        return type(self)(**self.get_params(deep=False))

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        kept = {"_format", "_sklearn_version", *self.get_params(deep=False)}
        kept_state = {name: value for name, value in state.items() if name in kept}
        if "generators_" in state:  # which later fits of `generators` have left as they were
            kept_state |= {"generators": state["generators_"], "is_fitted": True}
        return kept_state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        is_fitted = state.pop("is_fitted", False)
        super().__setstate__(state)
        if is_fitted:
            try:
                self.fit()
            except (TypeError, ValueError) as error:
                raise damaged("generators", "fitted ones that fit each other") from error


def _union(each: list[Knowledge], weights: list[float]) -> Knowledge:
    """Return what is known of the names of all."""
    seen = np.log([known.n_characters_seen + 1 for known in each])
    alphabet = np.unique(np.concatenate([known.alphabet_ for known in each]))
    hashes = [known.name_hashes_ for known in each]
    has_hashes = all(each is not None for each in hashes)
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
