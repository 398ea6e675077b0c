"""English words, and those nearest in meaning to the words of names."""

import gzip
import re
from collections import Counter
from collections.abc import Collection, Iterable
from functools import cache
from itertools import chain

import numpy as np

from .._state import bundled_file
from .._text.words import split_words, words_in
from .._types import Floats, Ints, Strs
from .._validation import check_int, check_strings, warn_user


@cache
def load_words() -> frozenset[str]:
    """Load about 40,000 common English words.

    Pass ``words=load_words() | words_of(names)`` to `sample`, so that generated names consist of
    English words and words of the names.

    Returns
    -------
    words : frozenset of str
        Words in lower case, in American and British spelling, with their inflections.

    See Also
    --------
    words_like : The words nearest in meaning to those of names.

    Notes
    -----
    The words are the levels 10, 20 and 35 of SCOWL by Kevin Atkinson, without the words that at
    least two of three lists of offensive words contain. Other words may offend in context. To
    exclude strings, pass `banned` to `sample`. `data/README.md` in the repository describes the
    sources, and contains the licence.

    Examples
    --------
    >>> from sknamegen import load_words
    >>> words = load_words()
    >>> "harbor" in words, "harbour" in words, "brooksdale" in words
    (True, True, False)
    """
    return frozenset(gzip.decompress(bundled_file("words.gz").read_bytes()).decode().split())


def words_like(names: Iterable[str], n: int = 1000) -> list[str]:
    """Return the words of names, and the English words nearest in meaning to them.

    Pass ``words=words_like(names)`` to `sample`, so that generated names consist of words that
    belong together.

    Parameters
    ----------
    names : iterable of str
        Names of several English words.
    n : int, default=1000
        Number of words to add to the words of the names.

    Returns
    -------
    words : list of str
        The words of the names in alphabetical order, known or not, and then the n nearest words of
        `load_words`, nearest first. Function words such as "of" are not among the latter.

    Warns
    -----
    UserWarning
        If less than a third of the words of the names are among the English words. Then the list
        contains only the words of the names.

    Raises
    ------
    TypeError, ValueError
        If `names` is not an iterable of str or contains no word, or n is negative.

    Notes
    -----
    The nearness of word w to words v is ``log(1 + sum_v exp(4 cos(w, v))) + log(1 + c(w)) / 2``.
    The cosine is that of GloVe vectors [1]_ in 16 dimensions. c(w) is the number of bundled lists
    that have w in names of several words, and invented lists count ten times. Of a long list, v are
    the 300 most frequent words.

    References
    ----------
    .. [1] J. Pennington, R. Socher and C. D. Manning, "GloVe: Global Vectors for Word
       Representation", EMNLP 2014.

    Examples
    --------
    >>> from sknamegen import words_like
    >>> words_like(["Copper Fox Ale", "Old Stout"], n=4)
    ['ale', 'copper', 'fox', 'old', 'stout', 'velvet', 'green', 'juniper', 'indigo']
    """
    check_int("n", n, 0)
    names = check_strings("names", names)
    own = sorted(words_in(names))
    if not own:
        raise ValueError("names must contain at least one word. Got only digits or symbols.")
    if words := like_english(names, n):
        return words
    warn_user(
        "words_like knows English words, and less than a third of the words of the names are among "
        f"them. Got {own[:6]!r}. No other words are added. For another language, pass "
        "words_of(names) and words of your own to sample."
    )
    return own


def like_english(names: Collection[str], n: int = 1000) -> list[str]:
    """Return `words_like` if the words of names are English, otherwise an empty list."""
    # Possessives are not among the English words.
    counts = Counter(chain.from_iterable(split_words(re.sub("['’]", " ", x) for x in names)))
    if not are_english(counts):
        return []
    own = sorted(words_in(names))
    known = {*own, *counts}
    return own + [word for word in nearest_words(counts, *word_vectors()) if word not in known][:n]


def are_english(words: Collection[str]) -> bool:
    """Return whether at least a third of distinct words are among the English words."""
    return 3 * len(load_words().intersection(words)) >= len(words)


@cache
def word_vectors() -> tuple[Strs, Floats, Ints]:
    """Return English words, their unit vectors, and how many lists contain each, weighted."""
    with bundled_file("word_vectors.npz").open("rb") as file, np.load(file) as arrays:
        packed, steps, n_lists = arrays["vectors"], arrays["steps"], arrays["n_lists"]
    has_vector = packed.any(axis=1)
    pairs = np.stack([packed >> 4, packed & 15], axis=2)[has_vector]
    vectors = (pairs.reshape(len(pairs), -1) - np.float32(7.5)) * steps
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.array(sorted(load_words()))[has_vector], vectors, n_lists[has_vector]


def nearest_words(counts: Counter[str], words: Strs, vectors: Floats, n_lists: Ints) -> list[str]:
    """Return words, nearest to the 300 most frequent in `counts` first, see `words_like`.

    More words would take more memory, and 300 take 45 MB.
    """
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:300]
    similarity = np.exp(4 * vectors @ vectors[np.isin(words, frequent)].T).sum(axis=1)
    nearness = np.log1p(similarity) + 0.5 * np.log1p(n_lists)
    return words[np.argsort(-nearness, kind="stable")].tolist()
