"""Metrics for names: novelty, similarity to a list, rarity of a constraint, memorisation."""

from collections import Counter
from collections.abc import Iterable
from math import exp, log
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._alphabet import FRAME, decode, shape
from ._generator import BaseCharGenerator, Constraints, fitted
from ._graphemes import n_clusters
from ._parallel import parallel_map
from ._sampling.sampler import Sampler
from ._sequences import Sequences, read_windows
from ._typos import best_neighbours
from ._validation import (
    check_int,
    check_real,
    check_seeds,
    check_str,
    check_strings,
    check_windows,
    missing_package,
    random_generator,
)

__all__ = [
    "constraint_probability",
    "expected_novelty",
    "exposure",
    "far_apart",
    "length_divergence",
    "likely_typos",
    "membership_auc",
    "nearest_training_name",
    "ngram_divergence",
    "novelty",
    "odd_shapes",
    "shape_novelty",
    "temperature_for",
    "uniqueness",
]

# Number of name pairs compared at a time.
_BLOCK_PAIRS = 2**24


def novelty(names: Iterable[str], training_names: Iterable[str]) -> float:
    """Compute the share of names that are not in the training list.

    Parameters
    ----------
    names, training_names : iterable of str

    Returns
    -------
    novelty : float
        Between 0 and 1. Each occurrence of a repeated name is counted.

    Examples
    --------
    >>> from sknamegen.metrics import novelty
    >>> novelty(["Anna", "Annia", "Marla", "Marla"], ["Anna", "Maria"])
    0.75
    """
    names = check_strings("names", names)
    training_set = set(check_strings("training_names", training_names))
    return sum(name not in training_set for name in names) / len(names)


def uniqueness(names: Iterable[str]) -> float:
    """Compute the number of distinct names divided by the number of names.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    uniqueness : float
        In (0, 1]. It is 1 if all names are distinct.

    Examples
    --------
    >>> from sknamegen.metrics import uniqueness
    >>> uniqueness(["Anna", "Annia", "Marla", "Marla"])
    0.75
    """
    names = check_strings("names", names)
    return len(set(names)) / len(names)


def odd_shapes(names: Iterable[str], training_names: Iterable[str]) -> list[str]:
    """Find the names whose shape does not occur in the training list.

    The shape of a name is its sequence of Unicode general categories, with runs collapsed. The
    shape of "McLeod" is uppercase, lowercase, uppercase, lowercase. Marks belong to the preceding
    character.

    Parameters
    ----------
    names, training_names : iterable of str

    Returns
    -------
    odd : list of str
        The names in their original order, with repetitions.

    See Also
    --------
    shape_novelty : The share of these names.

    Examples
    --------
    >>> from sknamegen.metrics import odd_shapes
    >>> odd_shapes(["McAnna", "SalvaBrini", "gInoni", "Ivo"], ["Anna", "McLeod", "Mia"])
    ['gInoni']
    """
    originals = list(names) if not isinstance(names, str) else names
    names = check_strings("names", originals)
    shapes = set(map(shape, check_strings("training_names", training_names)))
    pairs = zip(originals, names, strict=True)
    return [original for original, name in pairs if shape(name) not in shapes]


def shape_novelty(names: Iterable[str], training_names: Iterable[str]) -> float:
    """Compute the share of names whose shape does not occur in the training list.

    In lists with varied shapes ("MacLeod", "de la Cruz"), real names also have new shapes, so
    compare the result with the share among held-out names.

    Parameters
    ----------
    names, training_names : iterable of str

    Returns
    -------
    share : float
        Between 0 and 1.

    See Also
    --------
    odd_shapes : Lists these names, and defines the shape of a name.

    Examples
    --------
    >>> from sknamegen.metrics import shape_novelty
    >>> shape_novelty(["Nia", "gInoni"], ["Anna", "McLeod", "Mia"])
    0.5
    """
    names = check_strings("names", names)
    return len(odd_shapes(names, training_names)) / len(names)


