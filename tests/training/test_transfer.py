"""Starting from the weights of another generator, and from the base model."""

import io
import pickle
import re

import numpy as np
import pytest
import skops.io
import torch
from conftest import small_generator, small_pipeline
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sknamegen import (
    SKOPS_TRUSTED,
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
)
from sknamegen._training.network import CharLSTM
from sknamegen._training.plan import make_plan, origin_share
from sknamegen._training.transfer import origin_of, read_origin, write_origin
from sknamegen.metrics import expected_novelty

END = "\3"
GREEK = """
    Antonopoulos Papadakis Georgiou Nikolaidis Stavrou Vasilakis Makris Samaras Kanaris Kouros
    Pappas Demas Koumanidis Stroggylis Rousses Xenakis Karahalios Lambros Theodorou Mavridis
    Kalogeropoulos Dimitriou Panagakos Sarantis Giannakis Kostopoulos Alexiou Zervas Markopoulos
    Petridis Christakos Manolis Fotiadis Tsakalos Vlahos Spanos Galanis Kokkinos Economou Drakos
""".split()  # noqa: SIM905


def windows_of(names, window_length=10):
    return CharSequenceVectorizer(window_length=window_length).fit_transform(names)


def barely_trained(names, init, **params):
    """Start from `init` and take steps too small to matter."""
    return CharLSTMGenerator(
        init=init, lr=1e-12, weight_decay=0, max_epochs=1, random_state=0, **params
    ).fit(windows_of(names))


def without_shapes(generator):
    """The same generator with its networks alone."""
    generator._model = generator._model.model
    return generator


@pytest.mark.parametrize("kind", [{}, {"embedding_dim": None}, {"num_layers": 2}])
def test_the_weights_are_those_of_the_start_for_the_letters_of_the_list(names, kind):
    base = small_generator(**kind).fit(windows_of(names))
    sizes = {"embedding_dim": 8} | kind
    generator = without_shapes(barely_trained(["Anna", "annama", "noémi"], base, **sizes))
    without_shapes(base)
    known = [c in base.alphabet_ for c in generator.alphabet_]
    assert set(generator.alphabet_[~np.array(known)]) == {"é"}
    seeds = ["", "A", "Mar", "marina", "Christophanie"]
    of_base = base.next_char_proba(seeds)[:, np.isin(base.alphabet_, generator.alphabet_)]
    found = generator.next_char_proba(seeds)[:, known]
    np.testing.assert_allclose(
        found / found.sum(axis=1, keepdims=True),
        of_base / of_base.sum(axis=1, keepdims=True),
        rtol=1e-4,
    )


def test_labels_of_the_start(names):
    """Its labels are known again; without labels their mean is."""
    labels = np.repeat(["a", "b", "c", "d"], len(names) // 4)
    base = without_shapes(small_generator().fit(windows_of(names), labels))
    same = {"init": base, "lr": 1e-12, "weight_decay": 0, "max_epochs": 1, "embedding_dim": 8}
    again = without_shapes(CharLSTMGenerator(**same).fit(windows_of(names), labels))
    for label in "abcd":
        np.testing.assert_allclose(
            again.next_char_proba(["", "Ma"], label), base.next_char_proba(["", "Ma"], label), 1e-4
        )
    others = np.where(labels == "a", "a", "x")
    new = without_shapes(CharLSTMGenerator(**same).fit(windows_of(names), others))
    np.testing.assert_allclose(
        new.next_char_proba(["Ma"], "a"), base.next_char_proba(["Ma"], "a"), 1e-4
    )
    without = without_shapes(CharLSTMGenerator(**same).fit(windows_of(names)))
    np.testing.assert_allclose(
        without.next_char_proba(["", "Ma"]), new.next_char_proba(["", "Ma"], "x"), 1e-4
    )
    network, n = base.net_.network, len(base.alphabet_)
    with torch.no_grad():
        (weights,) = network.arrays()
        vectors = weights["embedding.weight"]
        vectors[: n + 2] += vectors[n + 2 :].mean(0)
        vectors[n + 2 :] = 0
        network.load_arrays([weights])
    base._model = network.model()
    np.testing.assert_allclose(
        without.next_char_proba(["", "Ma"]), base.next_char_proba(["", "Ma"], "a"), 1e-4
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["anna"], "abcdefghijklmnopqrstuvwxyz"),
        (["ANNA"], "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        (["Zoë-Éa"], None),
        (["Анна"], None),
        (["a7"], "7abcdefghijklmnopqrstuvwxyz"),
        (["龍太"], "太龍"),
    ],
)
def test_letters_that_may_come_are_of_a_kind_with_those_of_the_list(names, expected):
    generator = CharLSTMGenerator(init="base", max_epochs=1).fit(windows_of(names))
    letters = "".join(generator.alphabet_).replace(END, "")
    assert set("".join(names)) <= set(letters)
    if expected:
        assert letters == expected
    elif "-" in names[0]:
        assert set("-abcABC") <= set(letters)
        assert set("ëÉ") == {c for c in letters if not c.isascii()}
        assert not set(letters) & set(" 'αж")
    else:
        assert set("абвАБВ") <= set(letters)
        assert not set(letters) & set("abcABCé-")


