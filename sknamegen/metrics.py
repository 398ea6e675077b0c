"""Figures about names: how new they are, how like a list, how rare a constraint is."""

from collections import Counter
from collections.abc import Iterable
from math import exp, log
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

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

# Pairs of names compared at a time.
_BLOCK_PAIRS = 2**24


def novelty(names: Iterable[str], training_names: Iterable[str]) -> float:
    """Compute the share of the names that is not in the training list.

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
    names = check_strings("names", names)
    known = set(check_strings("training_names", training_names))
    return sum(name not in known for name in names) / len(names)


def uniqueness(names: Iterable[str]) -> float:
    """Compute the number of different names over the number of names.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    uniqueness : float
        In (0, 1]: 1 if no two are alike.

    Examples
    --------
    >>> from sknamegen.metrics import uniqueness
    >>> uniqueness(["Anna", "Annia", "Marla", "Marla"])
    0.75
    """
    names = check_strings("names", names)
    return len(set(names)) / len(names)


def odd_shapes(names: Iterable[str], training_names: Iterable[str]) -> list[str]:
    """Find the names of a shape that no training name has.

    The shape of a name is the runs of Unicode's general categories in it: "McLeod" is a capital,
    small letters, a capital, small letters. Marks belong to what they stand behind.

    Parameters
    ----------
    names, training_names : iterable of str

    Returns
    -------
    odd : list of str
        In their order, as often as they stand in `names`.

    See Also
    --------
    shape_novelty : How many they are.

    Examples
    --------
    >>> from sknamegen.metrics import odd_shapes
    >>> odd_shapes(["McAnna", "SalvaBrini", "gInoni", "Ivo"], ["Anna", "McLeod", "Mia"])
    ['gInoni']
    """
    given = list(names) if not isinstance(names, str) else names
    names = check_strings("names", given)
    known = set(map(shape, check_strings("training_names", training_names)))
    return [own for own, name in zip(given, names, strict=True) if shape(name) not in known]


def shape_novelty(names: Iterable[str], training_names: Iterable[str]) -> float:
    """Compute the share of the names whose shape no training name has.

    Where shapes are as in "MacLeod" or "de la Cruz", real names have new ones, too: compare with
    the share among names that were held out.

    Parameters
    ----------
    names, training_names : iterable of str

    Returns
    -------
    share : float
        Between 0 and 1.

    See Also
    --------
    odd_shapes : Which names these are, and what a shape is.

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
    """Find the training name that is most like each name.

    Parameters
    ----------
    names, training_names : iterable of str

    Returns
    -------
    nearest : list of str
        For each name the first of the training names at the least distance.
    distances : ndarray of shape (n_names,), dtype int64
        The Levenshtein distance: how many characters have to be inserted, deleted or
        replaced to get from one to the other [1]_.

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
    """Choose names that are unlike each other, and unlike those of a list.

    The first name is taken, then each that is far enough from all that were taken; so put the best
    ones first.

    Parameters
    ----------
    names : iterable of str
    n : int, default=None
        How many to choose; None: all that are far enough.
    min_distance : int, default=2
        The Levenshtein distance that any two have at least, whatever their case; see
        `nearest_training_name`.
    away_from : iterable of str, default=()
        Names that all must be as far from, such as the training list.

    Returns
    -------
    chosen : list of str
        In their order; fewer than n if there are no more.

    Raises
    ------
    ImportError
        If the package rapidfuzz, which computes the distances, is not installed.

    Examples
    --------
    >>> from sknamegen.metrics import far_apart
    >>> far_apart(["Velora", "Velara", "Lumina", "Lumena", "Aster"], away_from=["Astra"], n=2)
    ['Velora', 'Lumina']
    """
    given = list(names) if not isinstance(names, str) else names
    names = check_strings("names", given)
    check_int("min_distance", min_distance, 1)
    if n is not None:
        check_int("n", n, 1)
    others = check_strings("away_from", away_from, may_be_empty=True)
    taken = [other.casefold() for other in others]
    process, distance = _rapidfuzz("far_apart")
    chosen: list[str] = []
    for own, name in zip(given, names, strict=True):
        if len(chosen) == n:
            break
        folded = name.casefold()
        options: Any = {"scorer": distance, "score_cutoff": min_distance - 1}
        if process.extractOne(folded, taken, processor=None, **options) is None:  # none is near
            chosen.append(own)
            taken.append(folded)
    return chosen


def _rapidfuzz(user: str) -> tuple[Any, Any]:
    """Return rapidfuzz's module for many names, and its Levenshtein distance."""
    try:
        from rapidfuzz import process
        from rapidfuzz.distance import Levenshtein
    except ImportError as error:
        raise missing_package(user, "rapidfuzz", "metrics") from error
    return process, Levenshtein.distance


