import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sknamegen._sampling.rules import Rules, draw

finite = st.floats(-30, 30)
logit_lists = st.lists(finite, min_size=2, max_size=6)


def rules(**changes):
    return Rules(1.0, None, None, None)._replace(**changes)


def drawn(logits, uniforms, **changes):
    return draw(rules(**changes).probabilities(logits), uniforms)[0].tolist()


@given(logit_lists, st.floats(0.05, 20))
def test_temperature_divides_the_logits(logits, temperature):
    p = (
        rules(temperature=temperature)
        .probabilities(torch.tensor([logits], dtype=torch.float64))[0]
        .numpy()
    )
    scaled = np.array(logits) / temperature
    expected = np.exp(scaled - scaled.max())
    np.testing.assert_allclose(p, expected / expected.sum(), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e300, 1.7e308])
def test_extreme_temperatures(temperature):
    p = rules(temperature=temperature).probabilities(torch.tensor([[2.0, 5.0, -torch.inf, 1.0]]))[0]
    assert p.isfinite().all()
    assert p[2] == 0
    if temperature < 1:
        assert p.tolist() == [0, 1, 0, 0]
    else:
        torch.testing.assert_close(p[[0, 1, 3]], torch.full((3,), 1 / 3, dtype=torch.float64))


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
    logits = torch.tensor([logits], dtype=torch.float64)
    p = rules(top_k=top_k, top_p=top_p).probabilities(logits)[0].numpy()
    expected = truncate_slow(rules().probabilities(logits)[0].numpy(), top_k, top_p)
    np.testing.assert_allclose(p, expected, rtol=1e-9)


def test_a_nucleus_of_everything_loses_nothing():
    logits = torch.tensor([[17.5, -19.5, -20.5]], dtype=torch.float64)
    assert (rules(top_p=1.0).probabilities(logits) > 0).all()


def test_the_nucleus_is_one_of_what_top_k_leaves():
    logits = torch.tensor([[0.4, 0.3, 0.2, 0.1]], dtype=torch.float64).log()
    assert rules(top_k=2, top_p=0.5).probabilities(logits).count_nonzero() == 1
    assert rules(top_k=2, top_p=0.6).probabilities(logits).count_nonzero() == 2


def test_draw_inverts_the_cumulative_distribution():
    logits = torch.tensor([0.1, 0.0, 0.5, 0.4, 0.0]).log().expand(6, 5)
    uniforms = torch.tensor([0.0, 0.09999, 0.11, 0.59, 0.61, 1 - 2**-53], dtype=torch.float64)
    assert drawn(logits, uniforms) == [0, 0, 2, 2, 3, 3]


@pytest.mark.parametrize("temperature", [0.5, 1, 2])
@pytest.mark.parametrize("top_k", [None, 1, 4, 6])
@pytest.mark.parametrize("top_p", [None, 1e-9, 0.5, 0.9])
def test_rows_are_independent(temperature, top_k, top_p):
    logits = torch.tensor(np.random.default_rng(0).normal(0, 40, size=(4, 6)))
    asked = rules(temperature=temperature, top_k=top_k, top_p=top_p)
    p = asked.probabilities(logits)
    for row in range(4):
        scaled = (logits[row] - logits[row].max()).numpy() / temperature
        expected = truncate_slow(np.exp(scaled) / np.exp(scaled).sum(), top_k, top_p)
        np.testing.assert_allclose(p[row], expected, rtol=1e-9)
        alone = asked.probabilities(logits[row : row + 1])[0]
        np.testing.assert_array_equal(alone, p[row])


def test_large_logits_stay_finite():
    p = rules(temperature=0.5).probabilities(torch.tensor([[3e38, 3e38, -3e38]]))
    assert p.tolist() == [[0.5, 0.5, 0]]


def test_the_nucleus_ends_where_its_probability_is_reached():
    logits = torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64).log2() * np.log(2)
    assert rules(top_p=0.5).probabilities(logits)[0].count_nonzero() == 1


def test_draws_come_from_the_truncated_distribution():
    logits = torch.tensor(np.random.default_rng(0).normal(size=(50, 7)))
    uniforms = torch.tensor(np.random.default_rng(1).random(50))
    best = logits.argmax(1).tolist()
    assert drawn(logits, uniforms) != best
    assert drawn(logits, uniforms, top_k=1) == best
    assert drawn(logits, uniforms, top_p=1e-9) == best


def test_draws_at_the_edges_of_characters():
    half = torch.zeros(1, 2)
    assert drawn(half, torch.tensor([0.5], dtype=torch.float64)) == [1]
    first_never = torch.tensor([[-torch.inf, 0.0, -torch.inf]])
    for uniform in (0.0, 1 - 2**-53):
        uniforms = torch.tensor([uniform], dtype=torch.float64)
        assert drawn(first_never, uniforms) == [1]


def test_temperature_zero_is_the_argmax():
    logits = torch.tensor([[0.0, 3.0, 2.0], [5.0, 3.0, 2.0]])
    assert drawn(logits, torch.rand(2, dtype=torch.float64), temperature=0) == [1, 0]