def nearest_training_name(
    names: Iterable[str], training_names: Iterable[str]
) -> tuple[list[str], NDArray[np.int64]]:
    """Find the training name that is most similar to each name.

    Parameters
    ----------
    names, training_names : iterable of str

    Returns
    -------
    nearest : list of str
        The nearest training name for each name. Ties go to the first in the list.
    distances : ndarray of shape (n_names,), dtype int64
        The Levenshtein distance [1]_: the minimum number of insertions, deletions and
        replacements that turn one name into the other.

    Raises
    ------
    ImportError
        If the package rapidfuzz is not installed.

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
    names = check_strings("names", names)
    training_names = check_strings("training_names", training_names)
    process, distance = _rapidfuzz("nearest_training_name")
    n_rows = max(1, _BLOCK_PAIRS // len(training_names))
    nearest = np.empty(len(names), dtype=np.int64)
    distances = np.empty(len(names), dtype=np.int64)
    for first in range(0, len(names), n_rows):
        block = slice(first, first + n_rows)
        pairs = process.cdist(names[block], training_names, scorer=distance, dtype=np.int32)
        nearest[block], distances[block] = pairs.argmin(axis=1), pairs.min(axis=1)
    return [training_names[i] for i in nearest.tolist()], distances


def far_apart(
    names: Iterable[str],
    n: int | None = None,
    min_distance: int = 2,
    *,
    away_from: Iterable[str] = (),
) -> list[str]:
    """Select names that differ from each other and from the names in a list.

    The selection is greedy, so put the best names first. It takes every name that is far enough
    from all names selected before.

    Parameters
    ----------
    names : iterable of str
    n : int, default=None
        Maximum number of names to select, by default unlimited.
    min_distance : int, default=2
        Minimum Levenshtein distance between two names, ignoring case. See `nearest_training_name`.
    away_from : iterable of str, default=()
        Names to keep the same distance from, such as the training list.

    Returns
    -------
    chosen : list of str
        The selected names in their original order, fewer than n if too few qualify.

    Raises
    ------
    ImportError
        If the package rapidfuzz is not installed.

    Examples
    --------
    >>> from sknamegen.metrics import far_apart
    >>> far_apart(["Velora", "Velara", "Lumina", "Lumena", "Aster"], away_from=["Astra"], n=2)
    ['Velora', 'Lumina']
    """
    originals = list(names) if not isinstance(names, str) else names
    names = check_strings("names", originals)
    check_int("min_distance", min_distance, 1)
    if n is not None:
        check_int("n", n, 1)
    excluded = check_strings("away_from", away_from, may_be_empty=True)
    references = [name.casefold() for name in excluded]
    process, distance = _rapidfuzz("far_apart")
    chosen: list[str] = []
    for original, name in zip(originals, names, strict=True):
        if len(chosen) == n:
            break
        folded = name.casefold()
        options: Any = {"scorer": distance, "score_cutoff": min_distance - 1}
        if process.extractOne(folded, references, processor=None, **options) is None:  # all far
            chosen.append(original)
            references.append(folded)
    return chosen


def _rapidfuzz(user: str) -> tuple[Any, Any]:
    """Import rapidfuzz. Return its `process` module and Levenshtein distance."""
    try:
        from rapidfuzz import process
        from rapidfuzz.distance import Levenshtein
    except ImportError as error:
        raise missing_package(user, "rapidfuzz", "metrics") from error
    return process, Levenshtein.distance


def membership_auc(
    generator: BaseCharGenerator, X: NDArray[Any], X_held_out: NDArray[Any]
) -> tuple[float, float]:
    """Measure how well the likelihood separates training names from held-out names.

    Parameters
    ----------
    generator : CharLSTMGenerator, CharNGramGenerator or CharAverageGenerator
    X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
        Windows of training names.
    X_held_out : ndarray of shape (n_held_out, n_positions, window_length + 1), dtype int
        Windows of similar names that are not in the training list.

    Returns
    -------
    auc : float
        The probability that a training name has a higher likelihood per character than a held-out
        name. It is 0.5 for no separation and 1 for perfect separation.
    error : float
        The standard error of `auc`, from DeLong's method [1]_.

    Notes
    -----
    A value of 0.5 does not guarantee privacy: the model may still have memorised a few names. The
    hashes for ``novel=True`` reveal with certainty whether a name was in the list.

    References
    ----------
    .. [1] E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the Areas under Two or
       More Correlated Receiver Operating Characteristic Curves: A Nonparametric Approach",
       Biometrics, 1988.

    Examples
    --------
    >>> from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names
    >>> from sknamegen.metrics import membership_auc
    >>> windows = CharSequenceVectorizer().fit_transform(load_names("female"))
    >>> generator = CharNGramGenerator().fit(windows[::2])
    >>> auc, error = membership_auc(generator, windows[::2], windows[1::2])
    >>> round(auc, 2), round(error, 3)
    (0.75, 0.007)
    """
    rates, window_length = [], fitted(generator).corpus.window_length_
    for name, windows in (("X", X), ("X_held_out", X_held_out)):
        windows = check_windows(windows, window_length)
        if len(windows) < 2:
            raise ValueError(f"{name} must contain at least two names. Got {len(windows)}.")
        n_characters = np.count_nonzero(windows[..., -1], axis=1)
        rates.append(generator.score_samples(windows) / np.maximum(n_characters, 1))
    ranks = []  # for each name: the share of the other list with a lower rate
    for values, others in (rates, rates[::-1]):
        others = np.sort(others)
        n_below = [np.searchsorted(others, values, side) for side in ("left", "right")]
        ranks.append(np.mean(n_below, axis=0) / len(others))
    variance = sum(float(np.var(rank, ddof=1)) / len(rank) for rank in ranks)
    return float(ranks[0].mean()), float(variance**0.5)


def exposure(
    generator: BaseCharGenerator, X: NDArray[Any], X_others: NDArray[Any]
) -> NDArray[np.float64]:
    """Compute how much a model exposes names planted in the training list.

    To measure memorisation, generate strings of one form, such as random letters. Add a few of them
    to the list before `fit`, and compare them with the remaining strings.

    Parameters
    ----------
    generator : CharLSTMGenerator, CharNGramGenerator or CharAverageGenerator
    X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
        Windows of the planted names ("canaries").
    X_others : ndarray of shape (n_others, n_positions, window_length + 1), dtype int
        Windows of names of the same form that were not planted: all of them, or a random sample.

    Returns
    -------
    exposure : ndarray of shape (n_names,), dtype float64
        The exposure in bits, ``log2(n_others + 1) - log2(rank)``, as defined in [1]_. The rank is 1
        if the planted name is more probable than all others. Without memorisation, the exposure is
        1.44 on average. It is ``log2(n_others + 1)`` if the model alone identifies the name.

    References
    ----------
    .. [1] N. Carlini, C. Liu, U. Erlingsson, J. Kos and D. Song, "The Secret Sharer: Evaluating
       and Testing Unintended Memorization in Neural Networks", USENIX Security, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names
    >>> from sknamegen.metrics import exposure
    >>> letters = np.random.default_rng(0).choice([*"abcdefghijklmnopqrstuvwxyz"], (1001, 8))
    >>> canary, *others = map("".join, letters)
    >>> vectorizer = CharSequenceVectorizer()
    >>> windows = vectorizer.fit_transform([*load_names("female"), canary])
    >>> generator = CharNGramGenerator().fit(windows)
    >>> exposure(generator, vectorizer.transform([canary]), vectorizer.transform(others)).round(1)
    array([10.])
    """
    fitted(generator)  # raises an error for other objects
    if not len(X_others):
        raise ValueError("X_others must contain at least one name. Got none.")
    scores, others = map(generator.score_samples, (X, X_others))
    ranks = 1 + len(others) - np.searchsorted(np.sort(others), scores)
    return np.log2(len(others) + 1) - np.log2(ranks)


def likely_typos(
    generator: BaseCharGenerator, X: NDArray[Any], y: ArrayLike | None = None
) -> tuple[NDArray[np.float64], list[str]]:
    """Find names that are probably misspelt, and suggest corrections.

    A name is suspicious if a name one edit away is far more probable (noisy channel model [1]_).
    An edit inserts, deletes or replaces a character, or swaps two adjacent characters.

    Parameters
    ----------
    generator : CharLSTMGenerator, CharNGramGenerator or CharAverageGenerator
        A generator fitted to other names of the same kind. It considers its training names correct,
        so use cross-validation, as in the example.
    X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
        Windows of names.
    y : array-like of shape (n_names,), default=None
        Labels of the names, required if the generator was fitted with labels.

    Returns
    -------
    scores : ndarray of shape (n_names,), dtype float64
        Log-likelihood of the correction minus that of the name, in nats. Negative if no name one
        edit away is more probable.
    corrections : list of str
        The most probable name one edit away that uses only the alphabet. Insertions and
        replacements are limited to the eight most promising pairs of a position and a character.

    Notes
    -----
    The function finds unusual spellings of common names, whether intended or not. It flags neither
    rare names without a common neighbour nor typos that result in another common name.

    References
    ----------
    .. [1] M. D. Kernighan, K. W. Church and W. A. Gale, "A Spelling Correction Program Based on a
       Noisy Channel Model", COLING 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import KFold
    >>> from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names
    >>> from sknamegen.metrics import likely_typos
    >>> names = np.array([*load_names("female"), "Marrgaret", "Jessciah"])
    >>> windows, results = CharSequenceVectorizer().fit_transform(names), []
    >>> for train, test in KFold(5, shuffle=True, random_state=0).split(windows):
    ...     generator = CharNGramGenerator().fit(windows[train])
    ...     scores, corrections = likely_typos(generator, windows[test])
    ...     results += zip(scores.tolist(), names[test].tolist(), corrections)
    >>> [(name, correction) for _, name, correction in sorted(results, reverse=True)[:3]]
    [('TEirtza', 'Eirtza'), ('Ariadne', 'Arianne'), ('Elspeth', 'Elsbeth')]
    >>> {name: correction for _, name, correction in results}["Marrgaret"]
    'Margaret'
    """
    corpus = fitted(generator).corpus
    codes, _ = corpus.read(X)
    if codes is None:
        raise ValueError(
            "likely_typos requires windows of names (boundary=True). Got running text."
        )
    if corpus.labels and y is None:
        raise ValueError(
            "y must contain the label of each name, because the generator has labels. Got None."
        )
    names = decode(codes)
    return best_neighbours(fitted(generator), names, corpus.label_indices(y, len(names)))


def ngram_divergence(names: Iterable[str], reference: Iterable[str], n: int = 2) -> float:
    """Compute the divergence between the n-gram distributions of two lists of names.

    Parameters
    ----------
    names, reference : iterable of str
    n : int, default=2
        Length of the n-grams in characters. Unless ``n=1``, the start and the end of a name count
        as characters.

    Returns
    -------
    divergence : float
        The Jensen-Shannon divergence [1]_ of the two distributions, in nats. It is 0 for equal
        distributions, and log(2) = 0.693 if the lists share no n-grams.

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
    frame = FRAME if n > 1 else ("", "")
    counts = []
    for names_of_list in (check_strings("names", names), check_strings("reference", reference)):
        texts = [name.join(frame) for name in names_of_list]
        counts.append(Counter(t[i : i + n] for t in texts for i in range(len(t) - n + 1)))
        if not counts[-1]:
            raise ValueError(
                f"Both lists must contain n-grams of n={n} characters. Got a list without n-grams."
            )
    return _jensen_shannon(*counts)


