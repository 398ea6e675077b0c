import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sknamegen._decoding import Rules, draw, probabilities, write

finite = st.floats(-30, 30)
logit_lists = st.lists(finite, min_size=2, max_size=6)


def rules(**changes):
    defaults = {
        "temperature": 1.0,
        "top_k": None,
        "top_p": None,
        "min_length": 0,
        "max_length": 5,
        "end": 0,
    }
    return Rules(**defaults | changes)


@given(logit_lists, st.floats(0.05, 20))
def test_temperature_divides_the_logits(logits, temperature):
    p = probabilities(torch.tensor([logits], dtype=torch.float64), temperature)[0].numpy()
    scaled = np.array(logits) / temperature
    expected = np.exp(scaled - scaled.max())
    np.testing.assert_allclose(p, expected / expected.sum(), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e300, 1.7e308])
def test_extreme_temperatures(temperature):
    p = probabilities(torch.tensor([[2.0, 5.0, -torch.inf, 1.0]]), temperature)[0]
    assert p.isfinite().all()
    assert p[2] == 0
    if temperature < 1:
        assert p.tolist() == [0, 1, 0, 0]
    else:
        torch.testing.assert_close(p[[0, 1, 3]], torch.full((3,), 1 / 3))


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
    p = probabilities(logits, 1.0, top_k, top_p)[0].numpy()
    expected = truncate_slow(probabilities(logits)[0].numpy(), top_k, top_p)
    np.testing.assert_allclose(p, expected, rtol=1e-9)


def test_a_nucleus_of_everything_loses_nothing():
    logits = torch.tensor([[17.5, -19.5, -20.5]], dtype=torch.float64)
    assert (probabilities(logits, 1.0, None, 1.0) > 0).all()


def test_the_nucleus_is_one_of_what_top_k_leaves():
    logits = torch.tensor([[0.4, 0.3, 0.2, 0.1]], dtype=torch.float64).log()
    assert probabilities(logits, 1.0, 2, 0.5).count_nonzero() == 1
    assert probabilities(logits, 1.0, 2, 0.6).count_nonzero() == 2


def test_draw_inverts_the_cumulative_distribution():
    logits = torch.tensor([0.1, 0.0, 0.5, 0.4, 0.0]).log().expand(6, 5)
    uniforms = torch.tensor([0.0, 0.09999, 0.11, 0.59, 0.61, 1 - 2**-53], dtype=torch.float64)
    assert draw(logits, rules(), uniforms).tolist() == [0, 0, 2, 2, 3, 3]


@pytest.mark.parametrize("temperature", [0.5, 1, 2])
@pytest.mark.parametrize("top_k", [None, 1, 4, 6])
@pytest.mark.parametrize("top_p", [None, 1e-9, 0.5, 0.9])
def test_rows_are_independent(temperature, top_k, top_p):
    logits = torch.tensor(np.random.default_rng(0).normal(0, 40, size=(4, 6)))
    p = probabilities(logits, temperature, top_k, top_p)
    for row in range(4):
        scaled = (logits[row] - logits[row].max()).numpy() / temperature
        expected = truncate_slow(np.exp(scaled) / np.exp(scaled).sum(), top_k, top_p)
        np.testing.assert_allclose(p[row], expected, rtol=1e-9)
        alone = probabilities(logits[row : row + 1], temperature, top_k, top_p)[0]
        np.testing.assert_array_equal(alone, p[row])


def test_large_logits_stay_finite():
    p = probabilities(torch.tensor([[3e38, 3e38, -3e38]]), 0.5)
    assert p.tolist() == [[0.5, 0.5, 0]]


def test_the_nucleus_ends_where_its_probability_is_reached():
    logits = torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64).log2() * np.log(2)
    assert probabilities(logits, 1.0, None, 0.5)[0].count_nonzero() == 1


def test_draws_come_from_the_truncated_distribution():
    logits = torch.tensor(np.random.default_rng(0).normal(size=(50, 7)))
    uniforms = torch.tensor(np.random.default_rng(1).random(50))
    best = logits.argmax(1).tolist()
    assert draw(logits, rules(), uniforms).tolist() != best
    assert draw(logits, rules(top_k=1), uniforms).tolist() == best
    assert draw(logits, rules(top_p=1e-9), uniforms).tolist() == best


def test_draws_at_the_edges_of_characters():
    half = torch.zeros(1, 2)
    assert draw(half, rules(), torch.tensor([0.5], dtype=torch.float64)).tolist() == [1]
    first_never = torch.tensor([[-torch.inf, 0.0, -torch.inf]])
    for uniform in (0.0, 1 - 2**-53):
        uniforms = torch.tensor([uniform], dtype=torch.float64)
        assert draw(first_never, rules(), uniforms).tolist() == [1]


def test_temperature_zero_is_the_argmax():
    logits = torch.tensor([[0.0, 3.0, 2.0], [5.0, 3.0, 2.0]])
    assert draw(logits, rules(temperature=0), torch.rand(2)).tolist() == [1, 0]


class CountingModel:
    """Always predicts character 1 or the end 0 alike; its state counts the characters."""

    def start(self, windows):
        return torch.zeros(len(windows)), self._logits(len(windows))

    def advance(self, state, characters):
        return state + 1, self._logits(len(state))

    def select(self, state, rows):
        return state[rows]

    def _logits(self, n):
        return torch.zeros(n, 2)


def run(lengths, uniforms, **changes):
    written = [[] for _ in lengths]
    uniforms = torch.tensor([uniforms] * len(lengths), dtype=torch.float64)
    asked = rules(**changes)
    steps = write(
        CountingModel(),
        torch.zeros(1, 3, dtype=torch.int64),
        torch.tensor(lengths),
        asked,
        lambda logits, rows, step: draw(logits, asked, uniforms[rows, step]),
    )
    for rows, characters in steps:
        for row, character in zip(rows.tolist(), characters.tolist(), strict=True):
            written[row].append(character)
    return written


def test_rows_end_where_the_end_is_drawn_or_forced():
    ones = [0.9] * 5
    assert run([0, 2, 5], ones) == [[1] * 5, [1] * 3, []]
    assert run([0, 4], [0.9, 0.1, 0.9, 0.9, 0.9]) == [[1, 0], [1]]
    assert run([0], [0.1]) == [[0]]


def test_no_end_before_min_length():
    assert run([0, 1, 3], [0.1] * 5, min_length=2) == [[1, 1, 0], [1, 0], [0]]


def test_without_an_end_all_rows_reach_max_length():
    assert run([0, 1], [0.1] * 5, end=None) == [[0] * 5, [0] * 4]