def membership_auc(
    generator: BaseCharGenerator, X: NDArray[Any], X_held_out: NDArray[Any]
) -> tuple[float, float]:
    """Compute how well a name's likelihood tells whether the generator has learned it.

    Parameters
    ----------
    generator : CharLSTMGenerator, CharNGramGenerator or CharAverageGenerator
    X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
        Windows of names that it has learned.
    X_held_out : ndarray of shape (n_held_out, n_positions, window_length + 1), dtype int
        Windows of names of the same kind that it has not.

    Returns
    -------
    auc : float
        The probability that a name it has learned is more probable, per character, than one that
        it has not: 0.5 if nothing can be told, 1 if all can.
    error : float
        Its standard error, by DeLong's method [1]_.

    Notes
    -----
    A value of 0.5 is no certificate: one name may be known by heart where most are not, and the
    hashes that ``novel=True`` uses tell for certain whether a name was in the list.

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
    check_is_fitted(generator)
    rates = []
    for name, windows in (("X", X), ("X_held_out", X_held_out)):
        windows = check_windows(windows, generator.window_length_)
        if len(windows) < 2:
            raise ValueError(f"{name} must hold at least two names. Got {len(windows)}.")
        n_characters = np.count_nonzero(windows[..., -1], axis=1)
        rates.append(generator.score_samples(windows) / np.maximum(n_characters, 1))
    places = []  # of each name, the share of the others that is below it
    for own, others in (rates, rates[::-1]):
        others = np.sort(others)
        below = [np.searchsorted(others, own, side) for side in ("left", "right")]
        places.append(np.mean(below, axis=0) / len(others))
    variance = sum(float(np.var(each, ddof=1)) / len(each) for each in places)
    return float(places[0].mean()), float(variance**0.5)


def exposure(
    generator: BaseCharGenerator, X: NDArray[Any], X_others: NDArray[Any]
) -> NDArray[np.float64]:
    """Compute how far planted names stand out among those that might have been planted.

    To see what a model would give away, invent some strings of one form, such as random letters,
    put a few of them into the list before `fit`, and compare them with the rest.

    Parameters
    ----------
    generator : CharLSTMGenerator, CharNGramGenerator or CharAverageGenerator
    X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
        Windows of the planted names, the "canaries".
    X_others : ndarray of shape (n_others, n_positions, window_length + 1), dtype int
        Windows of names of the same form that were not planted: all of them, or some drawn at
        random.

    Returns
    -------
    exposure : ndarray of shape (n_names,), dtype float64
        In bits, ``log2(n_others + 1) - log2(rank)``, by the definition of [1]_: the rank of a
        planted name is 1 if none of the others is as probable. It is 1.44 on average where nothing
        is given away, and ``log2(n_others + 1)`` where a name is found by the model alone.

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
    check_is_fitted(generator)
    if not len(X_others):
        raise ValueError("X_others must hold at least one name. Got none.")
    found, others = map(generator.score_samples, (X, X_others))
    ranks = 1 + len(others) - np.searchsorted(np.sort(others), found)
    return np.log2(len(others) + 1) - np.log2(ranks)


