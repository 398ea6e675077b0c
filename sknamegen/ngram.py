"""Name generator based on n-grams."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self, cast

from numpy.typing import ArrayLike

from ._data.corpus import Names
from ._fitted import Fitted
from ._generator import BaseCharGenerator
from ._models.counts import MAX_ORDER
from ._models.model import CharModel, learn_penalties
from ._models.ngrams import NGrams
from ._validation import check_int

__all__ = ["CharNGramGenerator"]


class CharNGramGenerator(BaseCharGenerator):
    """Name generator based on n-gram counts with interpolated Kneser-Ney smoothing.

    Parameters
    ----------
    order : int, default=5
        Length of the longest n-grams, from 1 to 100. The counts predict from the last `order` - 1
        characters, or from the whole window if it is shorter.

    Attributes
    ----------
    alphabet_, window_length_, min_length_, max_length_, name_hashes_, n_characters_seen_
        Shared by all generators, see `BaseCharGenerator`.
    classes_, class_count_
        Shared by all generators. Only available after fitting with labels.
    counts_ : object
        Smoothed counts. Their attribute `discounts`, of shape (order, 3), contains the discounts
        for counts of one, two, and three or more, per n-gram length. With labels, the label is part
        of the context, the shape is (order + 1, 3), where row 1 is for the label, and the
        probabilities are averaged with those of the counts across all labels.

    See Also
    --------
    CharSequenceVectorizer : Creates the windows.
    CharLSTMGenerator : Generator based on a neural network, better but slower.

    Notes
    -----
    The probability of a character is interpolated over contexts of all lengths, down to the uniform
    distribution over `alphabet_`. Therefore, no probability is zero. Modified Kneser-Ney smoothing
    [1]_ subtracts one of three discounts from every count. They are estimated from the counts for
    each n-gram length, or 0.85 if there are too few counts. Each name begins with a start
    symbol, which is part of the n-grams. In names, the model also penalises characters of a kind,
    such as upper case, that is rare after the preceding kinds, and with labels, characters that no
    name with the label contains.

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

    def __init__(self, *, order: int = 5):
        self.order = order

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Count the n-grams.

        Parameters
        ----------
        X, y, sample_weight
            As in `CharLSTMGenerator.fit`. The weight of a name multiplies its counts.

        Returns
        -------
        self : CharNGramGenerator

        Raises
        ------
        TypeError, ValueError
            If a parameter is out of range, X contains neither names nor windows, or the number of
            labels or weights differs from the number of names.
        """
        return self._count(None, X, y, sample_weight)

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        alphabet: Iterable[str] | None = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Add the n-grams of more names to the counts.

        Several calls give the same model as a single call with all names, if the first call has all
        characters and labels.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`. Pass labels in all calls or in no call.
        alphabet, classes
            As in `CharLSTMGenerator.partial_fit`. Unknown characters are not counted.

        Returns
        -------
        self : CharNGramGenerator

        Raises
        ------
        TypeError, ValueError
            As in `fit`. Also if `alphabet`, `classes` or `order` differ from the first call.
        """
        return self._count(getattr(self, "_fitted", None), X, y, sample_weight, alphabet, classes)

    @property
    def counts_(self) -> NGrams:
        """Smoothed counts."""
        return cast(NGrams, self._fitted.model.counts)

    def _count(self, before: Fitted | None, *data: Any) -> Self:
        """Count the n-grams of names, and add the counts of an earlier call."""
        order = check_int("order", self.order, 1, high=MAX_ORDER)
        names = Names.read(before.corpus if before else None, *data)
        corpus, sequences = names.corpus.with_names(names)
        earlier = self.counts_ if before else None
        if earlier and min(order, corpus.window_length_ + 1) != earlier.order:
            raise ValueError(
                f"order must be {earlier.order}, as in the first call. Got {self.order}."
            )
        counts = NGrams.learn(corpus, sequences, order, earlier)
        earlier_model = before.model if before else None
        kinds, new_characters = learn_penalties(corpus, sequences, earlier_model)
        return self._assign(Fitted(corpus, CharModel(kinds, new_characters, counts=counts)))