def test_what_is_known_of_the_list_is_of_the_list_alone(names):
    base = FrozenEstimator(small_generator(hidden_size=32).fit(windows_of(names)))
    few = ["Anna", "Hanna"]
    generator = small_generator(init=base, hidden_size="auto").fit(windows_of(few))
    plain = small_generator().fit(windows_of(few))
    assert generator.max_length_ == 5
    assert generator.n_characters_seen_ == plain.n_characters_seen_
    np.testing.assert_array_equal(generator.name_hashes_, plain.name_hashes_)
    written = generator.sample(n_samples=300, novel=True, random_state=0)
    assert not set(written) & set(few)
    drawn = generator.sample(n_samples=4000, random_state=0)
    novelty = np.mean([name not in few for name in drawn])
    assert abs(expected_novelty(generator, windows_of(few)) - novelty) < 0.03


def test_in_pipelines_and_searches(names):
    base = FrozenEstimator(small_pipeline().fit(names)[-1])
    pipe = Pipeline(
        [
            ("windows", CharSequenceVectorizer()),
            ("lstm", CharLSTMGenerator(embedding_dim=8, max_epochs=1, random_state=0)),
        ]
    )
    grid = {"lstm__init": [None, base], "windows__window_length": [4, 12]}
    search = GridSearchCV(pipe, grid, cv=2).fit(names[:60])
    losses = dict(
        zip(
            [bool(params["lstm__init"]) for params in search.cv_results_["params"]],
            search.cv_results_["mean_test_score"],
            strict=True,
        )
    )
    assert losses[True] > losses[False]
    assert search.best_params_["lstm__init"] is not None
    copied = clone(search.best_estimator_).fit(names[:60])
    assert copied.score(names) == search.best_estimator_.score(names)


def test_the_base_in_a_search(names):
    pipe = Pipeline(
        [("windows", CharSequenceVectorizer()), ("lstm", CharLSTMGenerator(random_state=0))]
    )
    search = GridSearchCV(pipe, {"lstm__init": [None, "base"]}, cv=2).fit(GREEK)
    assert search.best_params_ == {"lstm__init": "base"}
    scratch, base = search.cv_results_["mean_test_score"]
    assert base > scratch + 0.2


def test_names_from_the_base_hold_no_foreign_letters():
    generator = CharLSTMGenerator(init="base", random_state=0).fit(windows_of(GREEK))
    letters = set("".join(generator.sample(n_samples=2000, temperature=1.2, random_state=0)))
    assert letters <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert letters - set("".join(GREEK))


def test_a_pipeline_and_its_step_are_the_same_start(names):
    pipe = small_pipeline().fit(names)
    scores = [
        small_generator(init=init).fit(windows_of(GREEK)).score(windows_of(names))
        for init in (pipe, pipe[-1], FrozenEstimator(pipe[-1]), FrozenEstimator(pipe))
    ]
    assert len(set(scores)) == 1


@pytest.mark.parametrize("labels", [None, ["a", "b"] * 20])
@pytest.mark.parametrize("params", [{}, {"early_stopping": True}])
def test_it_is_reproducible_and_comes_back_from_disk(names, labels, params):
    base = FrozenEstimator(small_generator().fit(windows_of(names)))
    generators = [
        small_generator(init=base, **params).fit(windows_of(GREEK, 4), labels) for _ in range(2)
    ]
    generators.append(pickle.loads(pickle.dumps(generators[0])))
    saved = skops.io.dumps(generators[0])
    generators.append(skops.io.loads(saved, trusted=SKOPS_TRUSTED))
    written = [each.sample(n_samples=20, random_state=1) for each in generators]
    assert written.count(written[0]) == 4
    again = generators[-1].set_params(warm_start=True).fit(windows_of(GREEK, 4), labels)
    assert again.n_iter_ > generators[0].n_iter_


