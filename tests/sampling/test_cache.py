"""What is kept for further calls: bounded in bytes, the least recently used goes."""

import weakref

import pytest
from conftest import ngram_pipeline, small_pipeline

from sknamegen._sampling import sampler
from sknamegen._sampling.cache import MAX_BYTES, Cache
from sknamegen._sampling.lookahead import Lookahead


class Value:
    def __init__(self, nbytes):
        self.nbytes = nbytes


def test_the_least_recently_used_goes():
    cache, made = Cache(10), []

    def get(key, nbytes=4):
        return cache.get(key, lambda: made.append(key) or Value(nbytes))

    first = get("a")
    get("b")
    assert get("a") is first
    get("c")  # for which "b" goes
    assert (get("a"), made) == (first, ["a", "b", "c"])
    get("b")
    assert made == ["a", "b", "c", "b"]
    assert cache.nbytes == 8
    large = get("large", 11)  # is not kept, and nothing goes for it
    assert get("large", 11) is not large
    assert cache.nbytes == 8


@pytest.mark.parametrize("make_pipe", [small_pipeline, ngram_pipeline], ids=["lstm", "ngram"])
def test_many_constraints_stay_within_bounds(names, make_pipe, monkeypatch):
    """And a network learns n-grams only once for a temperature, whatever the constraints."""
    learned, learn = [], sampler.Sampler._learn_ngrams
    monkeypatch.setattr(
        sampler.Sampler, "_learn_ngrams", lambda *args: learned.append(1) or learn(*args)
    )
    generator = make_pipe().fit(names)[-1]
    cache, dropped = generator._fitted.cache, set()
    for letters in ("xz", "vy", "kw"):
        options = {"pattern": f".*{letters[0]}.*{letters[1]}.*(a|e|i).*", "max_length": 20}
        generator.sample(random_state=0, **options)
        lookaheads = [value for value in cache._kept.values() if isinstance(value, Lookahead)]
        dropped.update(map(weakref.ref, lookaheads))
    assert len(learned) == (1 if make_pipe is small_pipeline else 0)
    assert 0 < cache.nbytes <= MAX_BYTES
    assert len(dropped) >= 2
    del lookaheads
    cache._kept.clear()
    assert not any(reference() for reference in dropped)  # they are in no cycle
