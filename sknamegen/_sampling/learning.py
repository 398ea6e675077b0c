"""Learn to draw names that satisfy a constraint, if a model rarely generates them.

The lookahead must describe names that satisfy the constraint. It is learned in rounds: first from
unconstrained names, then also from prefixes that a search expands and from those in the beams of
earlier rounds with a large error. The search and the first round trust the lookahead less. So they
find names that it does not expect.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from .cache import MAX_BYTES, Cache
from .constraint import Constraint
from .contexts import ContextAutomaton
from .decoding import Decoding, draw
from .distribution import CONTEXT_LENGTH, NameDistribution, Steps
from .guide import BEAM_SIZE, MAX_ROUNDS, N_EXTRA, Found, Guide, WeightedPool, no_match_error
from .lookahead import Lookahead
from .search import MAX_STATES, Search

# Number of unconstrained characters to learn from.
_N_CHARACTERS = 8_000
# Order of the n-grams that guide the search.
_SEARCH_ORDER = 4
# Another seed than callers pass, because draws must be independent of the names found.
_SEED = 0, 1
# Minimum temperature at which names are drawn. At lower temperatures, draws would miss names that
# the lookahead does not expect.
_MIN_TEMPERATURE = 0.35
# Number of prefixes that a search expands, divided by the square of temperatures below 1, where
# single names are most probable.
_N_EXPANDED = 2048
# Exponent of the lookahead in the search and in the first round. With 1, probable names would be
# missed whose beginnings are not known yet.
_TRUST = 0.6
# Probability of all other names, relative to the names found, that is negligible.
_NEGLIGIBLE = 1e-3
# Maximum relative standard error of the probability of all names in two consecutive rounds, and
# maximum relative change between them.
_MAX_ERROR = 0.2


def learn_guide(source: NameDistribution, possible: Lookahead, cache: Cache) -> Guide | None:
    """Return a guide as soon as the estimates of two consecutive rounds agree.

    Parameters
    ----------
    source : NameDistribution
    possible : Lookahead
        Which prefixes can be completed.
    cache : Cache
        Stores what lookaheads are learned from.

    Returns
    -------
    guide : Guide or None
        None if names are so rare that no round was good enough.

    Raises
    ------
    ValueError
        If top_k, top_p or min_p leave no name.
    """
    target, prefixes = source.decoding, source.prefixes
    varied = source.at(max(target.temperature, _MIN_TEMPERATURE))
    is_learned = source.model.as_ngrams is None
    known = None if is_learned else lookahead_of(varied, possible, cache)
    learn = partial(_learn_lookahead, varied, possible, cache)
    n_prefixes = min(len(prefixes), BEAM_SIZE // N_EXTRA)
    chosen = np.arange(n_prefixes) * len(prefixes) // n_prefixes
    found, steps, rng = Found(), list[Steps](), np.random.default_rng(_SEED)
    if n_prefixes == 1 and not source.corpus.is_text:
        ahead = known or learn(steps, _SEARCH_ORDER)
        found = _search(source, ahead.trusted(_TRUST), steps)
    lookahead = known or learn(steps)
    totals_before, error_before = np.zeros(n_prefixes), np.inf
    for number in range(MAX_ROUNDS):
        trusted = lookahead if number or not is_learned else lookahead.trusted(_TRUST)
        guide = Guide(varied, target, trusted, found)
        pools = [WeightedPool(found) for _ in prefixes]
        sizes = np.zeros(len(prefixes), dtype=np.int64)
        sizes[chosen] = guide.sizes(np.array(BEAM_SIZE // n_prefixes))
        steps += guide.draw(pools, sizes, 1, rng, recorded=is_learned)
        totals, errors = np.transpose([pools[index].probability() for index in chosen.tolist()])
        with np.errstate(divide="ignore", invalid="ignore"):  # no names were found
            error = float(np.linalg.norm(errors / totals)) / n_prefixes
            change = abs((totals_before / totals).mean() - 1)
        if n_prefixes == 1:
            found = pools[0].known
        if max(error, error_before, change) <= _MAX_ERROR:
            rest = 1 - np.exp([*found.values()]).sum() / totals[0]
            error, is_complete = change if is_learned else 0.0, rest < _NEGLIGIBLE
            return Guide(varied, target, lookahead, found, is_complete, error)
        totals_before, error_before = totals, error
        if is_learned and number and not error <= _MAX_ERROR:
            lookahead = learn(steps)
    if not totals.all() and target != Decoding(target.temperature):
        raise no_match_error(prefixes[chosen[int(totals.argmin())]])
    return None


def lookahead_of(source: NameDistribution, possible: Lookahead, cache: Cache) -> Lookahead:
    """Return the lookahead of an n-gram model, or one learned from names at temperature 1.

    Only the former is cached: it is part of all guides.
    """
    if (ngrams := source.model.as_ngrams) is None:
        return _learn_lookahead(source, possible, cache, [])
    estimate = partial(ContextAutomaton.from_ngrams, ngrams)
    contexts = cache.get(("ngrams", source.key), estimate)
    return cache.get(
        (source.decoding, source.key, possible.constraint),
        lambda: possible.weighted(contexts.decoded(source.decoding)),
    )


def _learn_lookahead(
    source: NameDistribution,
    possible: Lookahead,
    cache: Cache,
    steps: Sequence[Steps],
    order: int = CONTEXT_LENGTH + 1,
) -> Lookahead:
    """Return the lookahead of n-grams, learned from unconstrained names and more steps."""
    free_steps = cache.get(("steps", source.key), partial(_free_steps, source))
    all_steps = np.concatenate([free_steps, *steps])
    contexts, proba = all_steps["contexts"], source.decoding.probabilities(all_steps["logits"])
    characters, _ = draw(proba, np.random.default_rng(0).random(len(proba)))
    kinds, n_characters = source.corpus.alphabet.kinds, proba.shape[1]
    starts = np.repeat(kinds[n_characters], len(source.labels))  # one for each label
    kinds = np.concatenate([kinds[:n_characters], starts, kinds[n_characters:]])
    automaton = ContextAutomaton.learn(contexts, characters, kinds, proba)
    return possible.weighted(automaton.truncated(order))


def _free_steps(source: NameDistribution) -> Steps:
    """Draw unconstrained names at temperature 1, and return their steps.

    Running text begins with any character.
    """
    corpus = source.corpus
    # The logits take at most a quarter of the cache.
    n_characters = min(_N_CHARACTERS, MAX_BYTES // 16 // len(corpus.alphabet))
    prefixes, constraint = list(corpus.alphabet.index), Constraint(64, 64)
    if corpus.max_length_ is not None:
        prefixes, constraint = [""], Constraint(0, min(4 * corpus.max_length_ + 1, 256))
    shares = np.ones(1) if len(source.labels) == 1 else corpus.label_shares[source.labels]
    label_proba = np.tile(shares, (len(prefixes), 1))
    free = source._replace(prefixes=prefixes, label_proba=label_proba, decoding=Decoding())
    possible = Lookahead.possible(corpus.alphabet, constraint)
    n_names = 2 * n_characters // (corpus.max_length_ or 2 * constraint.max_length) + 1
    rng = np.random.default_rng(0)
    rows = rng.integers(len(prefixes), size=n_names)
    draws = free.reading_on().draw(rows, rng, possible, recorded=True)
    return np.concatenate(draws.steps)


def _search(source: NameDistribution, lookahead: Lookahead, steps: list[Steps]) -> Found:
    """Return probable names with the logs of their probabilities, and append to the steps."""
    found, search = Found(), Search(source, lookahead, np.log(source.label_proba[0]), steps)
    n_expanded = min(_N_EXPANDED / min(source.decoding.temperature, 1) ** 2, MAX_STATES)
    n_expanded /= len(source.labels) ** 0.5
    while search.best > -np.inf and len(search.expanded) < n_expanded:
        names, joints = search.step()
        rows, columns = np.nonzero(joints > -np.inf)
        keys = zip((names[row] for row in rows), columns.tolist(), strict=True)
        found |= zip(keys, joints[rows, columns].tolist(), strict=True)
    return found
