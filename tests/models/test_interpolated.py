"""N-gram counts that back off to another model."""

import numpy as np
import pytest
from test_contract import ALPHABET, NAMES, WINDOW, Fake, labelled_sequences, ngrams

from sknamegen._alphabet import NONE
from sknamegen._models.contract import next_log_proba
from sknamegen._models.interpolated import Interpolated

PREFIXES = ["", "a", "ab", "cab", "dad", "bbb", "rr"]


def proba(model, label=NONE):
    return np.exp(next_log_proba(model, ALPHABET.windows(PREFIXES, WINDOW), [label])[1][:, 0])


@pytest.mark.parametrize("order", [2, 3, 4, 6])
def test_counts_over_their_own_lowest_orders_are_an_ngram_model(order):
    """Without pseudo-counts, contexts of one character have the n-gram model's distribution."""

    class LowestOrders(Fake):
        def start(self, windows, labels):
            return labels, counts.start(windows[:, -1:], labels)[1]

    counts = ngrams(n_labels=0, order=order)
    model = Interpolated(LowestOrders(), counts, np.inf)
    np.testing.assert_allclose(proba(model), proba(counts), rtol=1e-5)


@pytest.mark.parametrize("strength", [5.0, 1e-9])
def test_pseudo_counts_have_the_distribution_of_the_model(strength):
    """p(c | h) = (N(h) p'(c | h) + θ q(c)) / (N(h) + θ), with contexts h of two characters."""
    counts, q = ngrams(n_labels=0, order=3), proba(Fake())
    pseudo_counts = counts.levels[0].total / strength
    expected = proba(Interpolated(Fake(), counts, np.inf))
    inputs = labelled_sequences().contexts(2)[:, 1:]
    for row, context in enumerate(ALPHABET.windows(PREFIXES, 2)):
        n = (inputs == context[::-1]).all(axis=1).sum() if context.min() >= 0 else 0
        expected[row] = (n * expected[row] + pseudo_counts * q[row]) / (n + pseudo_counts)
    np.testing.assert_allclose(proba(Interpolated(Fake(), counts, strength)), expected, rtol=1e-5)


def test_labels_back_off_to_all_labels():
    """Contexts that occur with no name of a label have the distribution of all labels."""
    counts = ngrams(order=3)
    model = Interpolated(Fake(), counts, 4.0)
    shared = Interpolated(Fake(), ngrams(n_labels=0, order=3), 4.0)
    by_label = {label: proba(model, label) for label in (0, 1)}
    for label, rows in by_label.items():
        names = [name for i, name in enumerate(NAMES) if i % 2 == label]
        text = " ".join("\2" + name + "\3" for name in names)
        for row, prefix in enumerate(PREFIXES):
            is_known = ("\2" + prefix)[-2:] in text and prefix
            expected = proba(shared, label)[row]
            assert np.allclose(rows[row], expected, rtol=1e-5) == (not is_known)
