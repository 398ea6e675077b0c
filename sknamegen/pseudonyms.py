"""Names replaced by invented ones."""

import hmac
from collections import Counter
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from ._alphabet import compose, fold
from ._state import PublicName
from ._validation import check_exclude, check_labels, check_option
from .ngram import CharNGramGenerator
from .vectorizer import CharSequenceVectorizer

_TEMPERATURE = 0.7


class NamePseudonymizer(PublicName, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Replace the names of a column by invented ones, the same name by the same one.

    Parameters
    ----------
    generator : CharNGramGenerator, CharLSTMGenerator or Pipeline, default=None
        What invents the names. A clone of it learns the names of the column. Where these are few,
        or should not be learned, wrap a fitted Pipeline in `sklearn.frozen.FrozenEstimator`: it is
        used as it is. None: `CharNGramGenerator`, which gives the same pseudonyms on every machine;
        networks differ a little by processor.
    key : bytes or str
        The secret that decides who gets which pseudonym, such as ``secrets.token_bytes(32)``.
    exclude : collection of str, or object that answers ``in``, default=None
        Names that no pseudonym may be, see `CharNGramGenerator.sample`:
        ``sknamegen.datasets.known_names()`` leaves out names that exist.
    unseen : {"error", "generate"}, default="error"
        What `transform` does with names that `fit` has not met: raise an error, or invent a name,
        which may be the pseudonym of another name, or another name of the column.

    Attributes
    ----------
    pseudonyms_ : dict of str to str
        The pseudonym of each name. No two are alike and none is a name of the column, even if case
        is ignored.
    generator_ : Pipeline
        The fitted one.
    n_features_in_ : int
        1.
    feature_names_in_ : ndarray of shape (1,), dtype object
        The title of the column, if it has one.

    Notes
    -----
    The HMAC [1]_ of the names with the key decides which invented name each of them gets. The same
    names and key give the same pseudonyms, in any order of the rows. Another key gives others, and
    so do other names: for several tables, fit once to the names of all, and keep the object.

    Without the key and without `pseudonyms_`, nobody can compute which name a pseudonym stands for;
    a key that can be guessed can be tried out. Frequencies are not hidden: the most frequent name
    stays the most frequent one, and other columns may identify a person. Pseudonyms look like the
    names that were learned. Keep the key secret. The object holds it, shows it when it is printed,
    and holds all names: do not pass on saved ones.

    References
    ----------
    .. [1] H. Krawczyk, M. Bellare and R. Canetti, "HMAC: Keyed-Hashing for Message
       Authentication", RFC 2104, 1997.

    Examples
    --------
    >>> from sknamegen import NamePseudonymizer, load_names
    >>> pseudonymizer = NamePseudonymizer(key=b"keep this secret").fit(load_names("female"))
    >>> pseudonymizer.transform(["Maria", "Anna", None, "Maria"]).ravel().tolist()
    ['Helonore', 'Kireielle', None, 'Helonore']
    """

    def __init__(
        self,
        generator: Any = None,
        key: bytes | str | None = None,
        exclude: object = None,
        unseen: Literal["error", "generate"] = "error",
    ):
        self.generator = generator
        self.key = key
        self.exclude = exclude
        self.unseen = unseen

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Invent a name for each different name of a column.

        Parameters
        ----------
        X : array-like of shape (n_names,) or (n_names, 1), dtype str
            The column; None, NaN, NA and "" stand for no name.
        y : array-like of shape (n_names,), default=None
            Labels, str, such as a gender. A name with several labels gets a pseudonym of its most
            frequent one. A target of another kind, which a Pipeline hands on, is ignored.

        Returns
        -------
        self : NamePseudonymizer

        Raises
        ------
        TypeError, ValueError
            If X is not one column of names, there is no key, or a parameter is of another kind.
            If too few names can be invented.
        """
        check_option("unseen", self.unseen, ("error", "generate"))
        if not (isinstance(self.key, (bytes, str)) and self.key):
            raise TypeError(f"key must be bytes or str, not empty. Got {type(self.key).__name__}.")
        if hasattr(self.exclude, "__next__"):
            raise TypeError("exclude must be a collection, which is read again. Got an iterator.")
        rows, labels = self._column(X, reset=True), None
        if y is not None and all(isinstance(label, str) for label in np.asarray(y).tolist()):
            labels = check_labels(y, len(rows)).tolist()
        counts = Counter(zip(rows, labels or [None] * len(rows), strict=True))
        pairs = [pair for pair in counts if _is_name(pair[0])]
        # The most frequent label of a name comes last, and stays.
        label_of = dict(sorted(pairs, key=lambda pair: (counts[pair], str(pair[1]))))
        names = sorted(label_of, key=self._seed)
        of_names = [label_of[name] for name in names]
        pipe = clone(CharNGramGenerator() if self.generator is None else self.generator)
        if not hasattr(pipe, "steps"):
            pipe = Pipeline([("windows", CharSequenceVectorizer()), ("generator", pipe)])
        if pipe[-1].get_params().get("random_state", 0) is None:
            pipe[-1].set_params(random_state=self._seed("") % 2**32)
        self.generator_ = pipe.fit(names, labels and of_names)
        taken, rng = _Taken(self.exclude, names), np.random.default_rng(self._seed(""))
        pseudonyms: dict[str, str] = {}
        for label in dict.fromkeys(of_names):
            group = [name for name in names if label_of[name] == label]
            while group:  # again for those that differ from others in case only
                for invented in self._invent(len(group), taken, rng, label):
                    if (folded := fold(invented)) not in taken.names:
                        taken.names.add(folded)
                        pseudonyms[group.pop()] = invented
        self.pseudonyms_ = pseudonyms
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.object_]:
        """Replace names.

        Parameters
        ----------
        X : array-like of shape (n_names,) or (n_names, 1), dtype str
            A column.

        Returns
        -------
        pseudonyms : ndarray of shape (n_names, 1), dtype object
            What is no name stays as it is.

        Raises
        ------
        NotFittedError
            If the pseudonymizer is not fitted.
        ValueError
            If `fit` has not met all names, and `unseen` is not "generate".
        """
        check_is_fitted(self)
        rows = self._column(X, reset=False)
        new = sorted(set(filter(_is_name, rows)) - self.pseudonyms_.keys())
        if new and self.unseen == "error":
            raise ValueError(
                f"X holds {len(new):,} names that fit has not met, the first in row "
                f"{min(map(rows.index, new))}. Fit to all names, or pass unseen='generate'."
            )
        taken, pseudonyms = _Taken(self.exclude, self.pseudonyms_), dict(self.pseudonyms_)
        for name in new:  # each by itself, so that it does not depend on the others
            taken.itself, rng = fold(name), np.random.default_rng(self._seed(name))
            (pseudonyms[name],) = self._invent(1, taken, rng)
        values = [pseudonyms[name] if _is_name(name) else name for name in rows]
        return np.array(values, dtype=object).reshape(-1, 1)

    def _column(self, X, reset):
        """Return the values of a column, names in composed characters."""
        X = X.to_frame() if hasattr(X, "to_frame") else X  # of a Series
        if not hasattr(X, "columns"):
            X = np.array(X, dtype=object)
            X = X.reshape(-1, 1) if X.ndim == 1 else X
        if len(X.shape) != 2 or X.shape[1] != 1:
            raise ValueError(f"X must be one column of names. Got the shape {X.shape}.")
        validate_data(self, X, reset=reset, skip_check_array=True)
        rows = np.array(X, dtype=object).ravel().tolist()
        for value in rows:
            if not (isinstance(value, str) or str(value) in ("None", "nan", "NaT", "<NA>")):
                raise TypeError(f"X must hold str, or None for no name. Got {value!r}.")
        return [compose(value) if isinstance(value, str) else value for value in rows]

    def _invent(self, n, taken, rng, label=None):
        options = {"label": label, "unique": True, "exclude": taken, "random_state": rng}
        try:
            return self.generator_[-1].sample("", _TEMPERATURE, n, **options)
        except ValueError as error:
            advice = "If names are too few, pass a FrozenEstimator of a Pipeline that learned more."
            raise ValueError(f"No {n:,} names could be invented. {advice} {error}") from error

    def _seed(self, name):
        given: Any = (self.key, name)
        key, text = (
            v if isinstance(v, bytes) else v.encode("utf-8", "surrogatepass") for v in given
        )
        return int.from_bytes(hmac.digest(key, text, "sha256"))


def _is_name(value):
    return isinstance(value, str) and value != ""


class _Taken:
    """Names that a pseudonym must not be: it answers `in` for folded ones."""

    def __init__(self, exclude, names=()):
        self.names, self.itself = set(map(fold, names)), ""
        self._is_excluded = check_exclude(() if exclude is None else exclude)

    def __contains__(self, name):
        return name == self.itself or name in self.names or self._is_excluded(name)
