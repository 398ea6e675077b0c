import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_constraints import restrict

from sknamegen._sampling.decoding import Decoding, draw


@given(
    st.lists(st.floats(-30, 30), min_size=2, max_size=6, unique_by=lambda x: round(x, 3)),
    st.floats(0.05, 20),
    st.one_of(st.none(), st.integers(1, 8)),
    st.one_of(st.none(), st.floats(0.01, 0.99)),
    st.one_of(st.none(), st.floats(0, 1)),
)
def test_probabilities_match_a_slow_formula(logits, temperature, top_k, top_p, min_p):
    rows = np.array([logits, logits[::-1], np.array(logits) * 2])
    p = Decoding(temperature, top_k, top_p, min_p).probabilities(rows)
    p_rows, options = np.exp(rows - rows.max(axis=1, keepdims=True)), (top_k, top_p, min_p)
    expected = [restrict(p_row, temperature, *options) for p_row in p_rows]
    np.testing.assert_allclose(p, expected, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("temperature", [0, 5e-324, 1e-300, 1e300, 1.7e308])
def test_extreme_temperatures(temperature):
    p = Decoding(temperature=temperature).probabilities(np.array([[2.0, 5.0, -np.inf, 1.0]]))[0]
    expected = [0, 1, 0, 0] if temperature < 1 else [1 / 3, 1 / 3, 0, 1 / 3]
    np.testing.assert_allclose(p, expected, atol=1e-300)


def test_large_logits_stay_finite():
    p = Decoding(temperature=0.5).probabilities(np.array([[3e38, 3e38, -3e38]], np.float32))
    assert p.tolist() == [[0.5, 0.5, 0]]


@pytest.mark.parametrize(
    ("p", "options", "n_nonzero"),
    [
        ([0.5, 0.25, 0.25], {"top_p": 0.5}, 1),  # reached exactly
        ([0.4, 0.3, 0.2, 0.1], {"top_k": 2, "top_p": 0.5}, 1),  # after top_k
        ([0.4, 0.3, 0.2, 0.1], {"top_k": 2, "top_p": 0.6}, 2),
        ([1, 1e-17, 1e-17], {"top_p": 1.0}, 3),  # sums round to 1 after the first
    ],
)
def test_size_of_the_nucleus(p, options, n_nonzero):
    assert np.count_nonzero(Decoding(**options).probabilities(np.log([p]))) == n_nonzero


def test_draw_inverts_the_cumulative_distribution():
    """Characters of weight 0 are never drawn, even at both ends."""
    uniforms = np.array([0.0, 0.09999, 0.11, 0.59, 0.61, 1 - 2**-53])
    weights = 3 * np.tile([0, 0.1, 0.0, 0.5, 0.4, 0.0], (6, 1))
    characters, sums = draw(weights, uniforms)
    assert characters.tolist() == [1, 1, 3, 3, 4, 4]
    np.testing.assert_allclose(sums, 3)
