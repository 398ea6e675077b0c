"""Labels and sample weights, for both generators. `test_classifier.py` tests predictions."""

import itertools
import pickle
import re
import tracemalloc
from functools import partial

import numpy as np
import pytest
from conftest import (
    assert_drawn_from,
    classifier_of,
    ngram_pipeline,
    small_generator,
    small_pipeline,
)
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names


@pytest.fixture(scope="module", params=[small_pipeline, ngram_pipeline], ids=["lstm", "ngram"])
def make_pipe(request):
    return request.param


@pytest.fixture(scope="module")
def labelled():
    """Shuffled real names and their labels, of which a fifth are male."""
    names, labels = load_names(return_X_y=True)
    order = np.random.default_rng(1).permutation(len(names))
    order = [i for i in order if labels[i] == "female" or i % 3 == 0][:900]
    return [names[i] for i in order], labels[order]


@pytest.fixture(scope="module")
def pipe(make_pipe, labelled):
    """A small pipeline fitted with labels. Tests must not modify it."""
    return make_pipe().fit(*labelled)


@pytest.fixture(scope="module")
def tiny(make_pipe):
    """A labelled pipeline of names over two letters. Tests must not modify it."""
    names, labels = ["a", "ab", "b", "ba", "bb", "aab"] * 4, ["x", "x", "y", "y", "y", "z"] * 4
    options = {"max_epochs": 20} if make_pipe is small_pipeline else {}
    return make_pipe(window_length=4, **options).fit(names, labels)


def test_fit_with_labels_sets_classes_and_counts(pipe, labelled):
    names, labels = labelled
    generator = pipe[-1]
    assert generator.classes_.tolist() == ["female", "male"]
    assert generator.class_count_.tolist() == [(labels == c).sum() for c in ("female", "male")]
    assert pipe.score(names, labels) > pipe.score(names)


def test_labels_improve_the_scores_of_held_out_names(make_pipe):
    names, labels = load_names(return_X_y=True)
    options = {"hidden_size": 64, "max_epochs": 6} if make_pipe is small_pipeline else {}
    train, test = slice(0, None, 4), slice(2, None, 16)
    unlabelled = make_pipe(**options).fit(names[train])
    labelled = make_pipe(**options).fit(names[train], labels[train])
    assert labelled.score(names[test], labels[test]) > unlabelled.score(names[test]) + 0.02
    assert classifier_of(labelled).score(names[test], labels[test]) > 0.7


def test_likelihood_is_a_mixture_over_labels(pipe, labelled):
    names = labelled[0][:50]
    joint = np.stack(
        [
            pipe[-1].score_samples(pipe[0].transform(names), [label] * 50)
            + np.log((labelled[1] == label).mean())
            for label in ("female", "male")
        ],
        axis=1,
    )
    np.testing.assert_allclose(pipe.score_samples(names), np.logaddexp.reduce(joint, axis=1))


def test_empty_seeds_among_non_empty_seeds(pipe):
    """A block of rows is read together, and all its seeds may be empty."""
    for seeds in (["A"] * 2100 + [""], [""] * 2100 + ["A"]):
        sampled = pipe[-1].sample(seeds, random_state=0)
        assert all(name.startswith(seed) for name, seed in zip(sampled, seeds, strict=True))


def test_next_char_proba_is_a_mixture_over_labels(tiny):
    generator = tiny[-1]
    for seed in ("", "a", "ba", "abbab"):
        # p(label | seed) from the probabilities of the characters of the seed
        joint = generator.class_count_ / generator.class_count_.sum()
        for i, character in enumerate(seed):
            column = generator.alphabet_.tolist().index(character)
            proba = [generator.next_char_proba(seed[:i], label=c)[0, column] for c in "xyz"]
            joint = joint * proba
        by_label = np.stack([generator.next_char_proba(seed, label=c)[0] for c in "xyz"])
        expected = joint / joint.sum() @ by_label
        np.testing.assert_allclose(generator.next_char_proba(seed)[0], expected, rtol=1e-4)


