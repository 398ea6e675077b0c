"""Which of the names that are being written go on."""

import numpy as np
import pytest

from sknamegen._sampling.weights import Thinning


def thinned(log_worth, log_fits, share, n=4000):
    """What becomes of the weights of all names, in many tries."""
    rng, rows = np.random.default_rng(0), np.arange(len(log_fits))
    thinning = Thinning(np.zeros(len(log_worth), int), np.full(len(log_worth), share))
    factors = np.zeros((n, len(rows)))
    for factor in factors:
        goes_on, log_factors = thinning.keep(log_worth, rows, log_fits, rng)
        factor[goes_on] = np.exp(log_factors[goes_on])
    return factors


@pytest.mark.parametrize("share", [1.0, 0.3, 0.01])
def test_weights_stay_right_on_average(share):
    rng = np.random.default_rng(1)
    log_worth = rng.normal(scale=1.5, size=40)
    log_fits = np.where(np.arange(30) % 2, np.log(0.95), np.log(0.1))
    factors = thinned(log_worth, log_fits, share)
    errors = factors.std(axis=0) / len(factors) ** 0.5
    assert (abs(factors.mean(axis=0) - 1) <= 4.5 * errors + 1e-12).all()
    assert (factors[:, log_worth[:30].argmax()] >= 1).all()  # what is worth most goes on


def test_what_is_worth_alike_goes_on_until_it_is_sure_to_fit():
    log_worth = np.zeros(20)
    assert (thinned(log_worth, np.full(20, -3.0), 0.1) == 1).all()
    factors = thinned(log_worth, np.zeros(20), 0.1)
    assert (factors > 0).mean() == pytest.approx(0.1 / 0.8, abs=0.01)
    np.testing.assert_allclose(factors[factors > 0], 8)
    assert (thinned(log_worth, np.zeros(20), 1.0) == 1).all()  # all will be chosen


def test_names_are_compared_behind_the_same_prefix_only():
    log_worth = np.repeat([0.0, -3000, -1000], 20)
    thinning = Thinning(np.repeat([4, 0, 2], 20), np.full(60, 0.5))
    rng = np.random.default_rng(0)
    goes_on, log_factors = thinning.keep(log_worth, np.arange(60), np.full(60, -1.0), rng)
    assert goes_on.all()
    np.testing.assert_array_equal(log_factors, 0)


def test_what_is_worth_nothing_is_given_up():
    log_worth, rows = np.array([0.0, -5, -2000, 0.3, 900]), np.arange(4)  # the last one has ended
    thinning = Thinning(np.zeros(5, int), np.full(5, 0.5))
    rng = np.random.default_rng(0)
    goes_on, log_factors = thinning.keep(log_worth, rows, np.full(4, -1.0), rng)
    assert not goes_on[2]
    assert goes_on[3]
    assert np.isfinite(log_factors).all()
