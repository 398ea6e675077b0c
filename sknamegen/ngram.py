"""The generator that learns by counting."""

from collections.abc import Iterable
from typing import Any, Self

from numpy.typing import ArrayLike

from ._corpus import Corpus, learn
from ._generator import BaseCharGenerator
from ._models.mixture import Component, Mixture
from ._models.ngrams import MAX_ORDER, NGrams
from ._sequences import Sequences
from ._validation import check_int, check_real


class CharNGramGenerator(BaseCharGenerator):
    """Write new names by n-gram counts with interpolated Kneser-Ney smoothing.

    Parameters
    ----------
    order : int, default=5
        Length of the longest n-grams, 1 to 100: a prediction depends on the last `order` - 1
        characters, or on the whole window if that is shorter.
    discount : float, default=None
        Absolute discount in (0, 1], subtracted from every count for the n-grams that were
        not seen. None: modified Kneser-Ney smoothing [1]_, with three discounts for each
        length, estimated from the counts, or 0.85 where there are too few.

    Attributes
    ----------
    alphabet_ : ndarray of shape (n_characters,), dtype str
        Every character the model can produce, U+0003 for the end of a name
        among them unless running text was learned.
    window_length_ : int
        Characters of context in the windows.
    max_length_ : int or None
        Characters of the longest training name; None for running text.
    name_hashes_ : ndarray of shape (n_distinct_names,), dtype uint64, or None
        Hashes of the training names, for ``novel=True``; None for running
        text, or after `forget_names`.
    n_characters_seen_ : int
        Predicted characters in the training data.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted. Only after learning with labels.
    class_count_ : ndarray of shape (n_classes,), dtype float64
        How many names had each label. Only after learning with labels.
    counts_ : object
        The smoothed counts. Its `discounts`, of shape (order, 3), are what is subtracted from
        counts of one, of two, and of more, for n-grams of each length. With labels, the label
        counts as a character, and the probabilities are averaged with those of `shared`, the
        counts of all labels.

    See Also
    --------
    CharSequenceVectorizer : Makes the windows.
    CharLSTMGenerator : Learns with a neural network: better, but slower.

    Notes
    -----
    The probability of a character is interpolated over contexts of all lengths, down to
    the uniform distribution over `alphabet_`, so none is zero. Names begin with a start of
    their own, which the n-grams hold as a character.

    References
    ----------
    .. [1] S. F. Chen and J. Goodman, "An empirical study of smoothing techniques for
       language modeling", Computer Speech & Language, 1999.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names
    >>> names = load_names("female")
    >>> pipe = make_pipeline(CharSequenceVectorizer(), CharNGramGenerator()).fit(names)
    >>> pipe[-1].sample("Mar", n_samples=3, random_state=0)
    ['Mark', 'Margomior', 'Marcy']
    >>> bool(pipe.score(["Maria"]) > pipe.score(["Xqzw"]))
    True
    """

    counts_: NGrams

    def __init__(self, *, order: int = 5, discount: float | None = None):
        self.order = order
        self.discount = discount

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Count the n-grams.

        Parameters
        ----------
        X, y, sample_weight
            As in `CharLSTMGenerator.fit`; a name counts as often as its weight says.

        Returns
        -------
        self : CharNGramGenerator

        Raises
        ------
        TypeError, ValueError
            If a parameter is out of range, X holds no such windows, or there is not one label
            or weight for each name.
        """
        self._check_params()
        return self._count(*learn(X, y, sample_weight))

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        alphabet: Iterable[str] | None = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Count the n-grams of more names, as if they had been in the first call.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`; labels in all calls or in none.
        alphabet, classes
            As in `CharLSTMGenerator.partial_fit`; unknown characters are not counted.

        Returns
        -------
        self : CharNGramGenerator

        Raises
        ------
        TypeError, ValueError
            As in `fit`, or if `alphabet`, `classes` or `order` are not those of the first call.
        """
        self._check_params()
        counts = getattr(self, "counts_", None)
        if counts and self._order(self._fitted.corpus) != counts.order:
            raise ValueError(
                f"order must be that of the first call, {counts.order}. Got {self.order}."
            )
        given = X, y, sample_weight, alphabet, classes
        learned = self._fitted.corpus.learn_more(*given) if counts else learn(*given)
        return self._count(*learned, counts)

    def _check_params(self):
        check_int("order", self.order, 1, high=MAX_ORDER)
        if self.discount is not None:
            check_real("discount", self.discount, "None or in (0, 1]", lambda d: 0 < d <= 1)

    def _order(self, corpus: Corpus) -> int:
        return min(int(self.order), corpus.window_length_ + 1)

    def _count(self, corpus: Corpus, sequences: Sequences, before: NGrams | None = None) -> Self:
        sizes = self._order(corpus), corpus.alphabet.kinds, len(corpus.labels)
        return self._learned(
            corpus, NGrams.count(sequences, *sizes, discount=self.discount, before=before)
        )

    def _learned(self, corpus: Corpus, counts: NGrams) -> Self:
        self._assign(corpus, Mixture([Component(counts)], corpus.penalty), counts_=counts)
        return self

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if "counts_" in state:
            state["counts_"] = state["counts_"].to_state() | {"discount": self.counts_.discount}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "alphabet_" in state:
            corpus, counts = Corpus.from_state(state), dict(state.get("counts_", {}))
            options = {"discount": counts.pop("discount", None)}
            sizes = corpus.alphabet.kinds, len(corpus.labels)
            self._learned(corpus, NGrams.from_state(counts, *sizes, **options))
