from functools import partial

import numpy as np
import pytest
from conftest import ngram_pipeline
from hypothesis import given, settings
from hypothesis import strategies as st

from sknamegen import CharSequenceVectorizer
from sknamegen.metrics import (
    constraint_probability,
    novelty,
    uniqueness,
)

some_names = st.lists(st.text("abcé", max_size=6), min_size=1, max_size=20)


@settings(max_examples=100)
@given(some_names, some_names)
def test_metrics_match_slow_definitions(names, reference):
    assert novelty(names, reference) == np.mean([name not in reference for name in names])
    assert uniqueness(names) == len(set(names)) / len(names)


@pytest.mark.parametrize("names", ["Anna", [], [1], 5, [None]])
def test_bad_names(names):
    error = ValueError if names == [] else TypeError
    for arguments in ((names, ["a"]), (["a"], names)):
        with pytest.raises(error, match=r"(names|ref.*) must be an iterable of str with"):
            novelty(*arguments)
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
