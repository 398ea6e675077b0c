"""Fine-tuning of the networks of another generator or of the base model."""

import copy

import numpy as np
import pytest
import torch
from conftest import saved_copies, small_generator, small_pipeline, windows_of
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sknamegen import CharLSTMGenerator, load_names

END = "\3"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
ITALIAN = load_names("it_IT_surnames")[::9][:40]
# Steps too small to matter, and no n-gram counts.
UNTRAINED = {"lr": 1e-12, "weight_decay": 0, "max_epochs": 1, "ngram_counts": False}


def letters_of(*generators):
    """Return the small letters in the alphabets of all generators."""
    return [c for c in LETTERS if all(c in generator.alphabet_ for generator in generators)]


def proba_of_letters(generator, seeds, label=None, letters=None):
    """Return the distribution of the next small letter among `letters`.

    The penalty on character kinds depends on the list of names, but is equal for all small letters.
    It cancels out, so the result depends on the networks alone.
    """
    letters = letters or letters_of(generator)
    columns = [generator.alphabet_.tolist().index(letter) for letter in letters]
    proba = generator.next_char_proba(seeds, label)[:, columns]
    return proba / proba.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def small_base(names):
    return small_generator(init=None).fit(names)


@pytest.mark.parametrize(
    "kind", [{}, {"embedding_dim": None}, {"num_layers": 2}, {"num_networks": 2}]
)
def test_weights_of_shared_letters_are_pretrained(names, kind):
    base = small_generator(init=None, **kind).fit(names)
    generator = small_generator(init=base, **UNTRAINED | kind)
    generator.fit(["Anna", "Maria", "noémi", "christophe"])
    assert set(generator.alphabet_) - set(base.alphabet_) == {"é"}
    assert len(generator.nets_) == len(base.nets_)
    seeds, letters = ["", "A", "Mar", "marina", "christopherstina"], letters_of(generator, base)
    np.testing.assert_allclose(
        proba_of_letters(generator, seeds, letters=letters),
        proba_of_letters(base, seeds, letters=letters),
        rtol=1e-4,
    )


def test_labels_of_the_pretrained_network_are_reused(names):
    labels = np.resize(["a", "b", "c", "d"], len(names))
    base = small_generator(init=None).fit(names, labels)
    fine_tuned = small_generator(init=base, **UNTRAINED).fit(names, labels)
    seeds, of_base = ["", "Ma"], {}
    for label in "abcd":
        of_base[label] = proba_of_letters(base, seeds, label)
        np.testing.assert_allclose(proba_of_letters(fine_tuned, seeds, label), of_base[label], 1e-4)
    assert np.abs(of_base["a"] - of_base["b"]).max() > 1e-4
    # One label of the base and one new label.
    new_labels = np.where(labels == "a", "a", "x")
    mixed = small_generator(init=base, **UNTRAINED).fit(names, new_labels)
    np.testing.assert_allclose(proba_of_letters(mixed, seeds, "a"), of_base["a"], 1e-4)
    assert np.abs(proba_of_letters(mixed, seeds, "x") - of_base["a"]).max() > 1e-4


def test_new_labels_start_from_the_mean_label_vector(names):
    """The mean is weighted by the number of names of each label."""
    labels = np.resize(["a", "b", "b", "b"], len(names))
    base = small_generator(init=None).fit(names, labels)
    module = copy.deepcopy(base.nets_[0].module_).eval()
    with torch.no_grad():
        vectors = module.labels.weight
        vectors[:] = torch.tensor([0.25, 0.75]) @ vectors
        start, *seed = [len(base.alphabet_), *map(base.alphabet_.tolist().index, "Ma")]
        logits = module(torch.tensor([[start, *seed]]), torch.tensor([0]))[-1].double().numpy()
    expected = np.exp(logits)[np.searchsorted(base.alphabet_, letters_of(base))]
    unlabelled = small_generator(init=base, **UNTRAINED).fit(names)
    relabelled = small_generator(init=base, **UNTRAINED).fit(names, labels == "a")
    for generator, label in ((unlabelled, None), (relabelled, True), (relabelled, False)):
        proba = proba_of_letters(generator, ["Ma"], label)[0]
        np.testing.assert_allclose(proba, expected / expected.sum(), rtol=1e-4)


