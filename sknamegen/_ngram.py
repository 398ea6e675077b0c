"""The generator that learns by counting."""

import numpy as np
import torch

from ._base import BaseCharGenerator
from ._batches import BLOCK_ROWS, NO_TARGET
from ._kneser_ney import contexts_and_characters, count
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
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted. Only after learning with labels.
    class_count_ : ndarray of shape (n_classes,), dtype float64
        How many names had each label. Only after learning with labels.
    counts_ : object
        The smoothed counts; its `discounts`, of shape (order, 3), are what counts of one,
        of two, and of more lose, for n-grams of each length. With labels, they are a mixture:
        `shared` of all labels, and `labelled`, of each.

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

    def fit(self, X, y=None, sample_weight=None):
        """Count the n-grams.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names, from `CharSequenceVectorizer`.
        y : array-like of shape (n_names,), default=None
            A label for each name, such as a language. If given, the model learns names given
            their label, and gets `classes_`, `predict` and `predict_proba`.
        sample_weight : array-like of shape (n_names,), default=None
            How often each name counts, such as its frequency (not a part of one); None: once.

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
        self._learn(X, y, sample_weight)
        return self

    def partial_fit(self, X, y=None, *, alphabet=None, classes=None, sample_weight=None):
        """Count the n-grams of more names, as if they had been in the first call.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names, from `CharSequenceVectorizer`.
        y : array-like of shape (n_names,), default=None
            A label for each name, in all calls or in none.
        alphabet : iterable of str, default=None
            In the first call: characters to expect later, beside those in X. All
            others are unknown to the model, and not counted.
        classes : array-like of shape (n_classes,), default=None
            In the first call: all labels that will come; None: those in y.
        sample_weight : array-like of shape (n_names,), default=None
            How often each name counts, such as its frequency (not a part of one); None: once.

        Returns
        -------
        self : CharNGramGenerator

        Raises
        ------
        TypeError, ValueError
            As in `fit`, or if `alphabet`, `classes` or `order` are not those of the first call.
        """
        self._check_params()
        if not hasattr(self, "counts_"):
            self._learn(X, y, sample_weight, alphabet, classes)
            return self
        if min(int(self.order), self.window_length_ + 1) != self.counts_.order:
            raise ValueError(
                f"order must be that of the first call, {self.counts_.order}. Got {self.order}."
            )
        with self._undone_on_error():
            learned = self._learn_more_characters(X, y, sample_weight, alphabet, classes)
            self._count(*learned, before=self.counts_)
        return self

    def _learn(self, X, *args):
        with self._undone_on_error():
            self._count(*self._learn_characters(X, *args))

    def _count(self, sequences, weights, before=None):
        n_characters = len(self.alphabet_)
        known = sequences.targets < n_characters
        targets = np.where(known, sequences.targets, NO_TARGET)
        found = self._contexts_and_characters(sequences.inputs, targets)
        if weights is not None:
            weights = np.broadcast_to(weights[:, None], targets.shape)[targets >= 0]
        self.counts_ = count(*found, n_characters, self.discount, weights, self._n_labels, before)

    def _contexts_and_characters(self, inputs, targets):
        length = min(int(self.order), self.window_length_ + 1) - 1
        return contexts_and_characters(inputs, targets, length, len(self.alphabet_), self._n_labels)

    def _check_params(self):
        check_int("order", self.order, 1)
        if self.discount is not None:
            check_real("discount", self.discount, "None or in (0, 1]", lambda d: 0 < d <= 1)

    def _sequence_log_proba(self, inputs, targets):
        log_proba = np.zeros(len(targets))
        for start in range(0, len(targets), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            found = self._contexts_and_characters(inputs[block], targets[block])
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
        n_inputs = self.counts.n_characters + 2
        characters = torch.where(windows >= 0, windows % n_inputs, -1)
        contexts = characters.flip(1)[:, : self.counts.order - 1]
        labels = windows[:, -1:] // n_inputs if self.counts.n_labels else windows[:, :0]
        return self._after(labels, contexts)

    def advance(self, state, characters):
        labels, contexts = state
        return self._after(labels, torch.cat([characters[:, None], contexts], dim=1)[:, :-1])

    def select(self, state, rows):
        labels, contexts = state
        return labels[rows], contexts[rows]

    def _after(self, labels, contexts):
        found = self.counts.find(torch.cat([labels, contexts], dim=1).numpy())
        return (labels, contexts), torch.from_numpy(np.log(self.counts.proba(found)))