def length_divergence(names: Iterable[str], reference: Iterable[str]) -> float:
    """Compute the divergence between the length distributions of two lists of names.

    Parameters
    ----------
    names, reference : iterable of str

    Returns
    -------
    divergence : float
        The Jensen-Shannon divergence of the two distributions, in nats. Lengths are measured in
        user-perceived characters (grapheme clusters). See `ngram_divergence`.

    Examples
    --------
    >>> from sknamegen.metrics import length_divergence
    >>> length_divergence(["Anna", "Otto", "Maria"], ["Kurt", "Ida", "Marla"]) < 0.15
    True
    """
    lists = check_strings("names", names), check_strings("reference", reference)
    return _jensen_shannon(*(Counter(map(n_clusters, strings)) for strings in lists))


def expected_novelty(
    generator: BaseCharGenerator,
    X: NDArray[np.integer[Any]],
    temperature: float = 1.0,
    *,
    seed: str | Iterable[str] = "",
    **constraints: Unpack[Constraints],
) -> float:
    """Compute the expected share of new names among the names that a generator samples.

    Parameters
    ----------
    generator : CharLSTMGenerator, CharNGramGenerator or CharAverageGenerator
        A generator fitted to names.
    X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
        Windows of the names that do not count as new, such as the training names.
    temperature : float, default=1.0
        The sampling temperature.
    seed : str or iterable of str, default=""
        The beginning of the names. If there are several seeds, they are equally likely.
    **constraints
        `label`, `min_length`, `max_length`, `top_k`, `top_p`, `pattern` and `banned`, as in
        `sample`.

    Returns
    -------
    novelty : float
        One minus P(X) / P, where P is the probability that a name satisfies the constraints, and
        P(X) is the probability that it is also in X. P(X) is exact. P is estimated as in
        `constraint_probability`, with up to 32,000 draws, until the standard error of the novelty
        is below 0.002.

    Examples
    --------
    >>> from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names
    >>> from sknamegen.metrics import expected_novelty
    >>> windows = CharSequenceVectorizer().fit_transform(load_names("female"))
    >>> generator = CharNGramGenerator().fit(windows)
    >>> [round(expected_novelty(generator, windows, t), 2) for t in (0.5, 1.0, 1.5)]
    [0.25, 0.63, 0.87]
    """
    sampler = _sampler(generator, seed, temperature, constraints)
    names = _names_of(generator, X, sampler)
    if sampler.decoding.temperature == 0:
        rows, columns = np.indices(sampler.label_proba.shape).reshape(2, -1)
        is_new = [name not in names for name in sampler.greedy(rows, sampler.labels[columns])]
        return float(sampler.label_proba.ravel() @ is_new / len(sampler.prefixes))
    mass = np.array([_probability(sampler, names, row) for row in range(len(sampler.prefixes))])
    rng, n = np.random.default_rng(0), 1000
    while True:
        proba, errors = sampler.constraint_probability(n, rng)
        if not proba.all():
            raise sampler.no_match_error(n, int(proba.argmin()))
        error = np.sqrt(np.square(mass / proba**2 * errors).sum()) / len(mass)
        if error < 0.002 or n == 32_000:
            return float((1 - mass / proba).clip(0).mean())
        n = int(min(32_000, 1.2 * n * (error / 0.002) ** 2 + 1))


