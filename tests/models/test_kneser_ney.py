from collections import Counter, defaultdict

import numpy as np
import pytest

from sknamegen._alphabet import NONE
from sknamegen._models import kneser_ney
from sknamegen._models.kneser_ney import KneserNey
from sknamegen._sequences import Sequences

NAMES = ["anna", "hanna", "hannah", "an", "na", "nana", "a", "hahn", "", "ann", "banana", "naan"]
ALPHABET = "abhn$"  # $ ends a name, ^ begins it
# Of these, of ^, of an unknown character and of none: all letters but h are of one kind.
KINDS = np.array([1, 1, 2, 1, 3, 4, 5, 6])
KIND = dict(zip([*ALPHABET, "^", "?", ""], KINDS.tolist(), strict=True))


def indices(names):
    """Names as the sequences that windows are turned into."""
    table = {character: i for i, character in enumerate(ALPHABET + "^?")}
    width = max(map(len, names)) + 1
    inputs = np.full((len(names), width), 0, dtype=np.int32)
    targets = np.full((len(names), width), NONE, dtype=np.int32)
    for row, name in enumerate(names):
        inputs[row, : len(name) + 1] = [table[c] for c in "^" + name]
        targets[row, : len(name) + 1] = [table[c] for c in name + "$"]
    return inputs, targets


def in_contexts(inputs, targets, length):
    sequences = Sequences(inputs, targets, np.arange(len(inputs)), np.full(len(inputs), NONE))
    return sequences.contexts(length, 0), targets[sequences.has_target]


def fit(names, order, discount=None):
    return KneserNey(*in_contexts(*indices(names), order - 1), KINDS, discount)


class Slow:
    """The formula in dictionaries, one n-gram after another."""

    def __init__(self, names, order, discount):
        texts = [f"^{name}$" for name in names]
        grams = Counter(
            text[max(0, end - n) : end]
            for text in texts
            for end in range(2, len(text) + 1)
            for n in range(1, order + 1)
            if n <= end
        )
        behind = defaultdict(set)
        for gram in grams:
            behind[gram[1:]].add(gram[0])
        extended = {g for g in grams if g[0] != "^" and len(g) < order}
        self.counts = {g: len(behind[g]) if g in extended else n for g, n in grams.items()}
        self.order = order
        self.kinds = Counter(
            (KIND[text[end - 1] if order > 1 else ""], KIND[text[end]])
            for text in texts
            for end in range(1, len(text))
        )
        self.discounts = [self.estimate(n, discount) for n in range(1, order + 1)]

    def estimate(self, length, discount):
        if discount is not None:
            return [discount] * 3
        of_length = [n for gram, n in self.counts.items() if len(gram) == length]
        n1, n2, n3, n4 = (of_length.count(n) for n in (1, 2, 3, 4))
        if not (n1 and n2 and n3 and n4):
            return [0.85] * 3
        y = n1 / (n1 + 2 * n2)
        found = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
        return found if found == sorted(found) and found[0] > 0 else [0.85] * 3

    def root(self, kind, character):
        unigrams = {c: self.interpolated("", c, 1 / len(ALPHABET)) for c in ALPHABET}
        alike = sum(p for c, p in unigrams.items() if KIND[c] == KIND[character])
        n = sum(times for (last, _), times in self.kinds.items() if last == kind)
        p_of_kind = (self.kinds[kind, KIND[character]] + alike / 2) / (n + 1 / 2)
        return p_of_kind * unigrams[character] / alike

    def proba(self, context, character):
        if not context:
            return self.root(KIND[""], character)
        if len(context) == 1:
            shorter = self.root(KIND[context], character)
        else:
            shorter = self.proba(context[1:], character)
        return self.interpolated(context, character, shorter)

    def interpolated(self, context, character, shorter):
        followed = {c: self.counts.get(context + c, 0) for c in ALPHABET}
        total = sum(followed.values())
        if total == 0:
            return shorter
        taken = {
            c: self.discounts[len(context)][min(n, 3) - 1] if n else 0 for c, n in followed.items()
        }
        return (followed[character] - taken[character] + sum(taken.values()) * shorter) / total


