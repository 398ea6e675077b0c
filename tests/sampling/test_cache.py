"""What is kept for further calls: bounded in bytes, the least recently used goes."""

import gc
import weakref

import numpy as np
import pytest
from conftest import ngram_pipeline, small_pipeline

from sknamegen._sampling.cache import MAX_BYTES, Cache


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
def test_many_constraints_stay_within_bounds(names, make_pipe):
    generator = make_pipe().fit(names)[-1]
    dropped = []
    for temperature in (0.5, 0.8, 1.0):
        for letters in ("xz", "ne", "kw", "vy", "ri"):
            asked = {"pattern": f".*{letters[0]}.*{letters[1]}.*(a|e|i).*", "max_length": 20}
            generator.sample(temperature=temperature, random_state=0, **asked)
            dropped += map(weakref.ref, generator._cache._kept.values())
    assert 0 < generator._cache.nbytes <= MAX_BYTES
    generator._cache._kept.clear()
    assert gc.isenabled()
    assert not [each for each in dropped if each() is not None]  # nothing refers back


@pytest.mark.parametrize("make_pipe", [small_pipeline, ngram_pipeline], ids=["lstm", "ngram"])
def test_a_stream_of_text_goes_on_from_its_state(names, make_pipe, monkeypatch):
    generator = make_pipe(window_length=5, boundary=False).fit([" ".join(names)])[-1]
    starts, start = [], generator._model.start
    monkeypatch.setattr(generator._model, "start", lambda *a: starts.append(len(a[0])) or start(*a))
    expected = generator.sample("Ma", max_length=400, random_state=0)
    n_starts = len(starts)
    assert "Ma" + "".join(generator.stream("Ma", max_length=400, random_state=0)) == expected
    # The LSTM reads its window anew behind its fifth character, no more than `sample` does.
    assert len(starts) == 2 * n_starts
    assert np.max(starts) == 1