def test_another_fit_starts_from_the_origin_alone(names):
    """Not from the optimizer of the fit before."""
    base = FrozenEstimator(small_generator().fit(windows_of(names)))
    fresh = small_generator(init=base).fit(windows_of(GREEK))
    again = small_generator(init=base).fit(windows_of(GREEK[:20])).fit(windows_of(GREEK))
    assert again.loss_curve_ == fresh.loss_curve_
    assert again.score(windows_of(GREEK)) == fresh.score(windows_of(GREEK))


def test_weights_and_partial_fit(names):
    base = FrozenEstimator(small_generator(hidden_size=32, max_epochs=8).fit(windows_of(names)))
    params = {"init": base, "hidden_size": "auto", "lr": 0.01}
    windows = windows_of(GREEK)
    weighted = small_generator(**params).fit(windows, sample_weight=[1] + [0] * 39)
    assert weighted.sample(n_samples=40, novel=True, random_state=0)
    assert weighted.score(windows[:1]) > weighted.score(windows[1:])
    chunked, whole = small_generator(**params), small_generator(**params)
    for _ in range(4):
        chunked.partial_fit(windows[:20], alphabet=whole.fit(windows).alphabet_)
        chunked.partial_fit(windows[20:])
    assert chunked.n_iter_ == 8
    scratch = small_generator(hidden_size=32, lr=0.01).fit(windows)
    assert chunked.score(windows) > scratch.score(windows) + 0.1


@pytest.mark.parametrize(
    ("params", "error", "match"),
    [
        (
            {"init": "bass"},
            TypeError,
            "init must be 'auto', None, 'base' or a fitted CharLSTMGenerator",
        ),
        ({"init": 3}, TypeError, "Got 3."),
        ({"init": CharLSTMGenerator()}, NotFittedError, "frozen.FrozenEstimator(generator)"),
        ({"init": CharNGramGenerator()}, NotFittedError, "init must be a fitted generator"),
        ({"init": "base", "num_layers": 2}, ValueError, "num_layers must be 1, as in the network"),
        ({"init": "base", "hidden_size": 7}, ValueError, "hidden_size must be 256"),
        ({"init": "base", "embedding_dim": None}, ValueError, "embedding_dim must be 64"),
    ],
)
def test_what_cannot_be_started_from(params, error, match):
    generator = CharLSTMGenerator(**params)
    with pytest.raises(error, match=re.escape(match)):
        generator.fit(windows_of(["Ada"]))
    assert not hasattr(generator, "alphabet_")


def test_counting_is_no_start():
    counting = CharNGramGenerator().fit(windows_of(["Ada"]))
    with pytest.raises(TypeError, match=r"fitted CharLSTMGenerator. Got CharNGramGenerator"):
        CharLSTMGenerator(init=counting).fit(windows_of(["Ada"]))


def test_a_saved_start_is_checked(names):
    file = io.BytesIO()
    write_origin(small_generator().fit(windows_of(names)), file)
    file.seek(0)
    with np.load(file) as arrays:
        sound = dict(arrays)

    def read(**changes):
        changed = io.BytesIO()
        np.savez(changed, **{k: v for k, v in (sound | changes).items() if v is not None})
        changed.seek(0)
        return read_origin(changed)

    start = read()
    assert start.alphabet.tolist() == sound["alphabet"].tolist()
    head = sound["networks.0.head.weight"]
    for changes in (
        {"alphabet": sound["alphabet"][::-1]},
        {"alphabet": sound["alphabet"][1:]},
        {"alphabet": np.arange(5)},
        {"networks.0.head.weight": None},
        {"networks.0.head.weight": head[:-1]},
        {"networks.0.head.weight": np.full_like(head, np.nan)},
        {"networks.0.head.weight": head.astype(np.int64)},
        {"more": head},
    ):
        with pytest.raises(ValueError, match="the file is damaged or was changed"):
            read(**changes)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read(more=np.array([{}], dtype=object))