@pytest.mark.parametrize("seed", ["", "b"])
@pytest.mark.parametrize("label", [None, "x", "y"])
def test_sample_frequencies_match_the_probabilities(tiny, seed, label):
    candidates = ["".join(c) for n in range(1, 7) for c in itertools.product("ab", repeat=n)]
    candidates = [name for name in candidates if name.startswith(seed)]
    labels = None if label is None else [label] * len(candidates)
    p = np.exp(tiny[-1].score_samples(tiny[0].transform(candidates), labels))
    options = {"label": label, "max_length": 6}
    drawn = tiny[-1].sample(seed, n_samples=5000, random_state=0, **options)
    assert_drawn_from(drawn, candidates, p)


def test_samples_depend_on_the_label(pipe):
    classifier, female_share = classifier_of(pipe), []
    for label in ("female", "male"):
        sampled = pipe[-1].sample(n_samples=1000, label=label, random_state=0)
        female_share.append(classifier.predict_proba(sampled)[:, 0].mean())
        assert sampled == pipe[-1].sample(n_samples=1000, label=label, random_state=0)
        streamed = "".join(pipe[-1].stream("Al", label=label, random_state=3))
        assert "Al" + streamed == pipe[-1].sample("Al", label=label, random_state=3)
    assert female_share[0] > female_share[1] + 0.05
    streamed = "".join(pipe[-1].stream("Al", random_state=3))
    assert "Al" + streamed == pipe[-1].sample("Al", random_state=3)
    several = pipe[-1].sample(["A", "", "Ma"], label="male", random_state=0)
    assert all(map(str.startswith, several, ["A", "", "Ma"]))


@pytest.mark.parametrize("label", [None, "x", "z"])
def test_most_likely_names_of_a_label(tiny, label):
    candidates = ["".join(c) for n in range(1, 6) for c in itertools.product("ab", repeat=n)]
    labels = None if label is None else [label] * len(candidates)
    scores = tiny[-1].score_samples(tiny[0].transform(candidates), labels)
    best_names, log_likelihood = tiny[-1].most_likely(20, label=label, max_length=5)
    np.testing.assert_allclose(log_likelihood, np.sort(scores)[::-1][:20], atol=1e-5)
    score_of = dict(zip(candidates, scores, strict=True))
    np.testing.assert_allclose(log_likelihood, [score_of[name] for name in best_names], atol=1e-5)
    seeded, log_likelihood = tiny[-1].most_likely(5, "b", label=label, max_length=5)
    np.testing.assert_allclose(log_likelihood, [score_of[name] for name in seeded], atol=1e-5)


def test_integer_labels_and_a_single_label(make_pipe, labelled):
    names, labels = labelled
    numbers = (labels == "male").astype(int) * 7
    pipe = make_pipe().fit(names, numbers)
    assert pipe[-1].classes_.tolist() == [0, 7]
    assert isinstance(pipe[-1].sample(label=7), str)
    assert pipe[-1].sample(label=7, random_state=1) == pipe[-1].sample(
        label=np.int64(7), random_state=1
    )
    pipe = make_pipe().fit(names[:30], ["all"] * 30)
    np.testing.assert_allclose(
        pipe.score_samples(names), pipe[-1].score_samples(pipe[0].transform(names), ["all"] * 900)
    )


def test_fit_without_labels_removes_labels(make_pipe, labelled):
    names, labels = labelled
    pipe = make_pipe()
    assert not hasattr(pipe[-1], "classes_")
    pipe.fit(names, labels)
    assert hasattr(pipe[-1], "classes_")
    pipe.fit(names)
    for name in ("classes_", "class_count_"):
        assert not hasattr(pipe[-1], name)
    with pytest.raises(ValueError, match="label requires a generator fitted with labels"):
        pipe[-1].sample(label="male")
    with pytest.raises(ValueError, match="y must be None, because this generator was fitted"):
        pipe.score(names, labels)


