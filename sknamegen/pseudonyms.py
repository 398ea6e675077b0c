"""Replace names with generated pseudonyms."""

from __future__ import annotations

import hmac
from collections import Counter
from contextlib import nullcontext
from itertools import count
from typing import Literal, Self
from warnings import catch_warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from ._data.cleaning import NamesWarning
from ._generator import generator_of
from ._state import PublicName
from ._tasks import CallbackSupportMixin, fit_task, subtask
from ._text.unicode import compose, fold
from ._validation import check_labels, check_option, warn_user
from .datasets import real_list_of
from .ngram import CharNGramGenerator
from .vectorizer import CharSequenceVectorizer

__all__ = ["NamePseudonymizer"]

# Number of names from which a column is learned, and from which its kind is certain. On 23 lists of
# first names, surnames and towns, n-grams of the bundled list have a lower loss on new names than
# those of the column: by 0.75 nats for 12 names, 0.23 for 200 and 0.06 for 800. The bundled list is
# that of another language for 7 of 23 columns of one name, 5 of two, and 1 of five or more.
_MIN_NAMES, _MIN_CERTAIN = 200, 5
# Number of names in the first block of the pool. Each further block is twice as long.
_BLOCK = 20_000
# Number of candidates in a block that a name tries before it tries the next block.
_TRIES = 64


