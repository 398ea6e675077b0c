"""N-gram counts as part of a `CharLSTMGenerator`."""

import pickle

import numpy as np
import pytest
from skorch.callbacks import Callback

from sknamegen import CharLSTMGenerator, load_names

# Names whose endings and beginnings repeat.
DRUGS = [
    f"{start}{middle}{end}"
    for start in ("Abi", "Ceta", "Dolo", "Lena", "Mira", "Zori")
    for middle in ("", "ri", "xo")
    for end in ("mab", "pril", "zepam")
]
PARAMS = {"init": "base", "similar": None, "max_epochs": 1, "random_state": 0}


def fit(names=DRUGS, labels=None, **params):
    return CharLSTMGenerator(**PARAMS | params).fit(names, labels)


@pytest.fixture(scope="module")
def counted():
    return fit()


@pytest.fixture(scope="module")
def networks():
    return fit(ngram_counts=False)


def probas(generator, label=None):
    return generator.next_char_proba(["", "Ab", "Dolori", "Ceta"], label)


@pytest.mark.full
def test_repeated_endings_become_more_probable(counted, networks):
    assert counted.has_ngram_counts_
    assert not networks.has_ngram_counts_
    end = list(counted.alphabet_).index("m")
    assert probas(counted)[2, end] > 1.2 * probas(networks)[2, end]
    held_out = ["Abixopril", "Mirazepam", "Lenarimab"]
    few = fit(DRUGS[::2])
    assert few.score(held_out) > fit(DRUGS[::2], ngram_counts=False).score(held_out) + 0.2
    # Contexts of one character have no counts.
    np.testing.assert_allclose(probas(counted)[0], probas(networks)[0], rtol=1e-6)


def test_long_lists_and_random_weights_have_no_counts():
    small, names = {"init": None, "hidden_size": 8}, load_names("female")[:200]
    assert not fit(names, num_networks=1).has_ngram_counts_
    assert fit(names, **small, ngram_counts=True).has_ngram_counts_
    assert not fit(**small).has_ngram_counts_
    assert fit(**small, ngram_counts=np.True_).has_ngram_counts_


def saved(generator):
    """Return the state of the model."""
    return generator.__getstate__()["_fitted"]["model"]


def saved_counts(generator):
    return saved(generator)["counts"]


def test_weights_do_not_change_how_strong_counts_are(counted):
    assert saved(counted)["counts_weight"] == 16
    generator = CharLSTMGenerator(**PARAMS)
    generator.fit(DRUGS, sample_weight=[100.0] * len(DRUGS))
    assert saved(generator)["counts_weight"] == 1600


def test_partial_fit_counts_all_names_so_far(counted):
    generator = CharLSTMGenerator(**PARAMS)
    letters = sorted(set("".join(DRUGS)))
    for part in (DRUGS[::2], DRUGS[1::2]):
        generator.partial_fit(part, alphabet=letters)
        # Saving in between changes nothing.
        generator = pickle.loads(pickle.dumps(generator))
    assert saved(generator)["counts_weight"] == 16
    for name, array in saved_counts(counted).items():
        np.testing.assert_array_equal(saved_counts(generator)[name], array)
    # From 200 names on, only later calls use the counts.
    for part, concentration in ((DRUGS[:1] * (199 - len(DRUGS)), 16), (DRUGS[:1], None)):
        assert saved(generator.partial_fit(part))["counts_weight"] == concentration


def test_warm_start_counts_anew(counted):
    generator = fit(DRUGS[::2], warm_start=True).fit(DRUGS)
    assert saved_counts(generator)["counts"].sum() == saved_counts(counted)["counts"].sum()


def test_init_provides_no_counts(counted):
    generator = fit(["Abimab", "Dolori", "Cetaxo"], init=counted, ngram_counts=False)
    assert not generator.has_ngram_counts_
    assert pickle.loads(pickle.dumps(generator)).init.has_ngram_counts_


def test_saved_models_contain_counts_only_if_they_are_used(networks):
    """`partial_fit` uses the counts of all calls, also if they are not part of the model."""
    params = {**PARAMS, "init": None, "hidden_size": 8}
    generator = CharLSTMGenerator(**params).partial_fit(DRUGS)
    loaded = pickle.loads(pickle.dumps(generator))
    np.testing.assert_array_equal(probas(loaded), probas(generator))
    for model in (generator, loaded):
        assert saved(model.partial_fit(DRUGS[:9]))["counts_weight"] is None
        counts = saved_counts(model)["counts"]
        assert counts.sum() == sum(len(name) + 1 for name in DRUGS + DRUGS[:9])
    for model in (networks, fit(**params)):
        assert saved(model)["counts"] is None


class Compare(Callback):
    def on_epoch_end(self, net, **kwargs):
        self.generator = net.generator()


def test_callbacks_and_losses_concern_the_networks_alone(networks):
    generator = fit(callbacks=[("compare", Compare())])
    assert generator.loss_curve_ == networks.loss_curve_
    last = dict(generator.nets_[0].callbacks_)["compare"].generator
    np.testing.assert_array_equal(probas(last), probas(networks))


def test_each_label_has_its_own_counts():
    labels = [name[-2:] for name in DRUGS]
    generator = fit(labels=labels)
    assert generator.has_ngram_counts_
    m = list(generator.alphabet_).index("m")
    assert probas(generator, "ab")[2, m] > 3 * probas(generator, "il")[2, m]
    drawn = generator.sample("Dolo", 0.7, 50, label="ab", random_state=0)
    assert np.mean([name.endswith("mab") for name in drawn]) > 0.5
