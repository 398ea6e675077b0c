"""Replace names with generated pseudonyms."""

import hmac
from collections import Counter
from typing import Literal, Self

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


class NamePseudonymizer(PublicName, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Transformer that replaces each distinct name in a column with a generated pseudonym.

    Parameters
    ----------
    generator : CharNGramGenerator, CharLSTMGenerator or Pipeline, default=None
        The generator of the pseudonyms, by default a `CharNGramGenerator`. `fit` trains a clone on
        the column. If the column is short or must not be learned, pass a fitted Pipeline in a
        `sklearn.frozen.FrozenEstimator`, which is not retrained. N-grams give the same pseudonyms
        on every machine, but the output of networks depends slightly on the processor.
    key : bytes or str
        The secret key for the assignment, such as ``secrets.token_bytes(32)``. Its repr is
        ``<hidden>``.
    exclude : collection of str, or object that supports ``in``, default=None
        Names that must not be used as pseudonyms, such as ``sknamegen.datasets.known_names()``. See
        `CharNGramGenerator.sample`.
    unseen : {"error", "generate"}, default="error"
        How `transform` handles names that `fit` has not seen. "error" raises an error. "generate"
        generates a pseudonym, which may equal another pseudonym or another unseen name.

    Attributes
    ----------
    generator_ : Pipeline
        The fitted generator.
    n_features_in_ : int
        The number of columns, 1.
    feature_names_in_ : ndarray of shape (1,), dtype object
        The title of the column. Only defined if the column has a title.

    Notes
    -----
    The HMAC [1]_ of the names with the key determines the assignment. The same names and key give
    the same pseudonyms, regardless of row order. Pseudonyms are distinct and differ from all names
    in the column, even ignoring case. A different key or a different set of names gives
    different pseudonyms. For several tables, fit once to all names and keep the fitted object.

    The name behind a pseudonym cannot be computed without the key or `mapping`, but an attacker
    can try keys that are easy to guess. Frequencies are not hidden: the most frequent name has the
    most frequent pseudonym. Other columns may identify a person, and pseudonyms resemble the
    training names. Keep the key secret. Do not share the fitted object, because it contains the key
    and all names. Its repr and its HTML representation show neither.

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

    generator_: Pipeline
    _pseudonyms: dict[str, str]

    def __init__(
        self,
        generator: BaseEstimator | None = None,
        key: bytes | str | None = None,
        exclude: object = None,
        unseen: Literal["error", "generate"] = "error",
    ):
        self.generator = generator
        self.key = key
        self.exclude = exclude
        self.unseen = unseen

    @property
    def key(self) -> bytes | str | None:
        """The secret key, whose repr is hidden."""
        return self.__dict__["key"]

    @key.setter
    def key(self, key: bytes | str | None) -> None:
        # A hidden key keeps its identity, which `clone` checks.
        if isinstance(key, (bytes, str)) and not isinstance(key, _Hidden):
            key = _HiddenStr(key[:]) if isinstance(key, str) else _HiddenBytes(key)
        self.__dict__["key"] = key

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Generate a pseudonym for each distinct name in a column.

        Parameters
        ----------
        X : array-like of shape (n_names,) or (n_names, 1), dtype str
            The column. None, NaN, NA and "" are missing values.
        y : array-like of shape (n_names,), default=None
            Labels of dtype str, such as genders. A name with several labels gets a pseudonym for
            its most frequent label. Other dtypes, such as a Pipeline's targets, are ignored.

        Returns
        -------
        self : NamePseudonymizer

        Raises
        ------
        TypeError, ValueError
            If X is not a single column of names, the key is missing, a parameter is invalid, or the
            generator cannot generate enough distinct names.
        """
        check_option("unseen", self.unseen, ("error", "generate"))
        if not (isinstance(self.key, _Hidden) and self.key):
            got = "an empty key" if isinstance(self.key, _Hidden) else type(self.key).__name__
            raise TypeError(f"key must be non-empty bytes or str. Got {got}.")
        if hasattr(self.exclude, "__next__"):
            raise TypeError("exclude must be a collection, such as a list. Got an iterator.")
        rows = self._column(X, reset=True)
        labels = [None] * len(rows)
        if y is not None and all(isinstance(label, str) for label in np.asarray(y).tolist()):
            labels = check_labels(y, len(rows)).tolist()
        counts = Counter(pair for pair in zip(rows, labels, strict=True) if _is_name(pair[0]))
        # Sort by count, so that the most frequent label of a name is last and wins in the dict.
        label_of = dict(sorted(counts, key=lambda pair: (counts[pair], str(pair[1]))))
        names = sorted(label_of, key=self._seed)
        name_labels = [label_of[name] for name in names]
        pipe = clone(CharNGramGenerator() if self.generator is None else self.generator)
        if not hasattr(pipe, "steps"):
            pipe = Pipeline([("windows", CharSequenceVectorizer()), ("generator", pipe)])
        if pipe[-1].get_params().get("random_state", 0) is None:
            pipe[-1].set_params(random_state=self._seed("") % 2**32)
        pipe.fit(names, None if None in name_labels else name_labels)
        taken, rng = _Taken(self.exclude, names), np.random.default_rng(self._seed(""))
        pseudonyms = {}
        for label in dict.fromkeys(name_labels):
            group = [name for name in names if label_of[name] == label]
            while group:  # repeat, because pseudonyms that differ only in case are rejected
                for pseudonym in _generate(pipe[-1], len(group), taken, rng, label):
                    if (folded := fold(pseudonym)) not in taken.names:
                        taken.names.add(folded)
                        pseudonyms[group.pop()] = pseudonym
        self.generator_, self._pseudonyms = pipe, pseudonyms
        return self

    def mapping(self) -> dict[str, str]:
        """Return the pseudonym for each name in the column.

        Returns
        -------
        pseudonyms : dict of str to str
            A new dict. The names are composed (NFC).

        Raises
        ------
        NotFittedError
            If the pseudonymizer is not fitted.
        """
        check_is_fitted(self, "_pseudonyms")
        return dict(self._pseudonyms)

    def transform(self, X: ArrayLike) -> NDArray[np.object_]:
        """Replace the names in a column with their pseudonyms.

        Parameters
        ----------
        X : array-like of shape (n_names,) or (n_names, 1), dtype str
            The column.

        Returns
        -------
        pseudonyms : ndarray of shape (n_names, 1), dtype object
            The pseudonyms. Missing values are unchanged.

        Raises
        ------
        NotFittedError
            If the pseudonymizer is not fitted.
        ValueError
            If X contains names that `fit` has not seen, and `unseen` is "error".
        """
        pseudonyms = self.mapping()
        rows = self._column(X, reset=False)
        unseen = sorted(set(filter(_is_name, rows)) - pseudonyms.keys())
        if unseen and self.unseen == "error":
            raise ValueError(
                f"X may only contain names that fit has seen. Got {len(unseen):,} unseen (first in "
                f"row {min(map(rows.index, unseen))}). Fit to all names, or pass unseen='generate'."
            )
        taken = _Taken(self.exclude, pseudonyms)
        for name in unseen:  # one at a time, so that the result does not depend on other names
            taken.current, rng = fold(name), np.random.default_rng(self._seed(name))
            (pseudonyms[name],) = _generate(self.generator_[-1], 1, taken, rng)
        values = [pseudonyms[name] if _is_name(name) else name for name in rows]
        return np.array(values, dtype=object).reshape(-1, 1)

    def _column(self, X, reset):
        """Return the values of a column, with names normalised to composed form (NFC)."""
        X = X.to_frame() if hasattr(X, "to_frame") else X  # Series
        if not hasattr(X, "columns"):
            X = np.array(X, dtype=object)
            X = X.reshape(-1, 1) if X.ndim == 1 else X
        if X.shape[1:] != (1,):
            raise ValueError(f"X must be a single column of names. Got shape {X.shape}.")
        validate_data(self, X, reset=reset, skip_check_array=True)
        rows = np.array(X, dtype=object).ravel().tolist()
        for row, value in enumerate(rows):
            if not (isinstance(value, str) or str(value) in ("None", "nan", "NaT", "<NA>")):
                got = f"{type(value).__name__} in row {row}"
                raise TypeError(f"X must contain str, or None for missing names. Got {got}.")
        return [compose(value) if isinstance(value, str) else value for value in rows]

    def _seed(self, name):
        return int.from_bytes(hmac.digest(_bytes(self.key), _bytes(name), "sha256"))

    def __getstate__(self) -> dict[str, object]:
        return super().__getstate__() | {"key": self.key and self.key[:]}  # plain bytes or str

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        self.key = self.key  # hide the key


def _bytes(value):
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def _is_name(value):
    return isinstance(value, str) and value != ""


def _generate(generator, n, taken, rng, label=None):
    options = {"label": label, "unique": True, "exclude": taken, "random_state": rng}
    try:
        return generator.sample("", temperature=0.7, n_samples=n, **options)
    except ValueError as error:
        advice = "If X is short, pass a FrozenEstimator of a Pipeline fitted to more names."
        raise ValueError(f"Cannot generate {n:,} pseudonyms. {advice} {error}") from error


class _Hidden:
    """Mixin for a secret that is not shown when it is printed or formatted."""

    def __repr__(self):
        return "<hidden>"

    __str__ = __repr__

    def __format__(self, spec):
        return format(repr(self), spec)


class _HiddenBytes(_Hidden, bytes):
    """Hidden key of type bytes."""


class _HiddenStr(_Hidden, str):
    """Hidden key of type str."""


class _Taken:
    """Set of names that are not available as pseudonyms. It supports `in` for folded names."""

    def __init__(self, exclude, names):
        self.names, self.current = set(map(fold, names)), ""
        self._is_excluded = check_exclude(() if exclude is None else exclude)

    def __contains__(self, name):
        return name == self.current or name in self.names or self._is_excluded(name)
