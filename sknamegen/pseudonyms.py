"""Replace names with generated pseudonyms."""

from __future__ import annotations

import hmac
from collections import Counter, defaultdict
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from itertools import chain, count
from sys import maxsize
from typing import Literal, Self
from warnings import catch_warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from ._callback import CallbackSupportMixin
from ._data.cleaning import NamesWarning
from ._data.similar import Candidates
from ._generator import generator_of
from ._state import PublicName
from ._text.codes import RESERVED
from ._text.full_names import FullName, Position, forms_of, is_word, split_full_name, word_parts
from ._text.unicode import compose, fold
from ._validation import check_exclude, check_labels, check_option, warn_user
from .datasets import lists_of_people, real_list_of
from .ngram import CharNGramGenerator
from .vectorizer import CharSequenceVectorizer

__all__ = ["NamePseudonymizer"]

# Number of names from which a column is learned, and from which its kind is certain. On 23 lists of
# first names, surnames and towns, n-grams of the bundled list have a lower loss on new names than
# those of the column: by 0.75 nats for 12 names, 0.23 for 200 and 0.06 for 800. Of first names and
# surnames in 21 languages, the bundled list is that of another language for 41 of 210 columns of
# one name, 14 of two, 4 of three and 1 of five.
_MIN_NAMES, _MIN_CERTAIN = 200, 5
# Number of names that are drawn for the first block of the pool, of which the distinct names are
# used. Each block from the third on has twice as many distinct names as the one before.
_BLOCK = 20_000
# Number of similar names in block 0, in addition to 5/4 for each word.
_N_SPARE = 100
# Temperature and min_p of typical names.
_TYPICAL, _MIN_P = 0.6, 0.02
# Number of candidates in a block that a name tries before it tries the next block.
_TRIES = 64

_Key = tuple[Position, str]
_Words = dict[str, dict[str, str]]  # pseudonyms by position and word


@dataclass(frozen=True)
class _Word:
    """A word that needs a pseudonym, or a whole name."""

    seed: int  # its HMAC
    forms: tuple[str, ...]  # spellings that share a pseudonym: as it is, in lower and upper case
    position: Position
    label: str | None
    kind: Position  # "first" or "last", whose generator serves it
    is_learned: bool


