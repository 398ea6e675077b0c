import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sknamegen._sampling.decoding import Decoding, draw

finite = st.floats(-30, 30)
logit_lists = st.lists(finite, min_size=2, max_size=6)


def drawn(logits, uniforms, **options):
    return draw(Decoding(**options).probabilities(logits), uniforms)[0].tolist()


def log(*p):
    with np.errstate(divide="ignore"):
        return np.log(np.array(p))


@given(logit_lists, st.floats(0.05, 20))
def test_temperature_divides_the_logits(logits, temperature):
    p = Decoding(temperature=temperature).probabilities(np.array([logits]))[0]
    scaled = np.array(logits) / temperature
    expected = np.exp(scaled - scaled.max())
    np.testing.assert_allclose(p, expected / expected.sum(), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e300, 1.7e308])
def test_extreme_temperatures(temperature):
    p = Decoding(temperature=temperature).probabilities(np.array([[2.0, 5.0, -np.inf, 1.0]]))[0]
    assert np.isfinite(p).all()
    assert p[2] == 0
    if temperature < 1:
        assert p.tolist() == [0, 1, 0, 0]
    else:
        np.testing.assert_allclose(p[[0, 1, 3]], 1 / 3)


def truncate_slow(p, top_k, top_p):
    order = sorted(range(len(p)), key=lambda i: -p[i])
    kept = order[:top_k]
    if top_p is not None and top_p < 1:
        total = np.cumsum([p[i] for i in kept])[-1]
        nucleus, mass = [], 0.0
        for i in kept:
            if mass >= top_p * total:
                break
            nucleus.append(i)
            mass += p[i]
        kept = nucleus
    q = np.array([p[i] if i in kept else 0 for i in range(len(p))])
    return q / q.sum()


@given(
    st.lists(finite, min_size=2, max_size=6, unique_by=lambda x: round(x, 3)),
    st.one_of(st.none(), st.integers(1, 8)),
    st.one_of(st.none(), st.floats(0.01, 1)),
)
def test_top_k_and_top_p(logits, top_k, top_p):
    logits = np.array([logits])
    p = Decoding(top_k=top_k, top_p=top_p).probabilities(logits)[0]
    expected = truncate_slow(Decoding().probabilities(logits)[0], top_k, top_p)
    np.testing.assert_allclose(p, expected, rtol=1e-9)


def test_a_nucleus_of_everything_loses_nothing():
    logits = np.array([[17.5, -19.5, -20.5]])
    assert (Decoding(top_p=1.0).probabilities(logits) > 0).all()


def test_the_nucleus_is_one_of_what_top_k_leaves():
    logits = log(0.4, 0.3, 0.2, 0.1)[None]
    assert Decoding(top_k=2, top_p=0.5).probabilities(logits).astype(bool).sum() == 1
    assert Decoding(top_k=2, top_p=0.6).probabilities(logits).astype(bool).sum() == 2


def test_draw_inverts_the_cumulative_distribution():
    logits = np.tile(log(0.1, 0.0, 0.5, 0.4, 0.0), (6, 1))
    uniforms = np.array([0.0, 0.09999, 0.11, 0.59, 0.61, 1 - 2**-53])
    assert drawn(logits, uniforms) == [0, 0, 2, 2, 3, 3]


@pytest.mark.parametrize("temperature", [0.5, 1, 2])
@pytest.mark.parametrize("top_k", [None, 1, 4, 6])
@pytest.mark.parametrize("top_p", [None, 1e-9, 0.5, 0.9])
def test_rows_are_independent(temperature, top_k, top_p):
    logits = np.random.default_rng(0).normal(0, 40, size=(4, 6))
    asked = Decoding(temperature=temperature, top_k=top_k, top_p=top_p)
    p = asked.probabilities(logits)
    for row in range(4):
        scaled = (logits[row] - logits[row].max()) / temperature
        expected = truncate_slow(np.exp(scaled) / np.exp(scaled).sum(), top_k, top_p)
        np.testing.assert_allclose(p[row], expected, rtol=1e-9)
        alone = asked.probabilities(logits[row : row + 1])[0]
        np.testing.assert_array_equal(alone, p[row])


def test_large_logits_stay_finite():
    p = Decoding(temperature=0.5).probabilities(np.array([[3e38, 3e38, -3e38]], np.float32))
    assert p.tolist() == [[0.5, 0.5, 0]]


def test_the_nucleus_ends_where_its_probability_is_reached():
    logits = log(0.5, 0.25, 0.25)[None]
    assert Decoding(top_p=0.5).probabilities(logits)[0].astype(bool).sum() == 1


def test_draws_come_from_the_truncated_distribution():
    logits = np.random.default_rng(0).normal(size=(50, 7))
    uniforms = np.random.default_rng(1).random(50)
    best = logits.argmax(1).tolist()
    assert drawn(logits, uniforms) != best
    assert drawn(logits, uniforms, top_k=1) == best
    assert drawn(logits, uniforms, top_p=1e-9) == best


def test_draws_at_the_edges_of_characters():
    half = np.zeros((1, 2))
    assert drawn(half, np.array([0.5])) == [1]
    first_never = np.array([[-np.inf, 0.0, -np.inf]])
    for uniform in (0.0, 1 - 2**-53):
        uniforms = np.array([uniform])
        assert drawn(first_never, uniforms) == [1]


def test_temperature_zero_is_the_argmax():
    logits = np.array([[0.0, 3.0, 2.0], [5.0, 3.0, 2.0]])
    assert drawn(logits, np.array([0.2, 0.9]), temperature=0) == [1, 0]
