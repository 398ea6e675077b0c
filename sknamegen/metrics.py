"""How new a set of names is, and how like the names it was learned from."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from ._validation import check_int

__all__ = [
    "expected_novelty",
    "length_divergence",
    "nearest_training_name",
    "ngram_divergence",
    "novelty",
    "uniqueness",
]

# Pairs of names compared at a time.
_BLOCK_PAIRS = 2**24


def novelty(names, training_names):
    """Compute which part of the names is not in the training list.

    Parameters
    ----------
    names, training_names : iterable of str

    Returns
    -------
    novelty : float
        Between 0 and 1. A name that stands several times in `names` counts as often.

    Examples
    --------
    >>> from sknamegen.metrics import novelty
    >>> novelty(["Anna", "Annia", "Marla", "Marla"], ["Anna", "Maria"])
    0.75
    """
    names, known = _check_names("names", names), set(_check_names("training_names", training_names))
    return sum(name not in known for name in names) / len(names)


def uniqueness(names):
    """Compute how many different names there are for each one.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    uniqueness : float
        Different names over names: 1 if no two are alike.

    Examples
    --------
    >>> from sknamegen.metrics import uniqueness
    >>> uniqueness(["Anna", "Annia", "Marla", "Marla"])
    0.75
    """
    names = _check_names("names", names)
    return len(set(names)) / len(names)


def nearest_training_name(names, training_names):
    """Find the training name that is most like each name.

    Parameters
    ----------
    names, training_names : iterable of str

    Returns
    -------
    nearest : list of str
        For each name the first of the training names at the least distance.
    distances : ndarray of shape (n_names,), dtype int64
        How many characters have to be inserted, deleted or replaced to get from one to the
        other [1]_.

    Raises
    ------
    ImportError
        If the package rapidfuzz, which computes the distances, is not installed.

    References
    ----------
    .. [1] V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions, and
       reversals", Soviet Physics Doklady, 1966.

    Examples
    --------
    >>> from sknamegen.metrics import nearest_training_name
    >>> nearest_training_name(["Annia", "Marla"], ["Anna", "Maria"])
    (['Anna', 'Maria'], array([1, 1]))
    """
    names = _check_names("names", names)
    training_names = _check_names("training_names", training_names)
    try:
        from rapidfuzz.distance import Levenshtein
        from rapidfuzz.process import cdist
    except ImportError as error:
        raise ImportError(
            "nearest_training_name needs the package rapidfuzz: pip install 'sknamegen[metrics]'."
        ) from error
    n_rows = max(1, _BLOCK_PAIRS // len(training_names))
    nearest = np.empty(len(names), dtype=np.int64)
    distances = np.empty(len(names), dtype=np.int64)
    for first in range(0, len(names), n_rows):
        block = slice(first, first + n_rows)
        pairs = cdist(names[block], training_names, scorer=Levenshtein.distance, dtype=np.int32)
        nearest[block], distances[block] = pairs.argmin(axis=1), pairs.min(axis=1)
    return [training_names[i] for i in nearest.tolist()], distances


def ngram_divergence(names, reference, n=2):
    """Compute how far the n-grams of two lists of names are apart.

    Parameters
    ----------
    names, reference : iterable of str
    n : int, default=2
        Characters of an n-gram. Start and end of a name count as one each, except with
        ``n=1``.

    Returns
    -------
    divergence : float
        The Jensen-Shannon divergence [1]_ of the distributions of the n-grams, in nats:
        0 if they are equal, log(2) = 0.693 if they have none in common.

    References
    ----------
    .. [1] J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on
       Information Theory, 1991.

    Examples
    --------
    >>> from sknamegen.metrics import ngram_divergence
    >>> ngram_divergence(["Anna", "Maria"], ["Maria", "Anna"])
    0.0
    >>> round(ngram_divergence(["Anna"], ["Otto"]), 3)
    0.693
    """
    check_int("n", n, 1)
    frame = ("\x02", "\x03") if n > 1 else ("", "")
    counts = []
    for found in (_check_names("names", names), _check_names("reference", reference)):
        texts = [name.join(frame) for name in found]
        counts.append(Counter(t[i : i + n] for t in texts for i in range(len(t) - n + 1)))
        if not counts[-1]:
            raise ValueError(
                f"Both lists must hold an n-gram of n={n} characters. Got none in one."
            )
    return _jensen_shannon(*counts)


def length_divergence(names, reference):
    """Compute how far the lengths of two lists of names are apart.

    Parameters
    ----------
    names, reference : iterable of str

    Returns
    -------
    divergence : float
        The Jensen-Shannon divergence of the distributions of lengths in nats, see
        `ngram_divergence`.

    Examples
    --------
    >>> from sknamegen.metrics import length_divergence
    >>> length_divergence(["Anna", "Otto", "Maria"], ["Kurt", "Ida", "Marla"]) < 0.15
    True
    """
    lists = _check_names("names", names), _check_names("reference", reference)
    return _jensen_shannon(*(Counter(map(len, found)) for found in lists))


def expected_novelty(generator, X, temperature=1.0, **wishes):
    """Compute which part of the names that a generator writes will be new.

    Parameters
    ----------
    generator : CharLSTMGenerator or CharNGramGenerator
        Fitted to names.
    X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
        Windows of the names that are not new.
    temperature : float, default=1.0
        At which the names are written.
    **wishes
        Other parameters of `generator.sample` that say what the names are like: `seed`,
        `label`, `min_length`, `max_length`, `top_k`, `top_p`, `pattern`, `banned`.

    Returns
    -------
    novelty : float
        One minus the sum of the probabilities of the different names in X to be written. Exact:
        nothing is drawn.

    Examples
    --------
    >>> from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names
    >>> from sknamegen.metrics import expected_novelty
    >>> windows = CharSequenceVectorizer().fit_transform(load_names("female"))
    >>> generator = CharNGramGenerator().fit(windows)
    >>> [round(expected_novelty(generator, windows, t), 2) for t in (0.5, 1.0, 1.5)]
    [0.25, 0.64, 0.89]
    """
    return generator._expected_novelty(X, temperature, **wishes)


def _jensen_shannon(p, q):
    keys = sorted(p.keys() | q.keys())
    p, q = (np.array([counts[key] for key in keys]) / counts.total() for counts in (p, q))
    mean = (p + q) / 2
    terms = [
        np.where(each > 0, each * np.log(np.where(each > 0, each, 1) / mean), 0) for each in (p, q)
    ]
    return float(sum(term.sum() for term in terms) / 2)


def _check_names(parameter, names):
    listed = isinstance(names, Iterable) and not isinstance(names, (str, bytes))
    found = list(names) if listed else []
    if not found or not all(isinstance(name, str) for name in found):
        raise TypeError(
            f"{parameter} must be an iterable of str with at least one name. Got {names!r:.80}."
        )
    return found
