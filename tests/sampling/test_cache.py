"""The cache is bounded in bytes and evicts the least recently used value."""

import tracemalloc
from types import SimpleNamespace

import pytest
from conftest import ngram_pipeline, small_pipeline

from sknamegen._sampling.cache import Cache


def test_least_recently_used_value_is_evicted():
    cache, computed = Cache(10_000), []

    def get(key, nbytes=4000):
        return cache.get(key, lambda: computed.append(key) or SimpleNamespace(nbytes=nbytes))

    first = get("a")
    get("b")
    assert get("a") is first
    get("c")  # evicts "b"
    assert (get("a"), computed) == (first, ["a", "b", "c"])
    get("b")
    assert computed == ["a", "b", "c", "b"]
    assert 8000 < cache.nbytes < 8200  # with the keys
    large = get("large", 11_000)  # neither cached nor a reason to evict
    assert get("large", 11_000) is not large
    assert 8000 < cache.nbytes < 8200


def test_memory_of_a_guide_is_counted(names):
    generator = small_pipeline().fit(names)[-1]
    tracemalloc.start()
    generator.sample(pattern="[A-D].*x.*x.*", random_state=0)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.8 * held < generator._fitted.cache.nbytes < 1.2 * held


@pytest.mark.full
@pytest.mark.parametrize("option", ["words", "banned", "pattern"])
def test_constraints_of_each_call_stay_within_the_limit(names, option, monkeypatch):
    """A server may pass another constraint with each call."""
    generator = ngram_pipeline().fit(names)[-1]
    cache = generator._fitted.cache
    monkeypatch.setattr(cache, "max_bytes", 3_000_000)
    tracemalloc.start()
    for number in range(9):
        others = [f"{number} {i}" for i in range(5000)]
        values = {"words": [*names, *others], "banned": others}
        values["pattern"] = f".*({'abcdefghijkl'[number]}|n.{{6}}|a.{{7}})"
        generator.sample(random_state=0, max_length=20, **{option: values[option]})
        if number == 5:
            half, _ = tracemalloc.get_traced_memory()
    assert cache.nbytes <= 3_000_000
    assert tracemalloc.get_traced_memory()[0] < half + 1_000_000
    tracemalloc.stop()


@pytest.mark.full
def test_lookaheads_of_all_constraints_are_learned_from_the_same_source(names, make_pipe):
    generator, sources = make_pipe().fit(names)[-1], set()
    for letters in ("xz", "vy"):
        generator.sample("", 0.4, 1, pattern=".*{}.*{}.*".format(*letters), random_state=0)
        for key, (value, _) in generator._fitted.cache._entries.items():
            if isinstance(key, tuple) and key[0] in ("ngrams", "steps"):
                sources.add(id(value))
    assert len(sources) == 1