def constraint_probability(
    generator: BaseCharGenerator,
    temperature: float = 1.0,
    *,
    seed: str = "",
    n_draws: int = 2000,
    random_state: Any = None,
    **constraints: Unpack[Constraints],
) -> tuple[float, float]:
    """Estimate the share of sampled names that satisfy the constraints.

    Parameters
    ----------
    generator : CharLSTMGenerator, CharNGramGenerator or CharAverageGenerator
    temperature : float, default=1.0
        The sampling temperature.
    seed : str, default=""
        The beginning of the names.
    n_draws : int, default=2000
        Number of names to draw, at least 2.
    random_state : int, RandomState, Generator or None, default=None
        An int makes the estimate reproducible.
    **constraints
        `label`, `min_length`, `max_length`, `top_k`, `top_p`, `pattern` and `banned`, as in
        `sample`. The default length limits apply too.

    Returns
    -------
    probability : float
        The share of unconstrained draws that satisfy the constraints, if it is at least a fifth.
        Otherwise, the mean importance weight of names drawn with the lookahead, which also works
        for rare constraints. At temperature 0, it is 0 or 1.
    standard_error : float
        The standard error of `probability`.

    Examples
    --------
    >>> from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names
    >>> from sknamegen.metrics import constraint_probability
    >>> windows = CharSequenceVectorizer().fit_transform(load_names("female"))
    >>> generator = CharNGramGenerator().fit(windows)
    >>> probability, _ = constraint_probability(generator, pattern=".*x.*z.*", random_state=0)
    >>> 5e-5 < probability < 9e-5
    True
    """
    check_str("seed", seed)
    check_int("n_draws", n_draws, 2)
    sampler, rng = _sampler(generator, seed, temperature, constraints), random_state
    probability, error = sampler.constraint_probability(int(n_draws), random_generator(rng))
    return float(probability[0]), float(error[0])