class NamePseudonymizer(
    PublicName, CallbackSupportMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator
):
    """Transformer that replaces each distinct name in a column with a generated pseudonym.

    Parameters
    ----------
    generator : CharNGramGenerator, CharLSTMGenerator or Pipeline, default=None
        The generator of the pseudonyms, by default a `CharNGramGenerator`. `fit` trains a clone on
        the column, on windows of 10 characters unless it is a Pipeline. If the column must not be
        learned, or if several tables must agree, pass a fitted Pipeline in a
        `sklearn.frozen.FrozenEstimator`, which is not retrained. By default, a column of fewer than
        200 names without labels is not learned if a bundled list of people, towns or things
        contains at least half of them. The generator learns this list instead. N-grams give the
        same pseudonyms on every machine, but the output of networks depends slightly on the
        processor.
    key : bytes or str
        The secret key for the assignment, such as ``secrets.token_bytes(32)``. Its repr is
        ``<hidden>``.
    exclude : collection of str, or object that supports ``in``, default=None
        Names that must not be used as pseudonyms, such as ``sknamegen.known_names()``. See
        `CharNGramGenerator.sample`. Leave it out if pseudonyms must look real: if all known names
        are excluded, anyone can tell the pseudonyms from real names.
    unseen : {"error", "generate"}, default="error"
        How `transform` handles names that `fit` and `partial_fit` have not seen. "error" raises an
        error. "generate" warns, and generates pseudonyms that are distinct within the call. In
        another call, two names may get the same pseudonym, and a name may get a different one. To
        keep pseudonyms, call `partial_fit`.

    Attributes
    ----------
    generator_ : Pipeline or FrozenEstimator
        The fitted generator.
    n_features_in_ : int
        The number of columns, 1.
    feature_names_in_ : ndarray of shape (1,), dtype object
        The title of the column. Only defined if the column has a title.

    Notes
    -----
    The generator draws a pool of names. The HMAC [1]_ of a name with the key is its first position
    in the pool. If two names compete for a pseudonym, the name with the lower HMAC gets it, and the
    other name moves on to the next position. The same names and key give the same pseudonyms,
    regardless of row order. Pseudonyms are distinct and differ from all names in the column, even
    ignoring case and surrounding whitespace.

    A frozen generator, a key and `exclude` determine the pool of each label. Two tables that share
    names then agree on almost all of them: a pseudonym differs only if another name competes for
    it, or if it is a name in one of the tables. Otherwise, the pool also depends on the column.
    `partial_fit` never changes a pseudonym, which may therefore equal a name that is added later.

    The name behind a pseudonym cannot be computed without the key or `mapping`, but an attacker
    can try keys that are easy to guess. Frequencies are not hidden: the most frequent name has the
    most frequent pseudonym. Other columns may identify a person, and pseudonyms resemble the
    training names. Keep the key secret. Do not share the fitted object or its file: it contains the
    key, all names with their pseudonyms, the pool and the generator. Its repr and its HTML
    representation show none of these names, nor the key.

    References
    ----------
    .. [1] H. Krawczyk, M. Bellare and R. Canetti, "HMAC: Keyed-Hashing for Message
       Authentication", RFC 2104, 1997.

    Examples
    --------
    >>> from sknamegen import NamePseudonymizer, load_names
    >>> pseudonymizer = NamePseudonymizer(key=b"keep this secret").fit(load_names("female"))
    >>> pseudonymizer.transform(["Maria", "Anna", None, "Maria"]).ravel().tolist()
    ['Clarici', 'Rhette', None, 'Clarici']
    """

    generator_: Pipeline
    _pool: dict[str, list[str]]  # blocks of names by label and number
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

    @fit_task(max_subtasks=1)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Train the generator, and generate a pseudonym for each distinct name in a column.

        Parameters
        ----------
        X : array-like of shape (n_names,) or (n_names, 1), dtype str
            The column. None, NaN, NA and blank strings are missing values. Names are stripped.
        y : array-like of shape (n_names,), default=None
            Labels of dtype str, such as genders. A name with several labels gets a pseudonym for
            its most frequent label. Other dtypes, such as a Pipeline's targets, are ignored.

        Returns
        -------
        self : NamePseudonymizer

        Warns
        -----
        UserWarning
            If the column is too short to learn from, or to find out which bundled list fits.

        Raises
        ------
        TypeError, ValueError
            If X is not a single column of names, the key is missing, a parameter is invalid, or the
            generator cannot generate enough distinct names.
        """
        check_option("unseen", self.unseen, ("error", "generate"))
        is_key = isinstance(self.key, (bytes, str))
        if not (is_key and self.key):
            got = "an empty key" if is_key else type(self.key).__name__
            raise TypeError(f"key must be non-empty bytes or str. Got {got}.")
        if hasattr(self.exclude, "__next__"):
            raise TypeError("exclude must be a collection, such as a list. Got an iterator.")
        label_of = self._label_of(X, y, reset=True)
        names = sorted(label_of, key=self._seed)
        labels = [label_of[name] for name in names]
        pipe = clone(CharNGramGenerator() if self.generator is None else self.generator)
        if not hasattr(pipe, "steps"):
            windows = CharSequenceVectorizer(window_length=10)  # Pseudonyms depend on this number.
            pipe = Pipeline([("windows", windows), ("generator", pipe)])
        # A FrozenEstimator is its own clone and must not change.
        if pipe is not self.generator and pipe[-1].get_params().get("random_state", 0) is None:
            pipe[-1].set_params(random_state=self._seed("") % 2**32)
        y = None if None in labels else labels
        before = vars(self).copy()
        try:
            learned = names
            if self.generator is None and 0 < len(names) < _MIN_NAMES:
                learned = _names_to_learn(names, is_labelled=y is not None)
            # The names of a list are not in X.
            quiet = catch_warnings(action="ignore", category=NamesWarning)
            observed = nullcontext() if pipe is self.generator else subtask(self, pipe)
            with nullcontext() if learned is names else quiet, observed:
                self.generator_ = pipe.fit(learned, y)
            self._pool = {}
            self._pseudonyms = self._assign({}, label_of)
        except BaseException:
            self.__dict__ = before
            raise
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Generate pseudonyms for the new names in a column, and keep all others.

        The first call is the same as `fit`. Further calls do not train the generator.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        self : NamePseudonymizer

        Warns
        -----
        UserWarning
            As in `fit`, in the first call.

        Raises
        ------
        TypeError, ValueError
            As in `fit`.
        """
        if not hasattr(self, "_pseudonyms"):
            return self.fit(X, y)
        self._pseudonyms = self._assign(self._pseudonyms, self._label_of(X, y, reset=False))
        return self

    def mapping(self) -> dict[str, str]:
        """Return the pseudonym for each name that was fitted.

        Returns
        -------
        pseudonyms : dict of str to str
            A new dict. The names are stripped and composed (NFC).

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

        Warns
        -----
        UserWarning
            If X contains new names, and `unseen` is "generate".

        Raises
        ------
        NotFittedError
            If the pseudonymizer is not fitted.
        ValueError
            If X contains new names, and `unseen` is "error" or the generator cannot generate enough
            distinct names.
        """
        pseudonyms = self.mapping()
        rows = self._column(X, reset=False)
        if self.unseen == "generate":
            pseudonyms = self._assign(pseudonyms, dict.fromkeys(filter(_is_name, rows)))
            if n_new := len(pseudonyms) - len(self._pseudonyms):
                warn_user(
                    f"X contains {n_new:,} names that fit has not seen. Their pseudonyms are "
                    "distinct in this call only. To keep them, call partial_fit."
                )
        advice = "Fit to all names, or pass unseen='generate'."
        return _replace(rows, pseudonyms, "names that fit has seen", advice)

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.object_]:
        """Replace the pseudonyms in a column with the names.

        Parameters
        ----------
        X : array-like of shape (n_names,) or (n_names, 1), dtype str
            The column of pseudonyms.

        Returns
        -------
        names : ndarray of shape (n_names, 1), dtype object
            The names, stripped and composed (NFC). Missing values are unchanged.

        Raises
        ------
        NotFittedError
            If the pseudonymizer is not fitted.
        ValueError
            If X contains other pseudonyms than those in `mapping`.
        """
        names = {pseudonym: name for name, pseudonym in self.mapping().items()}
        advice = "To keep the pseudonyms of new names, use partial_fit."
        return _replace(self._column(X, reset=False), names, "pseudonyms in mapping()", advice)

    def _label_of(self, X, y, reset):
        """Return the most frequent label, or None, of each distinct name."""
        rows = self._column(X, reset)
        labels = [None] * len(rows)
        if y is not None and all(isinstance(label, str) for label in np.asarray(y).tolist()):
            labels = check_labels(y, len(rows)).tolist()
        counts = Counter(pair for pair in zip(rows, labels, strict=True) if _is_name(pair[0]))
        # Sort by count, so that the most frequent label of a name is last and wins in the dict.
        return dict(sorted(counts, key=lambda pair: (counts[pair], str(pair[1]))))

    def _column(self, X, reset):
        """Return the values of a column, with names stripped and composed (NFC)."""
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
        return [compose(value.strip()) if _is_name(value) else value for value in rows]

    def _assign(self, pseudonyms, label_of):
        """Return pseudonyms with those of new names. Names with low HMACs choose first."""
        new = sorted(label_of.keys() - pseudonyms.keys(), key=self._seed)
        taken = {"", *map(fold, [*pseudonyms, *pseudonyms.values(), *new])}
        assigned = {}
        for name in new:
            candidates = self._candidates(name, label_of[name])
            assigned[name] = next(free for free in candidates if fold(free) not in taken)
            taken.add(fold(assigned[name]))
        return pseudonyms | assigned

    def _candidates(self, name, label):
        """Yield names from the pool, starting at positions that the key and the name determine."""
        seed = self._seed(name)
        for number in count():
            title = f"\0{label!r}\0{number}"
            size = _BLOCK << number
            if title not in self._pool:
                rng = np.random.default_rng(self._seed(title))
                options = {"label": label, "unique": True, "exclude": self.exclude}
                options |= {"on_shortfall": "warn", "random_state": rng}
                with catch_warnings(action="ignore"):  # a short block is the last one
                    block = generator_of(self.generator_).sample("", 0.7, size, **options)
                rng.shuffle(block)  # probable names, which are often real, are drawn first
                self._pool[title] = [compose(candidate.strip()) for candidate in block]
            block = self._pool[title]
            seed, start = divmod(seed, len(block))
            for i in range(_TRIES if len(block) == size else len(block)):
                yield block[(start + i) % len(block)]
            if len(block) < size:
                raise ValueError(
                    "generator must generate a distinct pseudonym for each name. Got only "
                    f"{len(block):,}. For a short X, pass a FrozenEstimator of a fitted Pipeline."
                )

    def _seed(self, name):
        return int.from_bytes(hmac.digest(_bytes(self.key), _bytes(name), "sha256"))

    def __getstate__(self) -> dict[str, object]:
        return super().__getstate__() | {"key": self.key and self.key[:]}  # plain bytes or str

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        self.key = self.key  # hide the key