def test_pickle_keeps_labels_and_clone_does_not(pipe, labelled):
    loaded = pickle.loads(pickle.dumps(pipe))
    names, labels = (x[:40] for x in labelled)
    assert loaded.score(names, labels) == pipe.score(names, labels)
    for label in (None, "male"):
        sampled, expected = (
            p[-1].sample(n_samples=9, label=label, random_state=0) for p in (loaded, pipe)
        )
        assert sampled == expected
    assert not hasattr(clone(pipe)[-1], "classes_")


def test_error_for_a_missing_label_suggests_stratified_folds():
    search = GridSearchCV(ngram_pipeline(), {"ngram__order": [2]}, cv=3, error_score="raise")
    with pytest.raises(ValueError, match=r"Got 'a', which .* use cv=StratifiedKFold\(\)"):
        search.fit(["Ada", "Eve", "Zoe"], ["a", "b", "c"])


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (["a"] * 5, "y must contain one label for each of the 3 names. Got 5."),
        ([0.1, 0.2, 0.3], "y must contain labels, either all str or all int. Got invalid labels"),
        ([b"a", b"b", b"a"], "either all str or all int. Got invalid labels: bytes"),
        ([["a", "b"]] * 3, "y must contain labels, either all str or all int. Got invalid labels"),
    ],
)
def test_bad_labels(make_pipe, y, match):
    with pytest.raises(ValueError, match=re.escape(match)):
        make_pipe().fit(["Ada", "Eve", "Zoe"], y)


def test_unknown_labels_are_rejected(tiny):
    for label in ("male", ["x"], ["x", "y"], [[1], [2, 3]], np.array(["x", "y"])):
        match = re.escape(f"label must be one of 'x', 'y', 'z'. Got {label!r}")
        with pytest.raises(ValueError, match=match):
            tiny[-1].sample(label=label)
    with pytest.raises(ValueError, match=r"y must contain only the labels 'x', 'y', 'z'\. Got 'w'"):
        tiny.score(["a", "b"], ["x", "w"])
    with pytest.raises(NotFittedError):
        clone(tiny)[-1].sample(label="x")


# Incremental training and sample weights


def test_partial_fit_with_labels(make_pipe, labelled):
    names, labels = labelled
    windows = CharSequenceVectorizer().fit_transform(names)
    generator = make_pipe()[-1]
    female_rows = np.flatnonzero(labels == "female")[:200]
    generator.partial_fit(windows[female_rows], labels[female_rows], classes=["male", "female"])
    assert generator.classes_.tolist() == ["female", "male"]
    np.testing.assert_array_equal(classifier_of(generator).predict_proba(windows[:5])[:, 1], 0)
    assert generator.sample("", random_state=0)
    generator.partial_fit(windows, labels, classes=["female", "male"])
    assert generator.class_count_.tolist() == [
        200 + (labels == "female").sum(),
        (labels == "male").sum(),
    ]
    assert classifier_of(generator).predict_proba(windows[:5])[:, 1].min() > 0
    before = generator.class_count_
    for y, classes, match in [
        (None, None, "y must contain each name's label, as in the first call. Got None."),
        (labels, ["other"], "classes must be the same in all calls to partial_fit"),
        (np.where(labels == "male", "m", "f"), None, "y must contain only the labels 'female'"),
    ]:
        with pytest.raises(ValueError, match=match):
            generator.partial_fit(windows, y, classes=classes)
    np.testing.assert_array_equal(generator.class_count_, before)
    with pytest.raises(ValueError, match="classes requires y, the label of each name"):
        make_pipe()[-1].partial_fit(windows, classes=["female"])
    unlabelled = make_pipe()[-1].partial_fit(windows)
    with pytest.raises(ValueError, match="this generator was fitted without labels"):
        unlabelled.partial_fit(windows, labels)


