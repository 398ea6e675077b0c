"""The cache is bounded in bytes and evicts the least recently used value."""

import weakref

import pytest
from conftest import ngram_pipeline, small_pipeline

from sknamegen._sampling import sampler
from sknamegen._sampling.cache import MAX_BYTES, Cache
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
def test_many_constraints_stay_within_the_limit(names, make_pipe, monkeypatch):
    """N-grams are computed once per temperature, for all constraints."""
    calls, ngrams = [], sampler.Sampler._ngrams
    monkeypatch.setattr(sampler.Sampler, "_ngrams", lambda *args: calls.append(1) or ngrams(*args))
    generator = make_pipe().fit(names)[-1]
    cache, references = generator._fitted.cache, set()
    for letters in ("xz", "vy", "kw"):
        options = {"pattern": f".*{letters[0]}.*{letters[1]}.*(a|e|i).*", "max_length": 20}
        generator.sample(random_state=0, **options)
        lookaheads = [value for value in cache._values.values() if isinstance(value, Lookahead)]
        references.update(map(weakref.ref, lookaheads))
    assert len(calls) == 1
    assert 0 < cache.nbytes <= MAX_BYTES
    assert len(references) >= 2
    del lookaheads
    cache._values.clear()
    assert not any(reference() for reference in references)  # lookaheads are in no reference cycle