def _names_to_learn(names, is_labelled):
    """Return the names from which pseudonyms of a short column come: its own, or a list's."""
    advice = "Pass a FrozenEstimator of a Pipeline that was fitted to similar names."
    found = None
    reason = "the bundled lists have no labels"
    if not is_labelled:
        reason = "no bundled list of people, towns or things contains half of them"
        try:
            found = real_list_of(names)
        except RuntimeError as error:  # a Python without the module lzma
            reason = f"the bundled lists cannot be read ({error})"
    if found is None:
        warn_user(
            f"X has only {len(names):,} distinct names, and {reason}, so pseudonyms may be hard to "
            f"pronounce. {advice}"
        )
        return names
    title, others = found
    if len(names) < _MIN_CERTAIN:
        warn_user(
            f"X has only {len(names):,} distinct names, too few to find out what they are. All "
            f"pseudonyms, also of later names, will be like the list {title!r}. {advice}"
        )
    for case in (str.lower, str.upper):
        if all(name == case(name) != name.swapcase() for name in names):
            others = list(map(case, others))
    return others


def _bytes(value):
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def _is_name(value):
    return isinstance(value, str) and value.strip() != ""


def _replace(rows, pairs, expected, advice):
    """Return a column whose names are replaced by a dict, or raise if it lacks a name."""
    if unknown := {name for name in rows if _is_name(name) and name not in pairs}:
        raise ValueError(
            f"X may only contain {expected}. Got {len(unknown):,} unseen (first in "
            f"row {min(map(rows.index, unknown))}). {advice}"
        )
    return np.array([pairs.get(name, name) for name in rows], dtype=object).reshape(-1, 1)


class _Hidden:
    """Mixin of a key that is not shown when it is printed or formatted."""

    def __repr__(self):
        return "<hidden>"

    __str__ = __repr__

    def __format__(self, spec):
        return format(repr(self), spec)


class _HiddenBytes(_Hidden, bytes):
    """Key of type bytes."""


class _HiddenStr(_Hidden, str):
    """Key of type str."""