def test_partial_fit_of_ngrams_equals_fit(labelled):
    names, labels = labelled
    windows = CharSequenceVectorizer().fit_transform(names)
    weights = np.random.default_rng(0).integers(0, 4, len(names)).astype(float)
    whole = CharNGramGenerator().fit(windows, labels, weights)
    alphabet, generator = whole.alphabet_, CharNGramGenerator()
    for rows in np.array_split(np.arange(len(names)), 5):
        generator.partial_fit(
            windows[rows],
            labels[rows],
            alphabet=alphabet,
            classes=["female", "male"],
            sample_weight=weights[rows],
        )
    actual, expected = (classifier_of(g).predict_proba(windows) for g in (generator, whole))
    np.testing.assert_allclose(actual, expected, rtol=1e-9)
    assert generator.n_characters_seen_ == whole.n_characters_seen_


def test_integer_weights_equal_repetitions(labelled):
    names, labels = labelled
    weights = np.random.default_rng(0).integers(0, 4, len(names))
    repeated = [name for name, n in zip(names, weights, strict=True) for _ in range(n)]
    pipe = ngram_pipeline().fit(names, ngram__sample_weight=weights)
    expected = ngram_pipeline().fit(repeated)
    assert pipe[-1].alphabet_.tolist() == expected[-1].alphabet_.tolist()
    assert pipe[-1].n_characters_seen_ == expected[-1].n_characters_seen_
    np.testing.assert_array_equal(pipe[-1].name_hashes_, expected[-1].name_hashes_)
    np.testing.assert_allclose(pipe.score_samples(names), expected.score_samples(names), rtol=1e-9)
    labelled_pipe = ngram_pipeline().fit(names, labels, ngram__sample_weight=weights)
    expected = ngram_pipeline().fit(repeated, np.repeat(labels, weights))
    np.testing.assert_allclose(
        *(classifier_of(pipe).predict_proba(names) for pipe in (labelled_pipe, expected)), rtol=1e-9
    )
    score = expected.score(np.repeat(names, weights), np.repeat(labels, weights))
    windows = labelled_pipe[0].transform(names)
    assert labelled_pipe[-1].score(windows, labels, weights) == pytest.approx(score)


def test_fractional_weights_give_a_distribution(names):
    weights = np.random.default_rng(0).uniform(0.1, 3, len(names))
    pipe = ngram_pipeline().fit(names, ngram__sample_weight=weights)
    proba = pipe[-1].next_char_proba(["", "M", "Mar"])
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert (proba > 0).all()


def test_weights_affect_training(names):
    is_long = np.array([len(name) > 6 for name in names])
    scores = []
    for weights in (None, np.where(is_long, 1.0, 0.01), np.where(is_long, 0.01, 1.0)):
        pipe = small_pipeline(max_epochs=8).fit(names, lstm__sample_weight=weights)
        scores.append(pipe.score([name for name in names if len(name) > 6]))
    assert scores[1] > scores[0] > scores[2]


def test_equal_weights_have_no_effect(names):
    plain = small_pipeline().fit(names)
    weighted = small_pipeline().fit(names, lstm__sample_weight=[1] * len(names))
    assert plain.score(names) == pytest.approx(weighted.score(names), abs=0.05)
    assert plain[-1].n_steps_ == weighted[-1].n_steps_


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        ([1, 2], "sample_weight must contain one number from 0 to 1e12 for each of 3 names. Got"),
        ([1, 2, -1], "names. Got -1.0."),
        ([1, 2, np.nan], "names. Got nan."),
        (["a", 2, 3], "names. Got ['a', 2, 3]."),
        ([0, 0, 0], "with at least one number above zero. Got only zeros."),
    ],
)
def test_bad_weights(make_pipe, weights, match):
    windows = CharSequenceVectorizer().fit_transform(["Ada", "Eve", "Zoe"])
    with pytest.raises(ValueError, match=re.escape(match)):
        make_pipe()[-1].fit(windows, sample_weight=weights)


