"""Tables and keys of n-gram counts. `test_ngram.py` compares probabilities with formulas."""

from collections import Counter

import numpy as np
import pytest

from sknamegen._data.rows import Rows, encode_rows
from sknamegen._data.sequences import Sequences
from sknamegen._models import kneser_ney
from sknamegen._models.counts import NGramCounts
from sknamegen._models.kneser_ney import KneserNey
from sknamegen._text.alphabet import Alphabet

NAMES = ["anna", "hanna", "hannah", "an", "na", "nana", "a", "hahn", "", "ann", "banana", "naan"]
SYMBOLS = "$abcehn^?"  # the end, letters, the start, and an unknown one. No name has c or e.
# Kinds of the symbols and of padding. c has the kind of h, and e that of a, b and n.
KINDS = np.array([3, 1, 1, 2, 1, 2, 1, 4, 5, 6])


def pairs(names, length):
    """Return the contexts of names, nearest character first, and the next characters."""
    alphabet = Alphabet(np.array(["\3", *SYMBOLS[1:-2]]))
    sequences = Sequences.of_rows(Rows(encode_rows(names), 40), alphabet)
    return sequences.contexts(length), sequences.targets[sequences.has_target]


def count(names, order):
    return KneserNey(NGramCounts(*pairs(names, order - 1)), KINDS)


def test_contexts_are_found_with_any_table_size(monkeypatch):
    """The sizes include values just below and above each key. Other contexts need a search."""
    contexts, _ = pairs([*NAMES, "hab", "nnnnnnn"], 4)
    whole = count(NAMES, 5)
    expected = whole.find(contexts)
    for n_cells in {0, 1, 7, *whole.keys.tolist(), *(whole.keys + 1).tolist()}:
        monkeypatch.setattr(kneser_ney, "TABLE_CELLS", n_cells)
        counts = count(NAMES, 5)
        np.testing.assert_array_equal(counts.find(contexts), expected)
        assert len(counts._table) <= n_cells + 1


def test_keys_may_exceed_int32():
    """The keys are products of contexts and labels."""
    labels = np.arange(4000, dtype=np.int32)
    contexts = np.column_stack([labels * 300, labels % 4, labels // 4 % 4]).astype(np.int32)
    counts = KneserNey(NGramCounts(contexts, labels % 5), KINDS, n_labels=4000 * 300)
    assert counts.keys[-1] > 2**31
    ids = counts.find(contexts)
    assert len(np.unique(ids)) == 4000
    np.testing.assert_array_equal(counts.lengths[ids], 3)


@pytest.mark.parametrize("names", [[""], ["a"], ["", "a" * 30]])
def test_few_and_unusual_names(names):
    counts = count(names, 5)
    proba = counts.proba(np.arange(len(counts.parents)))
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert proba.min() > 0
    np.testing.assert_array_equal(proba[: counts.n_kinds], counts.roots)


@pytest.mark.parametrize("length", [3, 40])
def test_counts_round_trip(length):
    """Short contexts fit into one integer key. Longer contexts are not merged."""
    contexts, characters = pairs(NAMES, length)
    whole = KneserNey(NGramCounts(contexts, characters), KINDS)
    counted = whole.counted()
    occurred = Counter(zip(map(tuple, contexts.tolist()), characters.tolist(), strict=True))
    grams = zip(map(tuple, counted[0].tolist()), counted[1].tolist(), strict=True)
    assert dict(zip(grams, counted[2].tolist(), strict=True)) == occurred
    saved = NGramCounts.from_state(whole.to_state(), KINDS, 0)
    for again in (KneserNey(counted, KINDS), KneserNey(saved, KINDS)):
        for name, value in vars(whole).items():
            np.testing.assert_array_equal(vars(again)[name], value, err_msg=name)
