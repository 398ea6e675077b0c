"""What a training starts from where `init` is left to it."""

import pickle

import numpy as np
import pytest
import skops.io
from accelerate import Accelerator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sknamegen import (
    SKOPS_TRUSTED,
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    load_names,
)
from sknamegen._learning import learn
from sknamegen._models.model import Average, network_shares
from sknamegen._training.auto import base_share, distance
from sknamegen._training.transfer import find_origin

FEMALE = load_names("female")
SOME = FEMALE[::12]  # 412, so that half of the networks start from the base
FEW = FEMALE[::20]  # 248, as well
QUICK = {"max_epochs": 1, "random_state": 0}


def windows_of(names):
    return CharSequenceVectorizer().fit_transform(names)


def codes(n):
    rng = np.random.default_rng(0)
    return ["".join(row) for row in rng.choice(list("ACGT"), (n, 8))]


@pytest.mark.parametrize(
    ("names", "params", "share"),
    [
        (FEMALE[::300], {}, 1),
        (FEMALE[::300], {"num_networks": 3}, 1),
        (FEMALE[::300], {"hidden_size": 256, "embedding_dim": 64, "num_layers": 1}, 1),
        (FEMALE[::300], {"init": None}, 0),
        (FEMALE[::300], {"hidden_size": 16}, 0),
        (FEMALE[::300], {"num_layers": 2, "hidden_size": 16}, 0),
        (FEMALE[::300], {"embedding_dim": None}, 0),
        (SOME, {"init": "base"}, 1),
        (["ᏣᎳᎩ", "ᏎᏉᏯ", "ᎠᏰᎵ"], {}, 0),
        (FEMALE[::3], {"max_epochs": 1}, 0),
    ],
)
def test_what_it_starts_from(names, params, share):
    generator = CharLSTMGenerator(**QUICK | params).fit(windows_of(names))
    assert generator.init_share_ == share
    expected = params.get("num_networks", 1 if share else 2)
    assert len(generator.net_.network.networks) == expected
    if not share:
        scratch = CharLSTMGenerator(**QUICK | params | {"init": None}).fit(windows_of(names))
        assert scratch.score(windows_of(names)) == generator.score(windows_of(names))
        assert scratch.alphabet_.tolist() == generator.alphabet_.tolist()


def test_running_text_is_learned_from_scratch():
    windows = CharSequenceVectorizer(boundary=False).fit_transform([" ".join(FEMALE[::300])])
    assert CharLSTMGenerator(**QUICK).fit(windows).init_share_ == 0


@pytest.mark.parametrize("num_networks", ["auto", 1, 3])
def test_one_half_of_the_networks_starts_from_the_base(num_networks):
    sizes = {"num_networks": num_networks, "lr": 1e-12, "weight_decay": 0}
    windows = windows_of(FEW)
    generator = CharLSTMGenerator(**QUICK | sizes).fit(windows)
    base = CharLSTMGenerator(**QUICK | sizes | {"init": "base"}).fit(windows)
    networks = generator.net_.network.arrays()
    of_base = base.net_.network.arrays()[0]["head.weight"]
    is_base = [np.allclose(each["head.weight"], of_base, atol=1e-6) for each in networks]
    expected = {"auto": [True, False], 1: [True], 3: [True, True, False]}[num_networks]
    assert is_base == expected
    assert 0.5 <= generator.init_share_ < 1
    if num_networks == 1:
        return
    model = generator._model.model
    assert isinstance(model, Average)
    shares = [part.weight for part in model.parts]
    assert sum(shares[: sum(expected)]) == pytest.approx(generator.init_share_)
    assert sum(shares) == pytest.approx(1)
    # Weights that were barely moved: of the base it is worth something, the others know nothing.
    assert generator.score(windows) < base.score(windows)


def test_shares():
    assert network_shares(2, 0.0) == (0.5, 0.5)
    assert network_shares(2, 1.0) == (0.5, 0.5)
    assert network_shares(2, 0.75) == (0.75, 0.25)
    assert network_shares(3, 0.5) == (0.25, 0.25, 0.5)
    assert network_shares(1, 0.0) == network_shares(1, 1.0) == (1.0,)


def test_settings_of_each_network():
    """Those from the base learn as with init="base", the others as from scratch."""
    windows, groups = windows_of(FEW), {}
    for init in ("auto", "base", None):
        net = CharLSTMGenerator(init=init, **QUICK).fit(windows).net_
        named = dict(net.module_.named_parameters())
        rates = {w: g for g in net.optimizer_.param_groups for w in g["params"]}
        last = "networks.1" if init is None else "networks.0"
        groups[init] = [
            rates[named[f"{network}.{weight}"]]
            for network in (["networks.0", "networks.1"] if init == "auto" else [last])
            for weight in ("embedding.weight", "head.weight")
        ]
        assert len(rates) == len(named)
    of_base, of_scratch = groups["auto"][:2], groups["auto"][2:]
    peak = of_scratch[0]["lr"]
    for own, alone in zip(of_base, groups["base"], strict=True):
        assert own["lr"] == pytest.approx(alone["lr"])
        assert own["weight_decay"] == pytest.approx(alone["weight_decay"])
    for own, alone in zip(of_scratch, groups[None], strict=True):
        assert own["lr"] == pytest.approx(peak)
        assert own["weight_decay"] == alone["weight_decay"]
    assert of_base[0]["lr"] < peak / 3


