import sys
from functools import partial

import numpy as np
import pytest
from conftest import ngram_pipeline
from hypothesis import given, settings
from hypothesis import strategies as st

from sknamegen import CharSequenceVectorizer, load_names
from sknamegen.metrics import (
    constraint_probability,
    nearest_training_name,
    novelty,
    uniqueness,
)

some_names = st.lists(st.text("abcé", max_size=6), min_size=1, max_size=20)


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


@settings(max_examples=100)
@given(some_names, some_names)
def test_metrics_match_slow_definitions(names, reference):
    assert novelty(names, reference) == np.mean([name not in reference for name in names])
    assert uniqueness(names) == len(set(names)) / len(names)
    nearest, distances = nearest_training_name(names, reference)
    for name, neighbour, distance in zip(names, nearest, distances, strict=True):
        assert distance == min(edit_distance(name, other) for other in reference)
        assert edit_distance(name, neighbour) == distance


def test_nearest_names_in_blocks(monkeypatch):
    names, others = load_names("male")[::40], load_names("female")[::40]
    expected = nearest_training_name(names, others)
    monkeypatch.setattr("sknamegen._parallel.BLOCK_CELLS", 1000)
    nearest = nearest_training_name(iter(names), tuple(others))
    assert nearest[0] == expected[0]
    np.testing.assert_array_equal(nearest[1], expected[1])


def test_without_rapidfuzz(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidfuzz", None)
    with pytest.raises(ImportError, match=r"rapidfuzz. In a clone of sknamegen, run pip install"):
        nearest_training_name(["a"], ["b"])


@pytest.mark.parametrize("names", ["Anna", [], [1], 5, [None]])
def test_bad_names(names):
    error = ValueError if names == [] else TypeError
    for metric in (novelty, nearest_training_name):
        for arguments in ((names, ["a"]), (["a"], names)):
            with pytest.raises(error, match=r"(names|ref.*) must be an iterable of str with"):
                metric(*arguments)
    with pytest.raises(error, match="names must be an iterable of str with at"):
        uniqueness(names)


def test_constraint_probability_and_stream_reject_other_arguments():
    generator = ngram_pipeline().fit(["Ada"])[-1]
    for option in ("novel", "exclude", "filters", "unique"):
        calls = [partial(constraint_probability, generator)]
        for call in calls + [generator.stream] * (option != "exclude"):
            with pytest.raises(TypeError, match=f"argument '?{option}'?"):
                call(**{option: ()})
    with pytest.raises(TypeError, match=r"must be a fitted generator, .* Got a CharSequenceVec"):
        constraint_probability(CharSequenceVectorizer(), pattern="a.*")