@pytest.mark.parametrize("order", [1, 2, 3, 5, 9, 30])
@pytest.mark.parametrize("discount", [None, 0.4, 1.0])
def test_probabilities_are_those_of_the_formula(order, discount):
    slow = Slow(NAMES, order, discount)
    counts = fit(NAMES, order, discount)
    np.testing.assert_allclose(counts.discounts, slow.discounts)
    others = ["hab", "nnnnnnnnnnnn", "banan?a", "?"]
    inputs, targets = indices(NAMES + [name.replace("?", "h") for name in others])
    for row, name in enumerate(others, len(NAMES)):  # characters nobody knows, as contexts
        for column in np.flatnonzero(np.array(list(name)) == "?"):
            inputs[row, column + 1] = len(ALPHABET) + 1
    contexts, _ = in_contexts(inputs, targets, order - 1)
    told = ["".join((ALPHABET + "^?")[i] for i in context[::-1] if i >= 0) for context in contexts]
    expected = [[slow.proba(context, c) for c in ALPHABET] for context in told]
    np.testing.assert_allclose(counts.proba(counts.find(contexts)), expected)


def test_contexts_are_found_in_a_table_of_any_size(monkeypatch):
    """At each size just below and above a key, too; what is beyond it is searched for."""
    contexts, _ = in_contexts(*indices([*NAMES, "hab", "nnnnnnn"]), 4)
    whole = fit(NAMES, 5)
    expected = whole.find(contexts)
    for n_cells in {0, 1, 7, *whole.keys.tolist(), *(whole.keys + 1).tolist()}:
        monkeypatch.setattr(kneser_ney, "_MAX_CELLS", n_cells)
        counts = fit(NAMES, 5)
        np.testing.assert_array_equal(counts.find(contexts), expected)
        assert len(counts._table) <= n_cells + 1


def test_keys_may_be_more_than_an_int32_holds():
    """Contexts times labels."""
    labels = np.arange(4000, dtype=np.int32)
    contexts = np.column_stack([labels * 300, labels % 4, labels // 4 % 4]).astype(np.int32)
    counts = KneserNey(contexts, labels % 5, KINDS, n_labels=4000 * 300)
    assert counts.keys[-1] > 2**31
    found = counts.find(contexts)
    assert len(np.unique(found)) == 4000
    np.testing.assert_array_equal(counts.lengths[found], 3)


def test_discounts_are_estimated_from_many_counts():
    rng = np.random.default_rng(0)
    names = ["".join(rng.choice(list("abhn"), size=4, p=[0.6, 0.2, 0.15, 0.05])) for _ in range(99)]
    slow = Slow(names, 4, None)
    assert slow.discounts[2] != [0.85] * 3
    np.testing.assert_allclose(fit(names, 4).discounts, slow.discounts)


@pytest.mark.parametrize("names", [[""], ["a"], ["", "a" * 30]])
def test_few_and_odd_names(names):
    counts = fit(names, 5)
    proba = counts.proba(np.arange(len(counts.parents)))
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert proba.min() > 0
    np.testing.assert_array_equal(proba[: counts.n_kinds], counts.roots)


def test_an_unseen_letter_is_followed_like_those_of_its_kind():
    """A capital behind an unseen small letter is as rare as behind others."""
    names = ["Anna", "Mona", "Nora", "Rhea"]
    letters = sorted({*"".join(names), "b", "B"})
    kinds = np.array([1 if c.islower() else 2 for c in letters] + [3, 4, 5, 6])
    index = {c: i for i, c in enumerate([*letters, "$", "^"])}
    rows = [[index[c] for c in f"^{name}$"] for name in names]
    contexts = np.array([[i] for row in rows for i in row[:-1]], dtype=np.int32)
    characters = np.array([i for row in rows for i in row[1:]], dtype=np.int32)
    counts = KneserNey(contexts, characters, kinds)
    (p,) = counts.proba(counts.find(np.array([[index["b"]]])))
    capitals = sum(p[index[c]] for c in letters if c.isupper())
    assert capitals < 0.02 < p[index["n"]]
    assert 0 < p[index["B"]] < p[index["b"]] < p[index["n"]]


def test_a_name_seen_often_is_nearly_certain():
    counts = fit(["anna"] * 1000, 5)
    contexts, characters = in_contexts(*indices(["anna"]), 4)
    proba = counts.proba(counts.find(contexts))
    assert proba[np.arange(len(characters)), characters].prod() > 0.99


def test_what_was_learned_comes_back():
    contexts, characters = in_contexts(*indices(NAMES), 3)
    whole = KneserNey(contexts, characters, KINDS)
    learned = whole.learned()
    pairs = Counter(zip(map(tuple, contexts.tolist()), characters.tolist(), strict=True))
    found = zip(map(tuple, learned[0].tolist()), learned[1].tolist(), strict=True)
    assert dict(zip(found, learned[2].tolist(), strict=True)) == pairs
    again = KneserNey(*learned[:2], KINDS, counts=learned[2])
    for name, value in vars(whole).items():
        np.testing.assert_array_equal(getattr(again, name), value, err_msg=name)