@pytest.mark.parametrize("labels", [None, np.arange(len(SOME)) % 2])
@pytest.mark.parametrize("params", [{}, {"early_stopping": True}])
def test_it_is_reproducible_saved_and_goes_on(labels, params):
    windows, weights = windows_of(SOME), np.arange(len(SOME)) % 3
    made = [
        CharLSTMGenerator(**QUICK | params).fit(windows, labels, sample_weight=weights)
        for _ in range(2)
    ]
    made.append(pickle.loads(pickle.dumps(made[0])))
    made.append(skops.io.loads(skops.io.dumps(made[0]), trusted=SKOPS_TRUSTED))
    assert 0.5 < made[0].init_share_ < 1
    assert len({each.score(windows, labels) for each in made}) == 1
    assert len({each.init_share_ for each in made}) == 1
    before = made[-1].score(windows, labels)
    again = made[-1].set_params(warm_start=True, max_epochs=3).fit(windows, labels)
    assert again.init_share_ == made[0].init_share_
    assert again.score(windows, labels) > before


def test_early_stopping_judges_the_average(monkeypatch):
    import sknamegen._training.auto as auto

    scores = {}
    for share in (0.999999, 0.000001):
        monkeypatch.setattr(auto, "base_share", lambda *args, share=share: share)
        generator = CharLSTMGenerator(**QUICK, early_stopping=True).fit(windows_of(FEW))
        (scores[share],) = generator.validation_scores_
    assert scores[0.999999] > scores[0.000001] + 0.3


def test_pieces():
    """The first call decides."""
    generator = CharLSTMGenerator(random_state=0)
    windows = windows_of(FEMALE[::10])
    generator.partial_fit(windows[:20], alphabet="".join(FEMALE))
    share = generator.init_share_
    assert share > 0.8
    for start in range(20, 200, 20):
        generator.partial_fit(windows[start : start + 20])
    assert generator.init_share_ == share
    scratch = CharLSTMGenerator(init=None, random_state=0)
    scratch.partial_fit(windows[:20], alphabet="".join(FEMALE))
    for start in range(20, 200, 20):
        scratch.partial_fit(windows[start : start + 20])
    assert generator.score(windows[400:]) > scratch.score(windows[400:]) + 0.1


def test_with_accelerate():
    accelerator = Accelerator(cpu=True)
    windows = windows_of(FEW)
    generator = CharLSTMGenerator(**QUICK, accelerator=accelerator).fit(windows)
    plain = CharLSTMGenerator(**QUICK).fit(windows)
    assert generator.init_share_ == plain.init_share_
    assert generator.score(windows) == pytest.approx(plain.score(windows), abs=1e-3)


def test_an_optimizer_that_takes_one_group(monkeypatch):
    """Where the networks start from different weights, which have settings of their own."""
    monkeypatch.setattr("sknamegen._training.auto.base_share", lambda *args: 0.7)
    params = QUICK | {"optimizer": "LBFGS", "lr": 0.1, "net_params": {"optimizer__max_iter": 2}}
    generator = CharLSTMGenerator(**params).fit(windows_of(FEMALE[::300]))
    assert generator.init_share_ == 0.7
    assert len(generator.net_.network.networks) == 2


def test_distance():
    base = find_origin("base")

    def of(names, y=None):
        return distance(*learn(windows_of(names), y), base)

    assert of(codes(200)) > of(SOME[:200]) + 0.3
    assert of(SOME) > of(SOME[::20])
    assert of(SOME, np.arange(len(SOME)) % 2) == of(SOME)
    # Against counting by hand, on the first fifth.
    names = SOME[:250]
    rest, test = windows_of(names)[np.arange(250) % 5 > 0], windows_of(names)[::5]
    counting = CharNGramGenerator().fit(rest)
    assert np.isfinite(of(names))
    close = [counting.score(test) - of_base for of_base in (-3.0, -1.5)]
    assert close[1] < of(names) < close[0]
    assert np.isfinite(of(["Ada"]))


def test_a_share_is_within_bounds_and_falls_with_names_and_distance():
    base, params = find_origin("base"), CharLSTMGenerator().get_params()

    def share(names):
        return base_share(params, *learn(windows_of(names)), base)

    shares = [share(FEMALE[::step]) for step in (100, 30, 12, 6, 4)]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] >= 0.5
    assert share(FEMALE[::3]) == 0
    assert share(codes(400)) < share(FEMALE[::12])


def test_in_a_search():
    pipe = Pipeline(
        [("windows", CharSequenceVectorizer()), ("lstm", CharLSTMGenerator(random_state=0))]
    )
    search = GridSearchCV(pipe, {"lstm__hidden_size": ["auto", 64]}, cv=2).fit(FEMALE[::100])
    assert search.best_params_ == {"lstm__hidden_size": "auto"}
    assert search.best_estimator_[-1].init_share_ == 1


def test_the_usual_size_said_again_changes_nothing():
    """Where names are too many for the base, `hidden_size="auto"` is a number like any other."""
    windows = windows_of(FEMALE[:1600])
    usual = CharLSTMGenerator(**QUICK).fit(windows)
    said = CharLSTMGenerator(hidden_size=240, num_networks=2, **QUICK).fit(windows)
    assert usual.init_share_ == said.init_share_ == 0
    assert usual.score(windows) == said.score(windows)


def test_labels_are_told_from_few_names():
    """A start knows none of them, so their vectors learn faster than what it knows."""
    names, labels = load_names(return_X_y=True)
    held_out = slice(13, None, 30)
    windows, others = windows_of(names[::20]), windows_of(names[held_out])
    generator = CharLSTMGenerator(random_state=0).fit(windows, labels[::20])
    assert generator.init_share_ > 0.5
    told = generator.predict(others) == labels[held_out]
    assert told.mean() > 0.7
    # 0.013 if they learned as fast as the rest, 0.03 from random weights.
    gain = generator.score(others, labels[held_out]) - generator.score(others)
    assert gain > 0.018
