"""The generator that learns by counting."""

import numpy as np
import torch

from ._base import BaseCharGenerator
from ._batches import BLOCK_ROWS, NO_TARGET
from ._kneser_ney import KneserNey, contexts_and_characters
from ._validation import check_int, check_real


class CharNGramGenerator(BaseCharGenerator):
    """Write new names by n-gram counts with interpolated Kneser-Ney smoothing.

    Parameters
    ----------
    order : int, default=5
        Length of the longest n-grams: a prediction depends on the last `order` - 1
        characters, or on the whole window if that is shorter.
    discount : float, default=None
        What all counts lose to n-grams that were not seen, in (0, 1]. None: modified
        Kneser-Ney smoothing [1]_, with three discounts for each length, estimated from
        the counts, or 0.85 where there are too few.

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
        What `sample` recognises the training names by; None if their windows do not hold
        whole names.
    n_characters_seen_ : int
        Predicted characters in the training data.
    counts_ : object
        The smoothed counts; its `discounts`, of shape (order, 3), are what counts of one,
        of two, and of more lose, for n-grams of each length.

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
    ['Marka', 'Marta', 'Marjeysia']
    >>> bool(pipe.score(["Maria"]) > pipe.score(["Xqzw"]))
    True
    """

    def __init__(self, *, order=5, discount=None):
        self.order = order
        self.discount = discount

    def fit(self, X, y=None):
        """Count the n-grams.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names, from `CharSequenceVectorizer`.
        y : None
            Ignored.

        Returns
        -------
        self : CharNGramGenerator

        Raises
        ------
        TypeError, ValueError
            If a parameter is out of range, or X holds no such windows.
        """
        self._check_params()
        self._learn(X)
        return self

    def partial_fit(self, X, y=None, *, alphabet=None):
        """Count the n-grams of more names, as if they had been in the first call.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names, from `CharSequenceVectorizer`.
        y : None
            Ignored.
        alphabet : iterable of str, default=None
            In the first call: characters to expect later, beside those in X. All
            others are unknown to the model, and not counted.

        Returns
        -------
        self : CharNGramGenerator

        Raises
        ------
        TypeError, ValueError
            As in `fit`, or if `alphabet` or `order` are not those of the first call.
        """
        self._check_params()
        if not hasattr(self, "counts_"):
            self._learn(X, alphabet)
            return self
        if min(int(self.order), self.window_length_ + 1) != self.counts_.order:
            raise ValueError(
                f"order must be that of the first call, {self.counts_.order}. Got {self.order}."
            )
        found = self._found(self._learn_more(X, alphabet))
        self.counts_ = self.counts_.with_more(*found, self.discount)
        return self

    def _learn(self, X, alphabet=None):
        found = self._found(self._learn_alphabet(X, alphabet))
        self.counts_ = KneserNey(*found, len(self.alphabet_), self.discount)

    def _found(self, sequences):
        """Return contexts and the known characters after them."""
        known = sequences.targets < len(self.alphabet_)
        targets = np.where(known, sequences.targets, NO_TARGET)
        length = min(int(self.order), self.window_length_ + 1) - 1
        return contexts_and_characters(sequences.inputs, targets, length)

    def _check_params(self):
        check_int("order", self.order, 1)
        if self.discount is not None:
            check_real("discount", self.discount, "None or in (0, 1]", lambda d: 0 < d <= 1)

    def _sequence_log_proba(self, inputs, targets):
        log_proba = np.zeros(len(targets))
        for start in range(0, len(targets), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            found = contexts_and_characters(inputs[block], targets[block], self.counts_.order - 1)
            each = np.zeros(targets[block].shape)
            each[targets[block] >= 0] = self.counts_.log_proba(*found)
            log_proba[block] = each.sum(axis=1)
        return log_proba

    def _next_character(self):
        return _NextCharacter(self.counts_)


class _NextCharacter:
    """Writes with the counts as with a network, see `CharLSTM`."""

    def __init__(self, counts):
        self.counts = counts

    def start(self, windows):
        return self._after(windows.flip(1)[:, : self.counts.order - 1])

    def advance(self, contexts, characters):
        return self._after(torch.cat([characters[:, None], contexts], dim=1)[:, :-1])

    def select(self, contexts, rows):
        return contexts[rows]

    def _after(self, contexts):
        proba = self.counts.proba(self.counts.find(contexts.numpy()))
        return contexts, torch.from_numpy(np.log(proba))