def temperature_for(
    generator: BaseCharGenerator,
    X: NDArray[np.integer[Any]],
    novelty: float,
    *,
    seed: str | Iterable[str] = "",
    **constraints: Unpack[Constraints],
) -> float:
    """Find the temperature at which a given share of the sampled names is new.

    Parameters
    ----------
    generator, X, seed, **constraints
        As in `expected_novelty`.
    novelty : float
        The required share of new names, in (0, 1), met to within 0.001.

    Returns
    -------
    temperature : float
        The temperature. If several temperatures give this share, the one nearest to 1.

    Raises
    ------
    ValueError
        If no temperature gives this novelty.

    Examples
    --------
    >>> from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names
    >>> from sknamegen.metrics import temperature_for
    >>> windows = CharSequenceVectorizer().fit_transform(load_names("female"))
    >>> generator = CharNGramGenerator().fit(windows)
    >>> round(temperature_for(generator, windows, novelty=0.75), 1)
    1.2
    """
    from scipy.optimize import brentq

    check_real("novelty", novelty, "in (0, 1)", lambda n: 0 < n < 1)
    surpluses: dict[float, float] = {}

    def surplus(x: float) -> float:
        if x not in surpluses:
            share = expected_novelty(generator, X, exp(x), seed=seed, **constraints)
            surpluses[x] = share - novelty if abs(share - novelty) > 1e-3 else 0.0
        return surpluses[x]

    # Novelty usually rises with temperature, but it may also fall: near zero, the generator repeats
    # one name, and with a small alphabet, random names may be training names.
    usual_step = log(1.5) if surplus(0.0) < 0 else -log(1.5)
    for step in (usual_step, -usual_step):
        for x in np.arange(8) * step:
            if not surplus(x):
                return exp(x)
            if surplus(x) * surplus(x + step) <= 0:
                return exp(brentq(surplus, x, x + step, xtol=1e-6))
    low, high = min(surpluses.values()) + novelty, max(surpluses.values()) + novelty
    raise ValueError(
        f"novelty must be between {low:.3f} and {high:.3f}, the range found for temperatures from "
        f"{exp(min(surpluses)):.2g} to {exp(max(surpluses)):.2g}. Got {novelty}."
    )


