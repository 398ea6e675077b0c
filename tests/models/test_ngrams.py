from collections import Counter

import numpy as np
import pytest
from _formulas import Counts

from sknamegen._alphabet import Alphabet
from sknamegen._models import kneser_ney
from sknamegen._models.kneser_ney import KneserNey, NGramCounts
from sknamegen._models.ngrams import NGrams
from sknamegen._rows import rows_of_names
from sknamegen._sequences import Sequences

NAMES = ["anna", "hanna", "hannah", "an", "na", "nana", "a", "hahn", "", "ann", "banana", "naan"]
OTHERS = ["hab", "nnnnnnnnnnnn", "bhb", "nec", "c"]
SYMBOLS = "$abcehn^?"  # the end, letters, the start, and an unknown one. No name has c or e.
# Kinds of the symbols and of padding. c has the kind of h, and e that of a, b and n.
KINDS = np.array([3, 1, 1, 2, 1, 2, 1, 4, 5, 6])
KIND = dict(zip([*SYMBOLS, ""], KINDS.tolist(), strict=True))


def pairs(names, length):
    """Return the contexts of names, nearest character first, and the next characters."""
    alphabet = Alphabet(np.array(["\3", *SYMBOLS[1:-2]]))
    sequences = Sequences.of_rows(rows_of_names(names, 40)).indexed(alphabet)
    return sequences.contexts(length), sequences.targets[sequences.has_target]


def count(names, order, discount=None):
    return KneserNey(NGramCounts(*pairs(names, order - 1)), KINDS, discount=discount)


def as_text(context):
    return "".join(SYMBOLS[i] for i in context[::-1] if i >= 0)


def assert_matches_the_formula(names, order, discount):
    ends = [(f"^{name}", i) for name in names for i in range(1, len(name) + 2)]
    seen = [(text[:i], f"{text}$"[i], None) for text, i in ends]
    slow = Counts(seen, SYMBOLS[:-2], order, discount, KIND.get)
    counts = count(names, order, discount)
    contexts, _ = pairs([*names, *OTHERS, "banan?a", "?"], order - 1)
    expected = [[*slow.proba(as_text(context)).values()] for context in contexts]
    np.testing.assert_allclose(counts.proba(counts.find(contexts)), expected)
    return counts


@pytest.mark.parametrize("order", [1, 2, 3, 5, 9, 30])
@pytest.mark.parametrize("discount", [None, 0.4, 1.0])
def test_probabilities_match_the_formula(order, discount):
    counts = assert_matches_the_formula(NAMES, order, discount)
    assert counts.discounts.shape == (order, 3)


def test_discounts_are_estimated_from_many_counts():
    rng = np.random.default_rng(0)
    names = ["".join(rng.choice(list("abhn"), size=4, p=[0.6, 0.2, 0.15, 0.05])) for _ in range(99)]
    counts = assert_matches_the_formula(names, 4, None)
    assert counts.discounts[2].tolist() != [0.85] * 3


def test_label_counts_are_averaged_with_all_counts():
    """The label is the first character of a context. A label without counts uses all counts."""
    names, others = NAMES[:6], NAMES[6:]
    contexts, characters = pairs(names + others, 3)
    labels = np.repeat([0, 1], [len(pairs(part, 3)[1]) for part in (names, others)])
    labelled = np.column_stack([labels, contexts[:, 1:]])
    counted = NGramCounts(labelled, characters)
    by_label, single = NGrams(counted, KINDS, n_labels=3), KneserNey(counted, KINDS, n_labels=3)
    plain = KneserNey(NGramCounts(contexts, characters), KINDS)
    expected = 0.7 * single.proba(single.find(labelled)) + 0.3 * plain.proba(plain.find(contexts))
    np.testing.assert_allclose(by_label.proba(by_label.find(labelled)), expected)
    # The reference contains the names of label 0, so the distribution of label 0 is closer.
    seen, _ = pairs(["hanna"], 3)
    seen_with = [np.column_stack([np.full(6, n), seen[:, 1:]]) for n in (0, 1)]
    of_label = [single.proba(single.find(contexts)) for contexts in seen_with]
    reference = count(names, 4).proba(count(names, 4).find(seen))
    assert np.abs(of_label[0] - reference).max() < np.abs(of_label[1] - reference).max()


def test_contexts_are_found_with_any_table_size(monkeypatch):
    """The sizes include values just below and above each key. Other contexts need a search."""
    contexts, _ = pairs([*NAMES, "hab", "nnnnnnn"], 4)
    whole = count(NAMES, 5)
    expected = whole.find(contexts)
    for n_cells in {0, 1, 7, *whole.tree.keys.tolist(), *(whole.tree.keys + 1).tolist()}:
        monkeypatch.setattr(kneser_ney, "TABLE_CELLS", n_cells)
        counts = count(NAMES, 5)
        np.testing.assert_array_equal(counts.find(contexts), expected)
        assert len(counts.tree._table) <= n_cells + 1


def test_keys_may_exceed_int32():
    """The keys are products of contexts and labels."""
    labels = np.arange(4000, dtype=np.int32)
    contexts = np.column_stack([labels * 300, labels % 4, labels // 4 % 4]).astype(np.int32)
    counts = KneserNey(NGramCounts(contexts, labels % 5), KINDS, n_labels=4000 * 300)
    assert counts.tree.keys[-1] > 2**31
    ids = counts.find(contexts)
    assert len(np.unique(ids)) == 4000
    np.testing.assert_array_equal(counts.tree.lengths[ids], 3)


@pytest.mark.parametrize("names", [[""], ["a"], ["", "a" * 30]])
def test_few_and_unusual_names(names):
    counts = count(names, 5)
    proba = counts.proba(np.arange(len(counts.tree.parents)))
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert proba.min() > 0
    np.testing.assert_array_equal(proba[: counts.tree.n_kinds], counts.roots)


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
        for owner, other in ((whole, again), (whole.tree, again.tree)):
            for name, value in vars(owner).items():
                if name != "tree":
                    np.testing.assert_array_equal(vars(other)[name], value, err_msg=name)