@pytest.mark.parametrize("names", [["anna"], ["Zoë-Éa"], ["Анна"], ["Ab7", "龍a"]])
def test_the_alphabet_comes_from_the_list(names):
    params = {"init": "base", "similar": None, "max_epochs": 3, "random_state": 0}
    generator = CharLSTMGenerator(**params).fit(names)
    assert generator.alphabet_.tolist() == sorted({*"".join(names), END})
    assert generator.init_share_ == 1


def test_fitted_attributes_describe_the_new_list_only(small_base):
    train = ["Anna", "Hanna"]
    generator = small_generator(init=small_base).fit(train)
    plain = small_generator(init=None).fit(train)
    assert generator.max_length_ == 5
    assert generator.n_characters_seen_ == plain.n_characters_seen_
    np.testing.assert_array_equal(generator.name_hashes_, plain.name_hashes_)
    novel_names = generator.sample(n_samples=300, novel=True, random_state=0)
    assert not set(novel_names) & set(train)


def test_init_in_a_grid_search(names, small_base):
    base, params = FrozenEstimator(small_base), {"hidden_size": 16, "embedding_dim": 8}
    pipe = make_pipeline(CharLSTMGenerator(max_epochs=1, random_state=0, **params))
    grid = {"charlstmgenerator__init": [None, base]}
    search = GridSearchCV(pipe, grid, cv=2).fit(names[:60])
    assert search.best_params_ == {"charlstmgenerator__init": base}
    refitted = clone(search.best_estimator_).fit(names[:60])
    assert refitted.score(names) == search.best_estimator_.score(names)


def test_init_accepts_a_pipeline_or_its_step(names):
    pipe = small_pipeline(init=None, max_epochs=1).fit(names[:100])
    scores = {
        small_generator(init=init, max_epochs=1).fit(ITALIAN).score(names)
        for init in (pipe, pipe[-1], FrozenEstimator(pipe[-1]), FrozenEstimator(pipe))
    }
    assert len(scores) == 1


@pytest.mark.parametrize("labels", [None, ["a", "b"] * 20])
def test_reproducibility_and_round_trips(small_base, labels):
    """A refit starts from `init` again."""
    params = {"init": FrozenEstimator(small_base), "num_networks": 2, "early_stopping": True}
    windows = windows_of(ITALIAN, 4)
    first, refitted = small_generator(**params), small_generator(**params).fit(windows[:20])
    generators = [generator.fit(windows, labels) for generator in (first, refitted)]
    assert first.loss_curve_ == refitted.loss_curve_
    generators += saved_copies(first)
    assert len({generator.score(windows, labels) for generator in generators}) == 1
    samples = [generator.sample(n_samples=20, random_state=1) for generator in generators]
    assert samples.count(samples[0]) == 5
    n_iter = first.n_iter_
    again = generators[-1].set_params(warm_start=True).fit(windows, labels)
    assert again.n_iter_ > n_iter


def test_several_networks_from_one_generator(names, small_base):
    """The networks start from those of `init` in turn, with different random numbers."""
    base = small_generator(init=None, num_networks=2, max_epochs=1).fit(names[:100])
    untrained = small_generator(init=base, **UNTRAINED | {"num_networks": 3}).fit(ITALIAN)
    recurrent, base_weights = (
        [net.network.arrays()["layers.0.weight_hh_l0"] for net in generator.nets_]
        for generator in (untrained, base)
    )
    assert len(recurrent) == 3
    for number, weights in enumerate(recurrent):
        np.testing.assert_allclose(weights, base_weights[number % 2], atol=1e-6)
    trained = small_generator(init=small_base, num_networks=2).fit(ITALIAN)
    first, second = (net.network.arrays()["head.weight"] for net in trained.nets_)
    assert trained.init_share_ == 1
    assert not np.array_equal(first, second)
