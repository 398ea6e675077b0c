import copy
import itertools
import math
import pickle
import re
import threading
from collections import Counter

import numpy as np
import pytest
import torch
from conftest import small_generator, small_pipeline
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback, EarlyStopping
from skorch.exceptions import SkorchTrainingImpossibleError

from sknamegen import CharSequenceVectorizer

END = "\3"


def log_proba_slow(generator, context, target):
    """Log-probability of one character after one window, the network run on it alone."""
    index = {character: i for i, character in enumerate(generator.alphabet_)}
    index["\2"] = len(index)
    codes = torch.tensor([[index.get(c, len(generator.alphabet_) + 1) for c in context]])
    with torch.no_grad():
        logits = generator.net_.module_(codes)[-1]
    if target not in index:
        return -math.log(generator.n_characters_seen_ + 1)
    return logits.log_softmax(0)[index[target]].item()


def score_samples_slow(generator, windows):
    """A loop over all windows."""
    return [
        sum(
            log_proba_slow(generator, "".join(map(chr, w[:-1])).lstrip("\0"), chr(w[-1]))
            for w in positions
            if w[-1] != 0
        )
        for positions in windows
    ]


# What is learned, and how it is scored


@pytest.mark.parametrize("window_length", [1, 3, 10])
@pytest.mark.parametrize("kind", [{}, {"embedding_dim": None}, {"num_layers": 2}])
def test_a_prediction_depends_on_exactly_the_window(names, window_length, kind):
    pipe = small_pipeline(window_length, max_epochs=1, **kind).fit(names)
    windows = pipe[0].transform(["", "Al", "Maria", "Marguerite", "Annamaria Marguerita", "Zoë"])
    expected = score_samples_slow(pipe[-1], windows)
    np.testing.assert_allclose(pipe[-1].score_samples(windows), expected, atol=1e-5)


@pytest.mark.parametrize("step", [2, 5])
def test_scores_of_windows_with_a_step(names, generator, step):
    windows = CharSequenceVectorizer(step=step).fit_transform(["Al", "Annamaria Marguerita"])
    expected = score_samples_slow(generator, windows)
    np.testing.assert_allclose(generator.score_samples(windows), expected, atol=1e-5)


def test_scores_of_running_text(text_generator):
    vectorizer = CharSequenceVectorizer(window_length=5, boundary=False)
    windows = vectorizer.fit_transform(["Maria\n Anna\n", "Elisabeth"])
    expected = score_samples_slow(text_generator, windows)
    np.testing.assert_allclose(text_generator.score_samples(windows), expected, atol=1e-5)


def test_a_prediction_ignores_what_left_the_window(names):
    generator = small_pipeline(window_length=3, max_epochs=1).fit(names)[-1]
    first, second, third = generator.next_char_proba(["Maria", "Daria", "Mabia"])
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - third).max() > 1e-4


def test_score_is_nats_per_predicted_character(pipe, names):
    score_samples = pipe.score_samples(names)
    assert score_samples.shape == (len(names),)
    n_characters = sum(len(name) + 1 for name in names)
    assert pipe.score(names) == pytest.approx(score_samples.sum() / n_characters)
    assert pipe[-1].perplexity(pipe[0].transform(names)) == pytest.approx(
        math.exp(-pipe.score(names))
    )


def test_score_samples_is_the_product_of_next_char_proba(pipe, generator):
    name = "Marguerite"
    proba = generator.next_char_proba([name[:i] for i in range(len(name) + 1)])
    columns = [generator.alphabet_.tolist().index(c) for c in [*name, END]]
    log_proba = np.log(proba[np.arange(len(name) + 1), columns])
    assert pipe.score_samples([name])[0] == pytest.approx(log_proba.sum(), abs=1e-5)


def test_scores_do_not_depend_on_the_other_names(pipe, names):
    together = pipe.score_samples(names)
    np.testing.assert_allclose(pipe.score_samples(names[7:8]), together[7:8], atol=1e-5)


def test_probabilities_of_all_names_sum_to_one():
    pipe = small_pipeline(window_length=2).fit(["a", "ab", "b"])
    everything = ["".join(c) for n in range(9) for c in itertools.product("ab", repeat=n)]
    total = np.exp(pipe.score_samples(everything)).sum()
    longer = sum(
        np.exp(pipe.score_samples([name])[0]) * _continues(pipe[-1], name) / _ends(pipe[-1], name)
        for name in everything
        if len(name) == 8
    )
    assert total + longer == pytest.approx(1, abs=1e-6)