class NamePseudonymizer(
    PublicName, CallbackSupportMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator
):
    """Transformer that replaces each distinct name in a column with a generated pseudonym.

    Full names are replaced word by word, so that a family keeps a common surname.

    Parameters
    ----------
    generator : CharNGramGenerator, CharLSTMGenerator or Pipeline, default=None
        The generator of the pseudonyms, by default a `CharNGramGenerator`. `fit` trains a clone on
        the column, on windows of 10 characters unless it is a Pipeline. If the column must not be
        learned, or if several tables must agree, pass a fitted Pipeline in a
        `sklearn.frozen.FrozenEstimator`, which is not retrained. By default, a column of fewer than
        200 names or words without labels is not learned if a bundled list of people, towns or
        things contains at least half of them. The generator learns this list instead. N-grams give
        the same pseudonyms on every machine, but the output of networks depends slightly on the
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
    by_word : bool, default=True
        Whether to replace each word of a name by itself. False replaces a name as a whole, so that
        names with a common word have unrelated pseudonyms. Choose it for companies, products and
        towns, or if the number of words must not show.

    Attributes
    ----------
    generator_ : Pipeline or FrozenEstimator
        The fitted generator, by word of the first words.
    last_generator_ : Pipeline or FrozenEstimator
        The fitted generator of last words, or `generator_` if it is frozen or if there are none.
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

    By word, each word of a name has one pseudonym as a last word and one elsewhere. In "Ferreira,
    Edgar", the comma turns the order around. A word alone is a first name, unless the column has it
    as a last word only. The case of each word stays. The following words stay as well: words in
    lower case between capitalised words (van der), words that end in a full stop (Dr.), single
    letters, and Roman numerals after another word. No pseudonym contains another word of the
    column, nor its part at a hyphen or apostrophe. `transform` and `inverse_transform` accept new
    combinations of known words. With the default generator, the words that are tried first are
    those in the bundled lists of first names or surnames that resemble the words of the column most
    (see the parameter `similar` of `CharLSTMGenerator`), because invented words are less credible.

    A frozen generator, a key and `exclude` determine the pool of each label. Two tables that share
    names then agree on almost all of them: a pseudonym differs only if another name competes for
    it, or if it is a name in one of the tables. Otherwise, the pool also depends on the column.
    `partial_fit` never changes a pseudonym, which may therefore equal a name that is added later.
    `exclude` applies to each word and to the whole pseudonym, except of new combinations of
    words that have pseudonyms already.

    The name behind a pseudonym cannot be computed without the key or `mapping`, but an attacker
    can try keys that are easy to guess. Frequencies are not hidden: the most frequent name has the
    most frequent pseudonym. By word, neither are the number of words, the words that stay, and
    which names have a word in common: who knows the pseudonym of one Ferreira knows that of all.
    Other columns may identify a person, and pseudonyms resemble the training names. Keep the key
    secret. Do not share the fitted object or its file: it contains the key, all names with their
    pseudonyms, the pool and the generator. Its repr and its HTML representation show none of these
    names, nor the key.

    References
    ----------
    .. [1] H. Krawczyk, M. Bellare and R. Canetti, "HMAC: Keyed-Hashing for Message
       Authentication", RFC 2104, 1997.

    Examples
    --------
    >>> from sknamegen import NamePseudonymizer, load_names
    >>> pseudonymizer = NamePseudonymizer(key=b"keep this secret").fit(load_names("female"))
    >>> pseudonymizer.transform(["Maria", "Anna", None, "Maria"]).ravel().tolist()
    ['Phillippa', 'Oda', None, 'Phillippa']
    """

    generator_: Pipeline
    last_generator_: Pipeline
    _pool: dict[str, tuple[list[str], bool]]  # names, and whether there are no others
    _words: _Words
    _pseudonyms: dict[str, str]

    def __init__(
        self,
        generator: BaseEstimator | None = None,
        key: bytes | str | None = None,
        exclude: object = None,
        unseen: Literal["error", "generate"] = "error",
        by_word: bool = True,
    ):
        self.generator = generator
        self.key = key
        self.exclude = exclude
        self.unseen = unseen
        self.by_word = by_word

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
        """Train the generator, and generate a pseudonym for each distinct name in a column.

        Parameters
        ----------
        X : array-like of shape (n_names,) or (n_names, 1), dtype str
            The column. None, NaN, NA and blank strings are missing values. Names are stripped.
        y : array-like of shape (n_names,), default=None
            Labels of dtype str, such as genders. A name with several labels gets a pseudonym for
            its most frequent label. By word, labels do not apply to last words, so that families
            agree. Other dtypes, such as a Pipeline's targets, are ignored.

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
        check_option("by_word", self.by_word)
        rows = self._count(X, y, reset=True)
        no_words: _Words = {"first": {}, "last": {}}
        before = vars(self).copy()
        try:
            words = self._new_words(no_words, rows)
            self._pool = {}
            self.generator_ = self._learn("first", words)
            self.last_generator_ = self._learn("last", words)
            self._words, self._pseudonyms = self._assign(no_words, {}, rows, words, 0)
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
        rows = self._count(X, y, reset=False)
        new = self._new_words(self._words, rows)
        self._words, self._pseudonyms = self._assign(self._words, self._pseudonyms, rows, new)
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
            If X contains new names, by word names with new words, and `unseen` is "error" or the
            generator cannot generate enough distinct names.
        """
        check_is_fitted(self, "_pseudonyms")
        rows = self._column(X, reset=False)
        words, pseudonyms = self._words, self._pseudonyms
        if self.unseen == "generate":
            names = set(filter(_is_name, rows)) - pseudonyms.keys()
            new = [name for name in names if self._replace(name, words) is None]
            if new:
                warn_user(
                    f"X contains {len(new):,} names that fit has not seen. Their pseudonyms are "
                    "distinct in this call only. To keep them, call partial_fit."
                )
                counts = Counter((name, None) for name in new)
                new_words = self._new_words(words, counts)
                words, pseudonyms = self._assign(words, pseudonyms, counts, new_words)
        expected = f"names{' of words' * self.by_word} that fit has seen"
        advice = "Fit to all names, or pass unseen='generate'."
        return self._translate(rows, pseudonyms, words, expected, advice)

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
            If X contains other pseudonyms than those in `mapping`, or by word others of its words.
        """
        check_is_fitted(self, "_pseudonyms")
        names = {pseudonym: name for name, pseudonym in self._pseudonyms.items()}
        expected, advice = "pseudonyms", "To keep the pseudonyms of new names, use partial_fit."
        rows = self._column(X, reset=False)
        return self._translate(rows, names, _inverted(self._words), expected, advice)

    def _learn(self, kind, words):
        """Fit a clone of the generator, unless it is frozen, to words or to a bundled list."""
        words = [word for word in words if word.kind == kind]
        names = [word.forms[0] for word in words if word.is_learned]
        labels = [word.label for word in words if word.is_learned]
        if kind == "last" and not names:
            return self.generator_
        pipe = clone(CharNGramGenerator() if self.generator is None else self.generator)
        if not hasattr(pipe, "steps"):
            windows = CharSequenceVectorizer(window_length=10)  # Pseudonyms depend on this number.
            pipe = Pipeline([("windows", windows), ("generator", pipe)])
        # A FrozenEstimator is its own clone and must not change.
        if pipe is not self.generator and pipe[-1].get_params().get("random_state", 0) is None:
            pipe[-1].set_params(random_state=self._seed("") % 2**32)
        listed = list[str]()
        if self.generator is None and names:
            if len(names) < _MIN_NAMES:
                listed = _names_of_list(names, is_labelled=None not in labels)
            if self.by_word:
                self._pool |= self._similar(words, listed)
        # The names of a list are not in X.
        quiet = catch_warnings(action="ignore", category=NamesWarning) if listed else nullcontext()
        with quiet:
            return pipe.fit(listed or names, None if None in labels else labels)

    def _count(self, X, y, reset):
        """Return the number of rows for each name and its label, or None."""
        rows = self._column(X, reset)
        labels = [None] * len(rows)
        if y is not None and all(isinstance(label, str) for label in np.asarray(y).tolist()):
            labels = check_labels(y, len(rows)).tolist()
        return Counter(pair for pair in zip(rows, labels, strict=True) if _is_name(pair[0]))

    def _column(self, X, reset):
        """Return the values of a column, with names stripped and composed (NFC)."""
        X = X.to_frame() if hasattr(X, "to_frame") else X  # Series
        if not hasattr(X, "columns"):
            is_missing = X.mask if isinstance(X, np.ma.MaskedArray) else False
            X = np.array(X, dtype=object)
            X[is_missing] = None
            X = X.reshape(-1, 1) if X.ndim == 1 else X
        if X.shape[1:] != (1,):
            raise ValueError(f"X must be a single column of names. Got shape {X.shape}.")
        validate_data(self, X, reset=reset, skip_check_array=True)
        rows = np.array(X, dtype=object).ravel().tolist()
        for row, value in enumerate(rows):
            if not (isinstance(value, str) or str(value) in ("None", "nan", "NaT", "<NA>")):
                got = f"{type(value).__name__} in row {row}"
                raise TypeError(f"X must contain str, or None for missing names. Got {got}.")
            if isinstance(value, str) and any(chr(code) in value for code in RESERVED):
                raise ValueError(
                    "X must not contain the reserved characters U+0000, U+0002 and U+0003. Got one "
                    f"in row {row}."
                )
        return [compose(value.strip()) if _is_name(value) else value for value in rows]

    def _split(self, name):
        return split_full_name(name) if self.by_word else FullName([name], [0])

    def _replace(self, name, words):
        """Return a name with other words in place of its own, or None if there is none for one."""
        split = self._split(name)
        others = [_find(words, *word) for word in split.words]
        return None if None in others else split.replace(others)

    def _translate(self, rows, names, words, expected, advice):
        """Return a column whose names are replaced as a whole or by word, or raise."""
        distinct = dict.fromkeys(filter(_is_name, rows))
        replaced = {name: names.get(name) or self._replace(name, words) for name in distinct}
        if unseen := {name for name, new in replaced.items() if new is None}:
            raise ValueError(
                f"X may only contain {expected}. Got {len(unseen):,} unseen (first in "
                f"row {min(map(rows.index, unseen))}). {advice}"
            )
        return np.array([replaced.get(row, row) for row in rows], dtype=object).reshape(-1, 1)

    def _new_words(self, words, rows):
        """Return the words in rows without a pseudonym, low HMACs first. `words` have one."""
        spellings: dict[_Key, Counter[str]] = defaultdict(Counter)
        labels: dict[_Key, Counter[str | None]] = defaultdict(Counter)
        leading = set[str]()
        names = [(self._split(name).words, label, n) for (name, label), n in rows.items()]
        for name, label, n in sorted(names, key=lambda item: len(item[0]) == 1):
            for i, (position, word) in enumerate(name):
                key = compose(word.lower()) if self.by_word else word
                if position == "only":  # all others are known now
                    known = [(p, key) in spellings or key in words[p] for p in ("first", "last")]
                    position = "last" if known == [False, True] else "first"
                spellings[position, key][word] += n
                labels[position, key][label if position == "first" else None] += n
                leading.update([key] if i == 0 and position == "first" else ())
        last = words["last"].keys() | {key for position, key in spellings if position == "last"}
        middle = {key for position, key in spellings if position == "first"} - leading
        # Where people have two surnames, most words that begin no value are last words elsewhere.
        has_two_surnames = self.generator is None and 2 * len(middle & last) > len(middle)
        new = []
        for (position, key), counts in spellings.items():
            label = max(labels[position, key].items(), key=lambda item: (item[1], str(item[0])))[0]
            is_middle = position == "first" and key in middle
            kind = "last" if is_middle and has_two_surnames and label is None else position
            item = position, label, kind, not is_middle
            forms: tuple[str, ...] = ()
            if key not in words[position]:
                # Of spellings such as McDonald and Mcdonald, the most frequent is a form.
                others = counts.keys() - set(forms_of(key)[1:])
                main = max(others, key=lambda word: (counts[word], word), default=key)
                forms = forms_of(main) if self.by_word else (key,)
                new.append(_Word(self._seed(f"{position}\0{key}"), forms, *item))
            for word in counts.keys() - words[position].keys() - set(forms):
                new.append(_Word(self._seed(f"{position}\0{word}"), (word,), *item))
        return sorted(new, key=lambda word: word.seed)

    def _assign(self, words, pseudonyms, rows, new, number=1):
        """Return the pseudonyms of words and names, with those of new words and of rows.

        `number` is that of the block of the pool to begin with.
        """
        names = dict.fromkeys(name for name, _ in rows if name not in pseudonyms)
        taken = {"", *map(fold, chain(*(table.values() for table in words.values())))}
        for word in chain(*words.values(), (word.forms[0] for word in new)):
            taken |= self._parts(word)
        excluded = check_exclude(() if self.exclude is None else self.exclude)
        while True:
            assigned = self._assign_words(words, new, taken.copy(), number)
            restored = _inverted(assigned)
            added = {name: self._replace(name, assigned) for name in names}
            rejected = set()
            for name, shown in added.items():
                if fold(shown) in excluded or self._replace(shown, restored) != name:
                    split = self._split(name).words
                    rejected |= {fold(_find(assigned, *w)) for w in split if not _find(words, *w)}
            if not rejected:
                return assigned, pseudonyms | added
            taken |= rejected

    def _assign_words(self, words, new, taken, number):
        """Return the pseudonyms of words with those of new ones. Low HMACs choose first."""
        assigned = {position: table.copy() for position, table in words.items()}
        for word in new:
            candidates = self._candidates(word, number)
            shown = next(name for name in candidates if taken.isdisjoint(self._parts(name)))
            taken.add(fold(shown))
            forms = forms_of(shown) if len(word.forms) > 1 else (shown,)
            for form, pseudonym in zip(word.forms, forms, strict=True):
                assigned[word.position].setdefault(form, pseudonym)  # the first form wins
        return assigned

    def _parts(self, word):
        """Return what no pseudonym may equal or, by word, contain: a word, and its parts."""
        return {fold(word), *(map(fold, word_parts(word)) if self.by_word else ())}

    def _candidates(self, word, first):
        """Yield names from the pool, starting at positions that the key and the word determine."""
        seed = word.seed
        for number in count(first):
            title = self._title(word, number)
            if number > 1 and title not in self._pool:
                self._pool[title] = self._draw(word, title, number)
            block, is_last = self._pool.get(title, ([], False))
            if block:
                seed, start = divmod(seed, len(block))
            for i in range(len(block) if is_last else min(_TRIES, len(block))):
                yield block[(start + i) % len(block)]
            if is_last or (number > 2 and not block):
                kind = ", of one word" * self.by_word
                raise ValueError(
                    f"generator must generate a distinct pseudonym for each name{kind}. Got only "
                    f"{len(block):,}. For a short X, pass a FrozenEstimator of a fitted Pipeline."
                )

    def _title(self, word, number):
        """Return the title of a block of the pool."""
        case = _case(word.forms[0]) if self.by_word else ""
        return f"{word.kind}\0{word.label!r}\0{case}\0{number}"

    def _similar(self, words, names):
        """Return blocks 0 and 1 of the pool for words: bundled names, and those that resemble them.

        If there are no names, they resemble the words. The nearest are in block 0, which is for the
        words of `fit`. A Python without the module lzma cannot read the bundled lists of people.
        """
        groups = defaultdict[tuple[str, ...], list[_Word]](list)
        for word in words:
            groups[self._title(word, 0), self._title(word, 1)].append(word)
        excluded = check_exclude(() if self.exclude is None else self.exclude)
        blocks = {}
        with suppress(RuntimeError):
            candidates = Candidates(lists_of_people(are_surnames=words[0].kind == "last"))
            for titles, group in groups.items():
                learned = [word for word in group if word.is_learned] or group
                model = names or [word.forms[0] for word in learned]
                similar = candidates.most_similar(model, maxsize)  # all that are ranked
                n = _N_SPARE + len(group) * 5 // 4
                for title, part in zip(titles, ([*names, *similar[:n]], similar[n:]), strict=True):
                    part = [forms_of(name)[0] for name in part if is_word(name)]
                    part = [name for name in part if fold(name) not in excluded]
                    np.random.default_rng(self._seed(title)).shuffle(part)
                    blocks[title] = part, False
        return blocks

    def _draw(self, word, title, number):
        """Return a block of distinct names, and whether the generator has no others.

        The names of block 2 are typical of the generator. By word, all are single words, if
        possible with the same cases.
        """
        rng = np.random.default_rng(self._seed(title))
        options = {"label": word.label, "exclude": self.exclude, "random_state": rng}
        options |= {"min_p": _MIN_P} if number == 2 else {"unique": True}
        temperature, size = _TYPICAL if number == 2 else 0.7, _BLOCK << number - 2
        generator = self.generator_ if word.kind == "first" else self.last_generator_
        with catch_warnings(action="ignore"):  # fewer names than asked for
            names = generator_of(generator).sample(
                "", temperature, size, on_shortfall="warn", **options
            )
        names = [*dict.fromkeys(compose(name.strip()) for name in names)]
        is_last = number > 2 and len(names) < size
        rng.shuffle(names)  # probable names, which are often real, are drawn first
        if self.by_word:
            names = [forms_of(name)[0] for name in names if is_word(name)]
            names = [name for name in names if _case(name) == _case(word.forms[0])] or names
        return names, is_last

    def _seed(self, name):
        return int.from_bytes(hmac.digest(_bytes(self.key), _bytes(name), "sha256"))

    def __getstate__(self) -> dict[str, object]:
        return super().__getstate__() | {"key": self.key and self.key[:]}  # plain bytes or str

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        self.key = self.key  # hide the key


def _names_of_list(names, is_labelled):
    """Return the names of the bundled list from which a short column comes, or none."""
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
        return []
    title, others = found
    if len(names) < _MIN_CERTAIN:
        warn_user(
            f"X has only {len(names):,} distinct names, too few to find out what they are. All "
            f"pseudonyms, also of later names, will be like the list {title!r}. {advice}"
        )
    if len(others) < len(names):
        others = [*dict.fromkeys([*others, *names])]
    for case in (str.lower, str.upper):
        if all(name == case(name) != name.swapcase() for name in names):
            others = list(map(case, others))
    return others


def _bytes(value):
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def _is_name(value):
    return isinstance(value, str) and value.strip() != ""


def _case(word):
    """Return whether the first letter of a word, and its other letters, have cases."""
    title, lower, upper = forms_of(word)
    return title != lower, title != upper


def _find(words, position, word):
    """Return the pseudonym of a word. A word alone is a first name, or else a last name."""
    if position == "only":
        return words["first"].get(word, words["last"].get(word))
    return words[position].get(word)


def _inverted(words):
    """Return the word of each pseudonym, whose position is that of the word."""
    names = {shown: word for table in words.values() for word, shown in table.items()}
    return {"first": names, "last": names}


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
