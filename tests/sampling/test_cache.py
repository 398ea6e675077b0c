"""The cache is bounded in bytes and evicts the least recently used value."""

import weakref

import numpy as np
import pytest
from conftest import ngram_pipeline, small_pipeline

from sknamegen._sampling.cache import MAX_BYTES, Cache
from sknamegen._sampling.contexts import ContextAutomaton
from sknamegen._sampling.lookahead import Lookahead


class Value:
    def __init__(self, nbytes):
        self.nbytes = nbytes


def test_least_recently_used_value_is_evicted():
    cache, computed = Cache(10), []

    def get(key, nbytes=4):
        return cache.get(key, lambda: computed.append(key) or Value(nbytes))

    first = get("a")
    get("b")
    assert get("a") is first
    get("c")  # evicts "b"
    assert (get("a"), computed) == (first, ["a", "b", "c"])
    get("b")
    assert computed == ["a", "b", "c", "b"]
    assert cache.nbytes == 8
    large = get("large", 11)  # neither cached nor a reason to evict
    assert get("large", 11) is not large
    assert cache.nbytes == 8


@pytest.mark.parametrize("make_pipe", [small_pipeline, ngram_pipeline], ids=["lstm", "ngram"])
def test_many_constraints_stay_within_the_limit(names, make_pipe):
    """What the lookaheads are learned from is computed once for all constraints."""
    generator = make_pipe().fit(names)[-1]
    cache, references, sources = generator._fitted.cache, set(), set()
    for letters in ("xz", "vy", "kw"):
        options = {"pattern": f".*{letters[0]}.*{letters[1]}.*(a|e|i).*", "max_length": 20}
        generator.sample(random_state=0, **options)
        values = list(cache._values.values())
        references |= {weakref.ref(value) for value in values if isinstance(value, Lookahead)}
        learned_from = np.ndarray | ContextAutomaton
        sources |= {id(value) for value in values if isinstance(value, learned_from)}
    assert len(sources) == 1
    assert 0 < cache.nbytes <= MAX_BYTES
    assert len(references) >= 2
    del values
    cache._values.clear()
    assert not any(reference() for reference in references)  # lookaheads are in no reference cycle