def _ends(generator, name):
    return generator.next_char_proba([name])[0, generator.alphabet_.tolist().index(END)]


def _continues(generator, name):
    return 1 - _ends(generator, name)


def test_training_learns(names):
    pipe = small_pipeline(hidden_size=64, max_epochs=8, lr=0.02).fit(names)
    held_out = ["Marianna", "Joella", "Kathleen", "Bettina"]
    untrained = math.log(len(pipe[-1].alphabet_))
    assert -pipe.score(held_out) < untrained - 1
    assert -pipe.score(names) < untrained - 1.5


def test_a_single_name_is_learned_by_heart():
    pipe = small_pipeline(hidden_size=32, max_epochs=150, dropout=0, batch_size=1).fit(["Ottilie"])
    assert pipe[-1].sample() == "Ottilie"
    assert pipe.score(["Ottilie"]) > -0.05


def test_unknown_characters_have_a_small_finite_probability(pipe, names):
    score = pipe.score_samples(["Ma\u0416ia", "Maria"])
    assert np.isfinite(score).all()
    assert score[0] < score[1]
    n_seen = sum(len(name) + 1 for name in names)
    assert pipe[-1].n_characters_seen_ == n_seen
    assert pipe.score_samples(["\u0416"])[0] < -math.log(n_seen)


def test_fitted_attributes(names):
    pipe = small_pipeline(window_length=4).fit(names)
    generator = pipe[-1]
    assert generator.alphabet_.tolist() == sorted({END, *"".join(names)})
    assert generator.window_length_ == 4
    assert generator.max_length_ == max(map(len, names))
    assert generator.n_iter_ == 3
    assert len(generator.loss_curve_) == 3
    assert generator.loss_curve_ == sorted(generator.loss_curve_, reverse=True)
    assert generator.validation_scores_ is None


def test_fitted_attributes_of_running_text(text_generator):
    assert END not in text_generator.alphabet_
    assert text_generator.max_length_ is None


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("window_length", [3, 20])
def test_max_length_covers_the_longest_name(step, window_length):
    vectorizer = CharSequenceVectorizer(window_length=window_length, step=step)
    generator = small_generator(max_epochs=1).fit(vectorizer.fit_transform(["Al", "Marguerite"]))
    assert 10 <= generator.max_length_ < 10 + step


def test_loss_is_averaged_over_characters(names):
    # Without updates worth mentioning, the loss of an epoch is minus the score.
    pipe = small_pipeline(lr=1e-12, dropout=0, max_epochs=1, weight_decay=0, batch_size=150)
    assert pipe.fit(names)[-1].loss_curve_[0] == pytest.approx(-pipe.score(names), abs=1e-5)


def test_verbose_prints_a_line_an_epoch(names, capsys):
    generator = small_pipeline(verbose=1, early_stopping=True).fit(names)[-1]
    printed = capsys.readouterr()
    lines = [line for line in printed.out.splitlines() if line.startswith("Epoch")]
    for i, line in enumerate(lines):
        loss, valid = generator.loss_curve_[i], -generator.validation_scores_[i]
        assert line.startswith(f"Epoch {i + 1}/3: {loss:.4f} nats/char, held out {valid:.4f}, ")
    assert len(lines) == 3
    assert "it/s]" in printed.err


def test_silent_by_default(names, capsys):
    small_pipeline(max_epochs=1).fit(names)
    assert capsys.readouterr() == ("", "")


def test_early_stopping_holds_out_names_and_keeps_the_best_epoch(names):
    class Spy(Callback):
        def on_train_begin(self, net, X=None, **kwargs):
            self.n_train_ = len(X)

        def on_epoch_begin(self, net, dataset_valid=None, **kwargs):
            self.n_valid_ = len(dataset_valid)
            Spy.seen = self

    pipe = small_pipeline(
        window_length=20,  # one sequence a name
        early_stopping=True,
        validation_fraction=0.25,
        n_iter_no_change=2,
        hidden_size=64,
        lr=0.05,
        dropout=0,
        max_epochs=50,
        callbacks=[Spy()],
    ).fit(names)
    generator = pipe[-1]
    assert (Spy.seen.n_train_, Spy.seen.n_valid_) == (300, 100)
    assert generator.n_iter_ == len(generator.validation_scores_) < 50
    best = int(np.argmax(generator.validation_scores_))
    assert best == generator.n_iter_ - 3
    # The weights are those of that epoch: fewer epochs of the same training are worse.
    assert pipe.score(names) < -generator.loss_curve_[-1]