def test_score_requires_a_weighted_target(make_pipe):
    windows = CharSequenceVectorizer(window_length=3, boundary=False).fit_transform(["anna bella"])
    generator = make_pipe(3, boundary=False)[-1].fit(windows)
    with pytest.raises(ValueError, match="X must contain at least one character to predict"):
        generator.score(np.concatenate([windows, 0 * windows]), sample_weight=[0, 1])


@pytest.mark.full
def test_scores_with_a_large_alphabet_and_many_labels():
    """27,000 characters times 100,000 labels exceed the range of int32."""
    rng = np.random.default_rng(0)
    alphabet = [chr(code) for code in range(0x4E00, 0x4E00 + 27_000)]
    names = ["".join(rng.choice(alphabet[:60], size=3)) for _ in range(200)]
    names += ["".join(rng.choice(alphabet, size=9)) for _ in range(99)] + [alphabet[-1] * 2]
    labels = np.concatenate([np.arange(200) // 2, np.full(100, 99_999)])
    windows = CharSequenceVectorizer(window_length=4).fit_transform(names)
    params = {"max_epochs": 1, "hidden_size": 4, "ngram_weight": 0}
    for generator in (small_pipeline(4, **params)[-1], ngram_pipeline(4, order=3)[-1]):
        many, few = clone(generator), clone(generator)
        many.partial_fit(windows, labels, classes=np.arange(100_000), alphabet=alphabet)
        few.partial_fit(windows, np.minimum(labels, 1999), classes=range(2000), alphabet=alphabet)
        assert len(many.alphabet_) == 27_001  # plus the end character
        assert many.classes_[-1] == 99_999
        if isinstance(generator, CharNGramGenerator):  # independent of the number of labels
            expected = few.score_samples(windows, np.minimum(labels, 1999))
            np.testing.assert_allclose(many.score_samples(windows, labels), expected)
        # The reference adds the log-probabilities of single characters.
        for row in (-1, -2):
            score = many.score_samples(windows[[row]], labels[[row]])
            assert many.score_samples(windows[[row]], [5]) != score
            name = names[row]
            beginnings = [name[:i] for i in range(len(name) + 1)]
            proba = many.next_char_proba(beginnings, label=99_999)
            columns = [many.alphabet_.tolist().index(c) for c in [*name, "\3"]]
            reference = np.log(proba[np.arange(len(columns)), columns]).sum()
            assert score == pytest.approx(reference, rel=1e-4)


def test_classes_may_exceed_the_labels():
    windows = CharSequenceVectorizer().fit_transform(["Ada", "Eve"])
    generator = CharNGramGenerator().partial_fit(windows, ["a", "e"], classes=[*"abcdefghij" * 3])
    assert len(generator.classes_) == 10
    generator = CharNGramGenerator().partial_fit(windows, [1, 2], classes=range(50))
    assert generator.class_count_.tolist() == [0, 1, 1] + [0] * 47


@pytest.mark.parametrize("labels", [[np.nan, "f"], [1, "f"], ["f", None], [True, "f"]])
def test_labels_of_mixed_types_are_rejected(make_pipe, labels):
    """Lists are rejected too, although numpy would convert their items to str."""
    for y in (labels, tuple(labels), np.array(labels, dtype=object)):
        with pytest.raises(ValueError, match="y must contain labels, either all str or all int"):
            make_pipe().fit(["Ada", "Eve"], y)
    generator = make_pipe()[-1]
    windows = CharSequenceVectorizer().fit_transform(["Ada", "Eve"])
    with pytest.raises(ValueError, match="classes must contain labels, either all str or all int"):
        generator.partial_fit(windows, ["f", "f"], classes=labels)


def test_characters_seen_with_fractional_weights(make_pipe, labelled):
    names, weights = labelled[0][:60], np.linspace(0.1, 0.9, 60)
    windows = CharSequenceVectorizer().fit_transform(names)
    whole = make_pipe()[-1].partial_fit(windows, sample_weight=weights)
    pieces = make_pipe()[-1]
    for i in range(0, 60, 4):
        piece = {"alphabet": whole.alphabet_} if i == 0 else {}
        pieces.partial_fit(windows[i : i + 4], sample_weight=weights[i : i + 4], **piece)
    seen = sum(weight * (len(name) + 1) for name, weight in zip(names, weights, strict=True))
    assert pieces.n_characters_seen_ == whole.n_characters_seen_ == round(seen)


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="numpy < 2 has no StringDType")
@pytest.mark.parametrize("make", [CharNGramGenerator, small_generator])
def test_numpy_variable_width_strings(make):
    dtype = np.dtypes.StringDType()
    names, labels = ["Anna", "Berta", "Carla", "Dora"] * 5, ["a", "b", "a", "b"] * 5
    windows = CharSequenceVectorizer().fit_transform(np.array(names, dtype=dtype))
    generator = make().fit(windows, np.array(labels, dtype=dtype))
    assert generator.classes_.tolist() == ["a", "b"]
    assert generator.score(windows, np.array(labels, dtype=dtype)) == make().fit(
        windows, labels
    ).score(windows, labels)


# Letters that do not occur in the names of a label


def share_with_new_letters(names, training_names):
    letters = set("".join(training_names))
    return np.mean([not letters.issuperset(name) for name in names])


def random_names(n, letters, seed):
    """Return n names whose letters have frequencies proportional to 1 / rank."""
    rng, shares = np.random.default_rng(seed), 1 / np.arange(1, len(letters) + 1)
    drawn = rng.choice([*letters], (n, 6), p=shares / shares.sum())
    return ["".join(row) for row in drawn]


LETTERS = {"a": "aeioknstrhmyu", "b": "eanirslotdcumvpzwqxj", "c": "äöüaeionstrkl"}


@pytest.mark.parametrize("make", [ngram_pipeline, partial(small_pipeline, max_epochs=20)])
def test_letters_new_to_a_label_are_as_rare_as_in_held_out_names(make):
    learned = {label: random_names(150, letters, 0) for label, letters in LETTERS.items()}
    names = [name for label_names in learned.values() for name in label_names]
    pipe = make().fit(names, np.repeat([*LETTERS], 150))
    for label, letters in LETTERS.items():
        held_out = share_with_new_letters(random_names(4000, letters, 1), learned[label])
        sampled = pipe[-1].sample(n_samples=1500, label=label, random_state=0)
        assert share_with_new_letters(sampled, learned[label]) < held_out + 0.02
    blend = pipe[-1].sample(n_samples=500, label={"a": 0.5, "b": 0.5}, random_state=0)
    assert share_with_new_letters(blend, learned["a"] + learned["b"]) < 0.02


def test_a_label_without_names_samples_all_letters(make_pipe):
    pipe = make_pipe()
    windows = pipe[0].fit_transform(["Anna", "Ωμ"])
    generator = pipe[-1].partial_fit(windows, ["a", "b"], classes=["a", "b", "none"])
    assert {*"".join(generator.sample(n_samples=300, label="none", random_state=0))} == {*"AnaΩμ"}
    expected = np.logaddexp.reduce(
        [generator.score_samples(windows, [label] * 2) - np.log(2) for label in "ab"], axis=0
    )
    np.testing.assert_allclose(generator.score_samples(windows), expected, atol=1e-5)


def test_memory_with_many_letters_and_labels():
    """A table of 2,000 labels by 20,000 letters would take 160 MB."""
    letters = "".join(chr(0x4E00 + i) for i in range(20_000))
    names = [letters[i : i + 10] for i in range(0, 20_000, 5)]
    labels = np.repeat(np.arange(2000), 2)
    pipe = ngram_pipeline()
    windows = pipe[0].fit_transform(names)
    tracemalloc.start()
    generator = pipe[-1].fit(windows, labels)
    generator.score_samples(windows[:3], labels[:3])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 120e6