def likely_typos(
    generator: BaseCharGenerator, X: NDArray[Any], y: ArrayLike | None = None
) -> tuple[NDArray[np.float64], list[str]]:
    """Find names that are probably mistyped, and what was probably meant.

    A name is suspicious if another one that is one edit away is far more probable: a letter put
    in, left out or replaced, or two neighbours that change places (the noisy channel [1]_).

    Parameters
    ----------
    generator : CharLSTMGenerator, CharNGramGenerator or CharAverageGenerator
        Fitted to other names of the same kind. It takes for right what it has learned, so learn in
        folds: see Examples.
    X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
        Windows of names.
    y : array-like of shape (n_names,), default=None
        Their labels, if the generator has learned with labels.

    Returns
    -------
    scores : ndarray of shape (n_names,), dtype float64
        How much more probable the correction is than the name, in nats; negative where no name
        nearby is more probable.
    corrections : list of str
        The most probable name that is one edit away, of the letters of the alphabet. Of those to
        put in, only the eight places and letters are tried that gain most by themselves.

    Notes
    -----
    It finds odd spellings beside usual ones, whether they were meant or not: a rare name that is
    nobody's neighbour is not suspicious, and a typo that makes another usual name is not found.

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
    >>> windows, found = CharSequenceVectorizer().fit_transform(names), []
    >>> for others, fold in KFold(5, shuffle=True, random_state=0).split(windows):
    ...     generator = CharNGramGenerator().fit(windows[others])
    ...     scores, corrections = likely_typos(generator, windows[fold])
    ...     found += zip(scores.tolist(), names[fold].tolist(), corrections)
    >>> [(name, correction) for _, name, correction in sorted(found, reverse=True)[:3]]
    [('TEirtza', 'Eirtza'), ('Ariadne', 'Arianne'), ('Elspeth', 'Elsbeth')]
    >>> {name: correction for _, name, correction in found}["Marrgaret"]
    'Margaret'
    """
    corpus = fitted(generator).corpus
    codes, _ = corpus.read(X)
    if codes is None:
        raise ValueError("likely_typos needs windows of names (boundary=True). Got running text.")
    if corpus.labels and y is None:
        raise ValueError("y must hold the label of each name, as the generator has learned labels.")
    names = decode(codes)
    return best_neighbours(fitted(generator), names, corpus.label_indices(y, len(names)))


def ngram_divergence(names: Iterable[str], reference: Iterable[str], n: int = 2) -> float:
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
    frame = FRAME if n > 1 else ("", "")
    counts = []
    for found in (check_strings("names", names), check_strings("reference", reference)):
        texts = [name.join(frame) for name in found]
        counts.append(Counter(t[i : i + n] for t in texts for i in range(len(t) - n + 1)))
        if not counts[-1]:
            raise ValueError(
                f"Both lists must hold an n-gram of n={n} characters. Got none in one."
            )
    return _jensen_shannon(*counts)


def length_divergence(names: Iterable[str], reference: Iterable[str]) -> float:
    """Compute how far the lengths of two lists of names are apart.

    Parameters
    ----------
    names, reference : iterable of str

    Returns
    -------
    divergence : float
        The Jensen-Shannon divergence of the distributions of lengths, in characters as people
        count them, in nats; see `ngram_divergence`.

    Examples
    --------
    >>> from sknamegen.metrics import length_divergence
    >>> length_divergence(["Anna", "Otto", "Maria"], ["Kurt", "Ida", "Marla"]) < 0.15
    True
    """
    lists = check_strings("names", names), check_strings("reference", reference)
    return _jensen_shannon(*(Counter(map(n_clusters, found)) for found in lists))