def _sampler(
    generator: BaseCharGenerator, seed: object, temperature: float, constraints: Constraints
) -> Sampler:
    """Return the sampler that `sample` would use."""
    seeds = check_seeds(seed)
    if not seeds:
        raise ValueError(f"seed must contain at least one beginning of names. Got {seed!r}.")
    return fitted(generator).sampler(seeds, temperature, **constraints)


def _probability(sampler: Sampler, names: list[str], row: int) -> float:
    """Return the probability that the sampler draws one of `names` for the prefix of a row."""

    def log_proba(block: Sequences) -> Any:
        targets = block.targets[block.has_target]
        by_target = sampler.decoding.log_proba(sampler.model.logits(block), targets)
        name_indices = np.repeat(block.name_index, block.has_target.sum(1))
        return np.bincount(name_indices, by_target, minlength=len(names))

    total, names = 0.0, [name for name in names if name.startswith(sampler.prefixes[row])]
    if not names:
        return total
    for label, share in zip(sampler.labels.tolist(), sampler.label_proba[row], strict=True):
        blocks = sampler.sequences(names, row, label).blocks(len(sampler.corpus.alphabet))
        total += share * np.exp(sum(parallel_map(log_proba, zip(blocks)))).sum()
    return total


def _names_of(generator: BaseCharGenerator, X: NDArray[Any], sampler: Sampler) -> list[str]:
    """Return the distinct names in X that the sampler can generate."""
    codes, _ = read_windows(check_windows(X, generator.window_length_))
    if codes is None or generator.max_length_ is None:
        raise ValueError(
            "expected_novelty and temperature_for require windows of names (boundary=True) and a "
            "generator fitted to names."
        )
    characters, accepts = sampler.corpus.alphabet.index.keys(), sampler.constraint.accepts_name
    return [name for name in sorted({*decode(codes)}) if characters >= {*name} and accepts(name)]


def _jensen_shannon(p: Counter[Any], q: Counter[Any]) -> float:
    from scipy.spatial.distance import jensenshannon  # slow to import

    keys = sorted(p.keys() | q.keys())
    distance = jensenshannon([p[key] for key in keys], [q[key] for key in keys])
    return float(distance**2)