@pytest.mark.parametrize(
    "kind", [{}, {"embedding_dim": None}, {"num_layers": 2}, {"num_networks": 2}]
)
def test_a_network_may_have_more_units_than_its_origin(names, kind):
    base = small_generator(**kind).fit(windows_of(names))
    sizes = {"num_layers": 1, "embedding_dim": 8} | kind
    sizes["shares"] = (1.0,) * sizes.pop("num_networks", 1)
    new = CharLSTM(len(base.alphabet_), hidden_size=20, dropout=0.0, seed=5, **sizes)
    before = new.arrays()
    origin, to = origin_of(base), (base.alphabet_, [])
    moved = [origin.move(i, own, *to, share=0.75) for i, own in enumerate(new.arrays())]
    for old, own, found in zip(base.net_.network.arrays(), before, moved, strict=True):
        for name, weight in found.items():
            is_layer, was = name.startswith("layers."), old[name]
            for gate in range(4 if is_layer else 1):
                rows = slice(20 * gate, 20 * gate + 16) if is_layer else slice(None)
                part = (rows, slice(was.shape[1])) if was.ndim == 2 else rows
                given = was[16 * gate : 16 * gate + 16] if is_layer else was
                expected = 0.25 * own[name][part] + 0.75 * given
                np.testing.assert_allclose(weight[part], expected, atol=1e-6)
                own[name][part] = weight[part]
            np.testing.assert_array_equal(weight, own[name])


def test_all_the_way_is_what_the_origin_has(names):
    base = small_generator(num_networks=2).fit(windows_of(names), ["a", "b"] * 200)
    origin, network = origin_of(base), base.net_.network
    for i, own in enumerate(network.arrays()):
        found = origin.move(i, own, base.alphabet_, ["a", "b"], share=1.0)
        for name in found.keys() - {"embedding.weight"}:
            np.testing.assert_array_equal(found[name], own[name])


@pytest.mark.parametrize("init", ["base", None])
def test_the_softmax_layer_learns_faster_from_a_start(names, init):
    windows = CharSequenceVectorizer().fit_transform(names[:20])
    generator = CharLSTMGenerator(init=init, num_networks=1, max_epochs=1, random_state=0)
    rates = {
        weight: group["lr"]
        for group in generator.fit(windows).net_.optimizer_.param_groups
        for weight in group["params"]
    }
    named = dict(generator.net_.module_.named_parameters())
    slowest = min(rates.values())
    for name, weight in named.items():
        factor = 3 if init and ".head." in name else 1
        assert rates.pop(weight) == pytest.approx(factor * slowest), name
    assert not rates


def test_settings_of_a_start_go_from_small_steps_to_large_ones():
    def plan(n, **params):
        given = CharLSTMGenerator(**params).get_params()
        sizes = {"n_characters": 50, "n_labels": 0, "n_sequences": n}
        plan = make_plan(given, **sizes, rng=np.random.default_rng(0), init_share=1.0)
        return plan, plan.networks[0]

    sizes = 1, 20, 50, 100, 500, 2000, 5000, 20_000
    found = [plan(n) for n in sizes]
    rates = [network.lr for _, network in found]
    assert rates == sorted(rates)
    (few, of_few), (many, of_many) = found[1], found[-1]
    assert (of_few.lr, of_few.ngram_weight, few.batch_size, few.max_epochs) == (0.002, 0, 8, 10)
    assert of_few.weight_decay == pytest.approx(0.08 / (30 * 0.001))
    assert (of_many.lr, of_many.ngram_weight) == (0.015, 0.6)
    assert (many.hidden_size, many.batch_size, many.max_epochs) == (352, 128, 11)
    assert [plan(n)[0].max_epochs for n in (63, 64)] == [10, 12]  # where batches double
    shares = [origin_share(n) for n in sizes]
    assert shares == sorted(shares, reverse=True)
    assert (shares[0], shares[-1]) == (1, 0.6)
    told, network = plan(20, lr=0.1, weight_decay=0.5, batch_size=np.int8(7), max_epochs=3)
    assert (network.lr, network.ngram_weight, network.weight_decay) == (0.1, 0, 0.5)
    assert (told.batch_size, told.max_epochs) == (7, 3)


@pytest.mark.parametrize("more", ["", "A"])
def test_a_list_of_unknown_characters_is_learned_from_scratch(more):
    """Whatever else the start knows of the kind of the few that it does know."""
    few = ["ᏣᎳᎩ", "ᏎᏉᏯ", "ᎠᏰᎵ", f"ᎣᏏᏲ{more}"]
    scratch, base = (
        CharLSTMGenerator(init=init, random_state=0).fit(windows_of(few)) for init in (None, "base")
    )
    assert base.alphabet_.tolist() == scratch.alphabet_.tolist()
    assert base.score(windows_of(few)) == scratch.score(windows_of(few))