def expected_novelty(
    generator: BaseCharGenerator,
    X: NDArray[np.integer[Any]],
    temperature: float = 1.0,
    *,
    seed: str | Iterable[str] = "",
    **constraints: Unpack[Constraints],
) -> float:
    """Compute the share of the names that a generator writes that will be new.

    Parameters
    ----------
    generator : CharLSTMGenerator, CharNGramGenerator or CharAverageGenerator
        Fitted to names.
    X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
        Windows of the names that are not new.
    temperature : float, default=1.0
        At which the names are written.
    seed : str or iterable of str, default=""
        What the names begin with; with several seeds, each is as frequent.
    **constraints
        `label`, `min_length`, `max_length`, `top_k`, `top_p`, `pattern` and `banned`, as in
        `sample`.

    Returns
    -------
    novelty : float
        One minus the sum of the probabilities of the different names in X that fit, over the
        probability of all names that fit. The latter is estimated, as by `constraint_probability`,
        until the standard error of the novelty is below 0.002 (or 32,000 names were drawn);
        all else is exact.

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
            raise sampler.nothing_fits(n, int(proba.argmin()))
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
    """Estimate the share of the names that a generator writes which fit what is asked for.

    Parameters
    ----------
    generator : CharLSTMGenerator, CharNGramGenerator or CharAverageGenerator
    temperature : float, default=1.0
        At which the names are written.
    seed : str, default=""
        What the names begin with.
    n_draws : int, default=2000
        Names to draw, at least 2.
    random_state : int, RandomState, Generator or None, default=None
        An int gives the same estimate each time.
    **constraints
        `label`, `min_length`, `max_length`, `top_k`, `top_p`, `pattern` and `banned`, as in
        `sample`; the default lengths count too.

    Returns
    -------
    probability : float
        The share of names drawn as they come, if a fifth of them fit; elsewhere the mean
        importance weight of names drawn towards the constraint, so that rare ones can be told
        as well. At temperature 0: 1 or 0.
    standard_error : float

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
    """Find the temperature at which a share of the names that a generator writes is new.

    Parameters
    ----------
    generator, X, seed, **constraints
        As in `expected_novelty`.
    novelty : float
        The share in (0, 1) to be reached, within 0.001.

    Returns
    -------
    temperature : float
        The one nearest to 1.

    Raises
    ------
    ValueError
        If no temperature gives that novelty.

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

    # The novelty need not grow with the temperature: near zero, all names are one, which is new or
    # is not, and with few characters random names may be training names. So temperatures are tried
    # in the direction that usually helps, then in the other.
    usual = log(1.5) if surplus(0.0) < 0 else -log(1.5)
    for step in (usual, -usual):
        for x in np.arange(8) * step:
            if not surplus(x):
                return exp(x)
            if surplus(x) * surplus(x + step) <= 0:
                return exp(brentq(surplus, x, x + step, xtol=1e-6))
    seen = surpluses.values()
    raise ValueError(
        f"novelty must be one that temperatures from {exp(min(surpluses)):.2g} to "
        f"{exp(max(surpluses)):.2g} give, {min(seen) + novelty:.3f} to {max(seen) + novelty:.3f} "
        f"where they were tried. Got {novelty}."
    )


def _sampler(
    generator: BaseCharGenerator, seed: object, temperature: float, constraints: Constraints
) -> Sampler:
    """Return what writes names as `sample` would."""
    seeds = check_seeds(seed)
    if not seeds:
        raise ValueError(f"seed must hold at least one beginning of names. Got {seed!r}.")
    return fitted(generator).sampler(seeds, temperature, **constraints)


def _probability(sampler: Sampler, names: list[str], row: int) -> float:
    """Return the probability that one of the names is written after the prefix of a row."""

    def log_proba(block: Sequences) -> Any:
        targets = block.targets[block.has_target]
        by_target = sampler.decoding.log_proba(sampler.model.logits(block), targets)
        owners = np.repeat(block.name_index, block.has_target.sum(1))
        return np.bincount(owners, by_target, minlength=len(names))

    total, names = 0.0, [name for name in names if name.startswith(sampler.prefixes[row])]
    if not names:
        return total
    for label, share in zip(sampler.labels.tolist(), sampler.label_proba[row], strict=True):
        blocks = sampler.sequences(names, row, label).blocks(len(sampler.corpus.alphabet))
        total += share * np.exp(sum(parallel_map(log_proba, zip(blocks)))).sum()
    return total


def _names_of(generator: BaseCharGenerator, X: NDArray[Any], sampler: Sampler) -> list[str]:
    """Return the different names in windows of names that the sampler may write."""
    codes, _ = read_windows(check_windows(X, generator.window_length_))
    if codes is None or generator.max_length_ is None:
        raise ValueError(
            "expected_novelty and temperature_for need windows of names (boundary=True) and a "
            "generator fitted to names."
        )
    letters, accepts = sampler.corpus.alphabet.index.keys(), sampler.constraint.accepts_name
    return [name for name in sorted({*decode(codes)}) if letters >= {*name} and accepts(name)]


def _jensen_shannon(p: Counter[Any], q: Counter[Any]) -> float:
    from scipy.spatial.distance import jensenshannon  # which takes long to import

    keys = sorted(p.keys() | q.keys())
    distance = jensenshannon([p[key] for key in keys], [q[key] for key in keys])
    return float(distance**2)