def test_early_stopping_needs_two_names():
    with pytest.raises(ValueError, match="at least one name to train on"):
        small_pipeline(early_stopping=True).fit(["Ada"])


def test_skorch_callbacks_are_called_and_may_stop(names):
    stopping = EarlyStopping(monitor="train_loss", patience=1, threshold=10)
    generator = small_pipeline(callbacks=[("mine", stopping)], max_epochs=20).fit(names)[-1]
    assert generator.n_iter_ == 2


def test_net_params_reach_skorch(names):
    generator = small_pipeline(optimizer="RMSprop", net_params={"optimizer__alpha": 0.9}).fit(
        names
    )[-1]
    assert isinstance(generator.net_.optimizer_, torch.optim.RMSprop)
    assert generator.net_.optimizer_.param_groups[0]["alpha"] == 0.9


def test_the_one_cycle_schedule(names):
    rates = []

    class Spy(Callback):
        def on_batch_end(self, net, training, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    small_pipeline(lr=0.02, callbacks=[Spy()], batch_size=20, max_epochs=4).fit(names)
    peak = int(np.argmax(rates))
    assert peak / len(rates) == pytest.approx(0.3, abs=0.05)
    assert rates[peak] == pytest.approx(0.02, rel=0.01)
    assert rates == sorted(rates[:peak]) + sorted(rates[peak:], reverse=True)
    assert max(rates[0], rates[-1]) < 0.001
    rates.clear()
    small_pipeline(lr=0.02, lr_schedule="constant", callbacks=[Spy()]).fit(names)
    assert set(rates) == {0.02}


def n_optimizer_steps(generator):
    return generator.net_.optimizer_.state_dict()["state"][0]["step"].item()


def test_warm_start_continues(names):
    windows = CharSequenceVectorizer().fit_transform(names)
    generator = small_generator(warm_start=True, lr_schedule="constant", lr=0.01)
    losses = generator.fit(windows).loss_curve_
    n_steps = n_optimizer_steps(generator)
    generator.fit(windows)
    assert generator.n_iter_ == 6
    assert generator.loss_curve_[:3] == losses
    assert generator.loss_curve_[3] < losses[-1]
    assert n_optimizer_steps(generator) == 2 * n_steps
    copied = pickle.loads(pickle.dumps(generator)).fit(windows)
    assert copied.n_iter_ == 9
    assert copied.loss_curve_[6] < losses[-1]


def test_warm_start_keeps_the_alphabet():
    generator = small_generator(warm_start=True)
    generator.fit(CharSequenceVectorizer().fit_transform(["Ada"]))
    generator.fit(CharSequenceVectorizer().fit_transform(["Eve", "dad"]))
    assert generator.alphabet_.tolist() == [END, "A", "a", "d"]
    with pytest.raises(ValueError, match="warm_start needs the network of the last fit"):
        generator.set_params(hidden_size=5).fit(CharSequenceVectorizer().fit_transform(["Ada"]))
    with pytest.raises(ValueError, match="window_length seen in fit, 10"):
        generator.fit(CharSequenceVectorizer(window_length=3).fit_transform(["Ada"]))


def test_refit_leaves_nothing(names):
    windows = CharSequenceVectorizer(window_length=4).fit_transform(["Al", "Bo"])
    refitted = small_pipeline(early_stopping=True).fit(names)[-1]
    refitted.set_params(early_stopping=False).fit(windows)
    fresh = clone(refitted).fit(windows)
    assert vars(refitted).keys() == vars(fresh).keys()
    for name in ("alphabet_", "window_length_", "max_length_", "n_iter_", "loss_curve_"):
        np.testing.assert_array_equal(getattr(refitted, name), getattr(fresh, name))
    assert refitted.validation_scores_ is None
    np.testing.assert_array_equal(refitted.score_samples(windows), fresh.score_samples(windows))


# What goes wrong


@pytest.mark.parametrize(
    ("params", "error", "match"),
    [
        ({"hidden_size": 0}, ValueError, "hidden_size must be an int >= 1. Got 0."),
        ({"hidden_size": 2.5}, TypeError, "hidden_size must be an int >= 1. Got 2.5."),
        ({"num_layers": 0}, ValueError, "num_layers must be an int >= 1"),
        ({"embedding_dim": 0}, ValueError, "embedding_dim must be an int >= 1"),
        ({"dropout": 1}, ValueError, "dropout must be in [0, 1). Got 1."),
        ({"dropout": math.nan}, ValueError, "Got nan"),
        ({"optimizer": "Adm"}, ValueError, "optimizer must be a class of torch.optim"),
        ({"optimizer": "Tensor"}, ValueError, "Got 'Tensor'"),
        ({"lr": 0}, ValueError, "lr must be a finite number > 0. Got 0."),
        ({"lr": "fast"}, TypeError, "lr must be a finite number > 0. Got 'fast'."),
        ({"lr": math.inf}, ValueError, "Got inf"),
        ({"lr_schedule": "cosine"}, ValueError, "lr_schedule must be one of 'one_cycle'"),
        ({"weight_decay": -1}, ValueError, "weight_decay must be a finite number >= 0"),
        ({"batch_size": 0}, ValueError, "batch_size must be an int >= 1"),
        ({"max_epochs": 0}, ValueError, "max_epochs must be an int >= 1"),
        ({"early_stopping": "yes"}, ValueError, "early_stopping must be one of True, False"),
        ({"validation_fraction": 1}, ValueError, "validation_fraction must be in (0, 1)"),
        ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change must be an int >= 1"),
        ({"net_params": [1]}, TypeError, "net_params must be a dict or None"),
        ({"net_params": {"batch_size": 7}}, ValueError, "does not set itself. Got 'batch_size'."),
        ({"net_params": {1: 2}}, ValueError, "Got 1."),
        ({"callbacks": 5}, TypeError, "callbacks must be a list of skorch callbacks or None"),
        ({"optimizer": "Optimizer"}, ValueError, "Got 'Optimizer'"),
        ({"lr": 10**400}, ValueError, "lr must be a finite number > 0"),
        ({"device": None}, ValueError, "device must be one that torch can compute on"),
        ({"device": "meta"}, ValueError, "device must be one that torch can compute on"),
        ({"device": "abacus"}, ValueError, "device must be one that torch can compute on"),
        ({"verbose": "loud"}, TypeError, "verbose must be an int >= 0. Got 'loud'."),
        ({"random_state": -1}, ValueError, "random_state must be an int >= 0. Got -1."),
        ({"random_state": "x"}, TypeError, "random_state"),
    ],
)
def test_bad_parameters(params, error, match):
    with pytest.raises(error, match=re.escape(match)):
        small_pipeline(**params).fit(["Ada"])


@pytest.mark.parametrize(
    ("lr", "params"),
    [(1e30, {}), (1e6, {"optimizer": "SGD"}), (1e4, {})],
)
def test_divergence_says_so_and_changes_nothing(names, lr, params):
    windows = CharSequenceVectorizer().fit_transform(names)
    generator = small_generator(max_epochs=2).fit(windows)
    before, score = vars(generator).copy(), generator.score(windows)
    with pytest.raises(ValueError, match=rf"diverged: .* in epoch \d with lr={re.escape(str(lr))}"):
        generator.set_params(lr=lr, **params).fit(windows)
    assert vars(generator) == before | {"lr": lr} | params
    assert generator.score(windows) == score


@pytest.mark.parametrize("lr", [1e-6, 0.1])
@pytest.mark.parametrize(
    "names",
    [["Ada"], ["Ada"] * 20, ["A", "B"], ["x" * 500], [""], ["Ada", "x" * 50]],
)
def test_odd_lists_are_learned(names, lr):
    pipe = small_pipeline(hidden_size=1, max_epochs=2, lr=lr).fit(names)
    assert np.isfinite(pipe.score_samples(names)).all()
    if "".join(names):
        assert set(pipe[-1].sample(random_state=0)) <= set("".join(names))


def test_empty_names_only():
    generator = small_pipeline().fit(["", ""])[-1]
    assert generator.sample(min_length=0, max_length=3) == ""
    with pytest.raises(ValueError, match="empty names only"):
        generator.sample(max_length=3)


def test_interruption_leaves_the_epochs_done(names):
    class Interrupt(Callback):
        def on_batch_begin(self, net, **kwargs):
            if len(net.history) == 3:
                raise KeyboardInterrupt

    windows = CharSequenceVectorizer().fit_transform(names)
    generator = small_generator(max_epochs=9, callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        generator.fit(windows)
    assert generator.n_iter_ == len(generator.loss_curve_) == 2
    assert -generator.score(windows) < generator.loss_curve_[0]
    assert isinstance(generator.sample(), str)


def test_interruption_before_training_changes_nothing(names, monkeypatch):
    generator = small_generator()
    monkeypatch.setattr(type(generator), "_callbacks", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        generator.fit(CharSequenceVectorizer().fit_transform(names))
    assert not [name for name in vars(generator) if name.endswith("_")]


@pytest.mark.parametrize(
    "call",
    [
        lambda g: g.sample(),
        lambda g: g.stream(),
        lambda g: g.next_char_proba(""),
        lambda g: g.score(np.zeros((1, 1, 11), dtype=int)),
        lambda g: g.score_samples(np.zeros((1, 1, 11), dtype=int)),
        lambda g: g.perplexity(np.zeros((1, 1, 11), dtype=int)),
    ],
)
def test_not_fitted(call):
    with pytest.raises(NotFittedError):
        call(small_generator())


def test_scoring_other_windows(generator):
    windows = CharSequenceVectorizer(window_length=3).fit_transform(["Ada"])
    with pytest.raises(ValueError, match="window_length seen in fit, 10"):
        generator.score(windows)
    with pytest.raises(TypeError, match="put a CharSequenceVectorizer in front"):
        generator.score(["Ada"])
    with pytest.raises(TypeError, match="put a CharSequenceVectorizer in front"):
        small_generator().fit(["Ada"])
    with pytest.raises(ValueError, match="at least one character to predict"):
        generator.score(CharSequenceVectorizer().fit_transform(["Ada", "Adaline"])[:1, 5:])


def test_the_last_step_may_diverge_too():
    windows = CharSequenceVectorizer().fit_transform(["Ada", "Eve"])  # one batch, one step
    for lr in (10, 1e30):
        with pytest.raises(ValueError, match=r"Training diverged: a loss of .* worse than guess"):
            small_generator(max_epochs=1, lr=lr).fit(windows)


def test_early_stopping_is_judged_by_the_weights_it_keeps(names):
    generator = small_pipeline(
        lr=3, lr_schedule="constant", max_epochs=10, early_stopping=True, optimizer="SGD"
    ).fit(names)[-1]
    assert max(generator.validation_scores_) > -math.log(len(generator.alphabet_))


def test_numpy_numbers_are_numbers(names):
    generator = small_pipeline(
        hidden_size=np.int64(4),
        num_layers=np.int8(1),
        embedding_dim=np.int32(3),
        batch_size=np.uint8(50),
        max_epochs=np.int64(1),
        lr=np.float32(0.01),
        dropout=np.float64(0.1),
        verbose=np.False_,
        random_state=np.int64(0),
    ).fit(names)[-1]
    written = generator.sample(
        "Ma",
        np.float32(0.5),
        np.int8(3),
        min_length=np.uint8(4),
        max_length=np.uint8(9),
        top_k=np.int16(5),
        top_p=np.float16(0.9),
        random_state=np.uint8(1),
    )
    assert all(4 <= len(name) <= 9 for name in written)
    assert generator.sample(np.array(["Ma", "Jo"]), random_state=0)[1].startswith("Jo")


def test_names_and_running_text_are_not_mixed(generator, text_generator):
    text = CharSequenceVectorizer(boundary=False).fit_transform(["Maria Anna Maria"])
    with pytest.raises(ValueError, match=r"boundary was True\. Got windows with boundary=False"):
        generator.score(text)
    with pytest.raises(ValueError, match=r"boundary was False\. Got windows with boundary=True"):
        text_generator.score(CharSequenceVectorizer(window_length=5).fit_transform(["Maria"]))


def test_warm_start_knows_the_longer_names():
    generator = small_generator(warm_start=True, max_epochs=1)
    generator.fit(CharSequenceVectorizer().fit_transform(["Anna", "Bo"]))
    generator.fit(CharSequenceVectorizer().fit_transform(["Annabo"]))
    generator.fit(CharSequenceVectorizer().fit_transform(["Bo"]))
    assert generator.max_length_ == 6
    assert generator.n_characters_seen_ == 5 + 3 + 7 + 3


# Sampling


def test_sample_gives_a_str_or_a_list(generator):
    assert isinstance(generator.sample(), str)
    assert isinstance(generator.sample("Mar", 0.5), str)
    assert generator.sample(n_samples=0) == generator.sample([]) == []
    assert len(generator.sample(n_samples=1)) == 1
    written = generator.sample("Mar", 0.5, 20)
    assert len(written) == 20
    assert all(type(name) is str and name.startswith("Mar") for name in written)


def test_one_name_for_each_seed(generator):
    seeds = ["Mar", "", "Elisabe", "J"]
    written = generator.sample(seeds, random_state=0)
    assert len(written) == 4
    assert all(name.startswith(seed) for name, seed in zip(written, seeds, strict=True))
    assert generator.sample(iter(seeds), random_state=0) == written


def test_names_stay_within_the_lengths(generator, names):
    written = generator.sample(n_samples=300, temperature=1.5)
    lengths = set(map(len, written))
    assert min(lengths) >= 1
    assert max(lengths) <= max(map(len, names))
    assert len(lengths) > 3
    written = generator.sample("Ma", n_samples=100, min_length=6, max_length=8)
    assert set(map(len, written)) == {6, 7, 8}
    assert generator.sample("Mari", max_length=4) == "Mari"
    assert all(END not in name for name in written)
    assert max(map(len, generator.sample(n_samples=9, min_length=30, max_length=30))) == 30


def test_empty_names_only_where_allowed(generator):
    proba = generator.next_char_proba("")[0, 0]
    assert generator.alphabet_[0] == END
    assert "" not in generator.sample(n_samples=2000, temperature=2.0)
    written = generator.sample(n_samples=2000, temperature=2.0, min_length=0)
    assert ("" in written) == (proba > 1e-4)


def write_slow(generator, uniforms, temperature, max_length):
    """One name, one character after another through the public distribution."""
    name = ""
    for uniform in uniforms:
        p = generator.next_char_proba([name])[0] ** (1 / temperature)
        if name == "":
            p[generator.alphabet_.tolist().index(END)] = 0
        character = generator.alphabet_[np.searchsorted(np.cumsum(p / p.sum()), uniform, "right")]
        if character == END or len(name) == max_length:
            break
        name += character
    return name


@pytest.mark.parametrize("window_length", [1, 3, 10])
@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_the_batch_writes_what_a_loop_writes(names, window_length, temperature):
    generator = small_pipeline(window_length, max_epochs=1).fit(names)[-1]
    written = generator.sample(temperature=temperature, n_samples=20, max_length=12, random_state=3)
    uniforms = np.random.default_rng(3).random((20, 12))
    assert written == [write_slow(generator, row, temperature, 12) for row in uniforms]


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_first_letters_are_drawn_as_predicted(generator, temperature):
    n = 20_000
    written = generator.sample(temperature=temperature, n_samples=n, min_length=0, random_state=0)
    p = generator.next_char_proba("")[0] ** (1 / temperature)
    p /= p.sum()
    counts = Counter(name[:1] or END for name in written)
    observed = np.array([counts[character] for character in generator.alphabet_])
    assert observed.sum() == n
    z = (observed - n * p) / np.sqrt(n * p * (1 - p) + 1e-9)
    assert np.abs(z[n * p > 5]).max() < 4.5
    chi_square = ((observed - n * p) ** 2 / (n * p))[n * p > 5]
    assert chi_square.sum() < len(chi_square) + 5 * math.sqrt(2 * len(chi_square))


def test_names_do_not_depend_on_the_size_of_blocks(generator, monkeypatch):
    written = generator.sample(n_samples=50, random_state=0)
    seeds = ["Mar", "", "J"] * 9
    from_seeds = generator.sample(seeds, random_state=0)
    monkeypatch.setattr("sknamegen._base._CACHED_ROWS", 4)
    assert generator.sample(n_samples=50, random_state=0) == written
    assert generator.sample(seeds, random_state=0) == from_seeds


def test_random_state(generator):
    assert generator.sample(n_samples=9, random_state=5) == generator.sample(
        n_samples=9, random_state=5
    )
    assert generator.sample(n_samples=9) != generator.sample(n_samples=9)
    for make in (np.random.RandomState, np.random.default_rng):
        rng = make(0)
        first, second = (generator.sample(n_samples=9, random_state=rng) for _ in range(2))
        assert first != second
        assert first == generator.sample(n_samples=9, random_state=make(0))


def test_temperature_zero_takes_the_most_probable_characters(generator):
    name = ""
    while True:
        p = generator.next_char_proba([name])[0]
        if name == "":
            p[generator.alphabet_.tolist().index(END)] = 0
        character = generator.alphabet_[p.argmax()]
        if character == END or len(name) == generator.max_length_:
            break
        name += character
    assert generator.sample(temperature=0) == name
    assert generator.sample(temperature=0, n_samples=3) == [name] * 3
    assert generator.sample(top_k=1) == name
    assert generator.sample(top_p=1e-9) == name
    assert generator.sample(temperature=1e-9) == name


def test_stream_yields_what_sample_writes(generator, text_generator):
    for random_state in range(5):
        characters = generator.stream("Ma", 0.8, random_state=random_state)
        assert next(iter([characters])) is iter(characters)
        streamed = list(characters)
        assert all(len(character) == 1 for character in streamed)
        assert "Ma" + "".join(streamed) == generator.sample("Ma", 0.8, random_state=random_state)
    streamed = "".join(text_generator.stream("Maria", random_state=0))
    assert len(streamed) == 100
    assert "Maria" + streamed == text_generator.sample("Maria", random_state=0)


def test_running_text(text_generator):
    assert len(text_generator.sample("Mar")) == 103
    assert list(map(len, text_generator.sample(["Mar", "Maria"], max_length=20))) == [20, 20]
    with pytest.raises(ValueError, match="seed must hold at least one character"):
        text_generator.sample()
    with pytest.raises(ValueError, match="seed must hold at least one character"):
        text_generator.next_char_proba([""])


@pytest.mark.parametrize(
    ("params", "error", "match"),
    [
        ({"temperature": -0.1}, ValueError, "temperature must be a finite number >= 0. Got -0.1."),
        ({"temperature": math.nan}, ValueError, "Got nan"),
        ({"temperature": math.inf}, ValueError, "Got inf"),
        ({"temperature": "hot"}, TypeError, "Got 'hot'"),
        ({"temperature": None}, TypeError, "Got None"),
        ({"n_samples": -1}, ValueError, "n_samples must be an int >= 0. Got -1."),
        ({"n_samples": 2.0}, TypeError, "n_samples must be an int >= 0. Got 2.0."),
        ({"seed": ["A", "B"], "n_samples": 2}, ValueError, "repeat the seeds"),
        ({"seed": 42}, TypeError, "Got 42; to make random draws repeat, there is random_state."),
        ({"seed": b"Jo"}, TypeError, "Got b'Jo'"),
        ({"seed": np.array("Jo")}, TypeError, "Got array('Jo'"),
        ({"temperature": 10**400}, ValueError, "temperature must be a finite number >= 0"),
        ({"max_length": 10**9}, ValueError, "max_length must leave at most 2,097,152 characters"),
        ({"seed": ["A", None]}, TypeError, "Got ['A', None]"),
        ({"seed": None}, TypeError, "seed must be what the names begin with"),
        ({"seed": "Zoë"}, ValueError, "seed 'Zoë' holds characters the model never saw: 'Z', 'ë'"),
        ({"seed": "A\3"}, ValueError, r"never saw: '\x03'"),
        ({"seed": "A\2"}, ValueError, r"never saw: '\x02'"),
        ({"seed": "A\0"}, ValueError, r"never saw: '\x00'"),
        ({"min_length": -1}, ValueError, "min_length must be an int >= 0"),
        ({"max_length": 0}, ValueError, "max_length must be an int >= 1"),
        ({"max_length": 2.5}, TypeError, "max_length must be an int >= 1"),
        ({"min_length": 5, "max_length": 4}, ValueError, "min_length=5 and max_length=4"),
        ({"min_length": 99}, ValueError, "the longest training name; pass a larger max_length"),
        ({"seed": "Maria", "max_length": 4}, ValueError, "Got seed 'Maria' of 5 characters"),
        ({"seed": "Maria" * 9}, ValueError, "the longest training name"),
        ({"top_k": 0}, ValueError, "top_k must be an int >= 1. Got 0."),
        ({"top_p": 0}, ValueError, "top_p must be in (0, 1]. Got 0."),
        ({"top_p": 1.1}, ValueError, "top_p must be in (0, 1]. Got 1.1."),
        ({"random_state": "x"}, TypeError, "random_state"),
    ],
)
def test_bad_sampling_parameters(generator, params, error, match):
    with pytest.raises(error, match=re.escape(match)):
        generator.sample(**params)
    if "n_samples" not in params:
        with pytest.raises(error):
            generator.stream(**params)


def test_next_char_proba(generator):
    proba = generator.next_char_proba(["", "Mar", "Margueritexx"[:10]])
    assert proba.shape == (3, len(generator.alphabet_))
    assert proba.dtype == np.float64
    np.testing.assert_allclose(proba.sum(1), 1)
    np.testing.assert_allclose(generator.next_char_proba(""), proba[:1], rtol=1e-5)
    assert generator.next_char_proba([]).shape == (0, len(generator.alphabet_))
    with pytest.raises(TypeError, match="seed must be"):
        generator.next_char_proba([None])


# Randomness, copies, threads


def fit_and_write(names, **params):
    pipe = small_pipeline(max_epochs=2, early_stopping=True, **params).fit(names)
    return pipe.score_samples(names), pipe[-1].sample(n_samples=5, random_state=0)


def test_random_state_decides_everything(names):
    torch.manual_seed(1)
    scores, written = fit_and_write(names, random_state=3)
    torch.manual_seed(2)
    again, written_again = fit_and_write(names, random_state=3)
    np.testing.assert_array_equal(scores, again)
    assert written == written_again
    other, _ = fit_and_write(names, random_state=4)
    assert np.abs(other - scores).max() > 0.01
    first, _ = fit_and_write(names, random_state=None)
    second, _ = fit_and_write(names, random_state=None)
    assert np.abs(first - second).max() > 0.01


def test_nothing_global_is_changed(names):
    def state():
        return (
            torch.get_rng_state().tolist(),
            repr(np.random.mtrand._rand.get_state()),
            torch.get_num_threads(),
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
        )

    before = state()
    pipe = small_pipeline(max_epochs=1).fit(names)
    stream = pipe[-1].stream()
    next(stream)
    assert state() == before
    pipe[-1].sample(n_samples=3)
    pipe.score(names)
    assert state() == before
    with pytest.raises(ValueError, match="diverged"):
        small_pipeline(lr=1e30).fit(names)
    assert state() == before


def test_threads_get_what_one_alone_gets(names):
    expected, _ = fit_and_write(names, random_state=0)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(fit_and_write(names, random_state=0)[0]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for scores in found:
        np.testing.assert_array_equal(scores, expected)


@pytest.mark.parametrize(
    "copies", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))]
)
def test_copies_score_and_write_the_same(pipe, names, copies):
    copied = copies(pipe)
    np.testing.assert_array_equal(copied.score_samples(names), pipe.score_samples(names))
    for temperature in (0.5, 1.0):
        assert copied[-1].sample("Ma", temperature, 5, random_state=0) == pipe[-1].sample(
            "Ma", temperature, 5, random_state=0
        )


def test_a_pickle_is_little_more_than_the_weights(names):
    generator = small_pipeline(hidden_size=128, max_epochs=1).fit(names)[-1]
    weights = sum(w.numel() * w.element_size() for w in generator.net_.module_.parameters())
    assert len(pickle.dumps(generator)) < 1.02 * weights + 3000


def test_a_loaded_net_says_that_it_cannot_be_trained(pipe):
    loaded = pickle.loads(pickle.dumps(pipe[-1]))
    with pytest.raises(SkorchTrainingImpossibleError, match="warm_start=True"):
        loaded.net_.partial_fit(None)


def test_parameters_changed_after_fit_do_not_hurt_a_pickle(pipe, names):
    changed = copy.deepcopy(pipe).set_params(lstm__hidden_size=3, lstm__embedding_dim=None)
    copied = pickle.loads(pickle.dumps(changed))
    np.testing.assert_array_equal(copied.score_samples(names), pipe.score_samples(names))
    assert copied[-1].hidden_size == 3


# Precision


def test_validation_scores_are_scores_in_float32(names):
    held_out = []

    class Spy(Callback):
        def on_epoch_end(self, net, dataset_valid=None, **kwargs):
            held_out.append(dataset_valid)

    generator = small_pipeline(
        precision="bfloat16", early_stopping=True, max_epochs=1, callbacks=[Spy()]
    ).fit(names)[-1]
    inputs, targets = (getattr(held_out[0], name).numpy() for name in ("inputs", "targets"))
    log_proba = generator._sequence_log_proba(inputs, targets).sum()
    expected = log_proba / np.count_nonzero(targets != -100)
    assert generator.validation_scores_[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", [{}, {"embedding_dim": None}, {"num_layers": 2}])
def test_training_in_each_precision(names, precision, kind):
    generator = small_pipeline(precision=precision, max_epochs=4, **kind).fit(names)[-1]
    assert generator.loss_curve_[-1] < generator.loss_curve_[0] - 0.3
    weights = list(generator.net_.module_.parameters())
    assert {weight.dtype for weight in weights} == {torch.float32}
    # bfloat16 has 8 bits of precision, so weights trained in it differ, a little.
    reference = small_pipeline(precision="float32", max_epochs=4, **kind).fit(names)
    difference = generator.score(reference[0].transform(names)) - reference.score(names)
    assert (difference == 0) == (precision == "float32")
    assert abs(difference) < 0.05


def test_precision_is_chosen_by_the_processor(monkeypatch):
    for supported in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda s=supported: s)
        assert small_generator()._uses_bfloat16() == supported
    assert small_generator(precision="bfloat16")._uses_bfloat16()
    assert not small_generator(precision="float32")._uses_bfloat16()
    with pytest.raises(ValueError, match="precision must be one of 'auto', 'float32'"):
        small_pipeline(precision="half").fit(["Ada"])
