"""Labels and sample weights, for both generators. `test_classifier.py` tests predictions."""

import itertools
import re
import tracemalloc
from functools import partial

import numpy as np
import pytest
from conftest import classifier_of, ngram_pipeline, small_generator, small_pipeline, windows_of
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from test_constraints import label_proba

from sknamegen import CharNGramGenerator, load_names

# The dtype of strings of variable width. numpy 1 has none.
STRING_DTYPE = [np.dtypes.StringDType()] if hasattr(np.dtypes, "StringDType") else []
LETTERS = {"a": "aeioknstrhmyu", "b": "eanirslotdcumvpzwqxj", "c": "äöüaeionstrkl"}


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


@pytest.mark.full
def test_labels_improve_the_scores_of_held_out_names(make_pipe):
    names, labels = load_names(return_X_y=True)
    options = {"hidden_size": 64, "max_epochs": 6} if make_pipe is small_pipeline else {}
    train, (test, y) = (names[::4], labels[::4]), (names[2::16], labels[2::16])
    unlabelled, labelled = make_pipe(**options).fit(train[0]), make_pipe(**options).fit(*train)
    assert labelled.score(test, y) > unlabelled.score(test) + 0.02
    assert classifier_of(labelled).score(test, y) > 0.7


def test_likelihood_is_a_mixture_over_labels(pipe, labelled):
    names, counts = labelled[0][:50], [(labelled[1] == label).sum() for label in ("female", "male")]
    assert pipe[-1].classes_.tolist() == ["female", "male"]
    assert pipe[-1].class_count_.tolist() == counts
    assert pipe.score(*labelled) > pipe.score(labelled[0])
    joint = [
        pipe[-1].score_samples(names, [label] * 50) + np.log(count / sum(counts))
        for label, count in zip(pipe[-1].classes_, counts, strict=True)
    ]
    np.testing.assert_allclose(pipe.score_samples(names), np.logaddexp.reduce(joint, axis=0))


def test_next_char_proba_is_a_mixture_over_labels(tiny):
    generator = tiny[-1]
    for seed in ("", "a", "ba", "abbab"):
        by_label = np.stack([generator.next_char_proba(seed, label=c)[0] for c in "xyz"])
        expected = label_proba(generator, seed) @ by_label
        np.testing.assert_allclose(generator.next_char_proba(seed)[0], expected, rtol=1e-4)


def test_streams_and_lists_of_seeds_take_a_label(pipe):
    generator = pipe[-1]
    for label in ("female", "male", None):
        streamed = "".join(generator.stream("Al", label=label, random_state=3))
        assert "Al" + streamed == generator.sample("Al", label=label, random_state=3)
    several = generator.sample(["A", "", "Ma"], label="male", random_state=0)
    assert all(map(str.startswith, several, ["A", "", "Ma"]))
    # A block of rows is read together, and all its seeds may be empty.
    for seeds in (["A"] * 2100 + [""], [""] * 2100 + ["A"]):
        several = generator.sample(seeds, random_state=0)
        assert all(name.startswith(seed) for name, seed in zip(several, seeds, strict=True))


@pytest.mark.parametrize("label", [None, "x", "z"])
def test_most_likely_names_of_a_label(tiny, label):
    candidates = ["".join(c) for n in range(1, 6) for c in itertools.product("ab", repeat=n)]
    labels = None if label is None else [label] * len(candidates)
    scores = tiny[-1].score_samples(candidates, labels)
    best_names, log_likelihood = tiny[-1].most_likely(20, label=label, max_length=5)
    np.testing.assert_allclose(log_likelihood, np.sort(scores)[::-1][:20], atol=1e-5)
    score_of = dict(zip(candidates, scores, strict=True))
    np.testing.assert_allclose(log_likelihood, [score_of[name] for name in best_names], atol=1e-5)
    seeded, log_likelihood = tiny[-1].most_likely(5, "b", label=label, max_length=5)
    np.testing.assert_allclose(log_likelihood, [score_of[name] for name in seeded], atol=1e-5)


def test_integer_labels_and_a_single_label(make_pipe, labelled):
    names, labels = labelled
    generator = make_pipe()[-1].fit(names, (labels == "male").astype(int) * 7)
    assert generator.classes_.tolist() == [0, 7]
    samples = [generator.sample(label=label, random_state=1) for label in (7, np.int64(7))]
    assert samples[0] == samples[1]
    generator = make_pipe()[-1].fit(names[:30], ["all"] * 30)
    expected = generator.score_samples(names, ["all"] * 900)
    np.testing.assert_allclose(generator.score_samples(names), expected)


def test_fit_without_labels_removes_labels(make_pipe, labelled):
    generator = make_pipe()[-1]
    assert not hasattr(generator, "classes_")
    assert hasattr(generator.fit(*labelled), "classes_")
    generator.fit(labelled[0])
    assert not {"classes_", "class_count_"} & {*dir(generator)}
    for label in ("male", {"male": 1}):
        with pytest.raises(ValueError, match="label requires a generator fitted with labels"):
            generator.sample(label=label)
    for method in (generator.score, generator.partial_fit):
        with pytest.raises(ValueError, match="y must be None, because this generator was fitted"):
            method(*labelled)


def test_unknown_labels_are_rejected(tiny):
    for label in ("male", ["x"], ["x", "y"], [[1], [2, 3]], np.array(["x", "y"])):
        match = re.escape(f"label must be one of 'x', 'y', 'z'. Got {label!r}")
        with pytest.raises(ValueError, match=match):
            tiny[-1].sample(label=label)
    match = r"y must contain only the labels 'x', 'y', 'z'\. Got 'w', .* use cv=StratifiedKFold\(\)"
    with pytest.raises(ValueError, match=match):
        tiny.score(["a", "b"], ["x", "w"])
    with pytest.raises(NotFittedError):
        clone(tiny)[-1].sample(label="x")


def test_partial_fit_with_labels(make_pipe, labelled):
    names, labels = labelled
    generator, classes = make_pipe()[-1], ["male", "female"]
    women = [name for name, label in zip(names, labels, strict=True) if label == "female"][:200]
    generator.partial_fit(women, ["female"] * 200, classes=classes)
    assert generator.classes_.tolist() == ["female", "male"]
    np.testing.assert_array_equal(classifier_of(generator).predict_proba(names[:5])[:, 1], 0)
    assert generator.sample("", random_state=0)
    generator.partial_fit(names, labels, classes=classes)
    counts = [200 + (labels == "female").sum(), (labels == "male").sum()]
    assert generator.class_count_.tolist() == counts
    assert classifier_of(generator).predict_proba(names[:5])[:, 1].min() > 0
    for y, classes, match in [
        (None, None, "y must contain each name's label, as in the first call. Got None."),
        (labels, ["other"], "classes must be the same in all calls to partial_fit"),
        (np.where(labels == "male", "m", "f"), None, "y must contain only the labels 'female'"),
    ]:
        with pytest.raises(ValueError, match=match):
            generator.partial_fit(names, y, classes=classes)
    assert generator.class_count_.tolist() == counts
    with pytest.raises(ValueError, match="classes requires y, the label of each name"):
        make_pipe()[-1].partial_fit(names, classes=["female"])
    generator = make_pipe()[-1].partial_fit(["Ada", "Eve"], [1, 2], classes=[*range(50), 49])
    assert generator.class_count_.tolist() == [0, 1, 1] + [0] * 47


@pytest.mark.parametrize(("uses_labels", "factor"), [(True, 1), (False, 50)])
def test_integer_weights_equal_repetitions(labelled, uses_labels, factor):
    """67,000 names are counted in several blocks."""
    names, y = np.array(labelled[0]), labelled[1] if uses_labels else None
    weights = factor * np.random.default_rng(0).integers(0, 4, len(names))
    repeated, repeated_y = np.repeat(names, weights), y if y is None else np.repeat(y, weights)
    generator = CharNGramGenerator().fit(names, y, sample_weight=weights)
    expected = CharNGramGenerator().fit(repeated, repeated_y)
    for name in ("alphabet_", "n_characters_seen_", "name_hashes_"):
        np.testing.assert_array_equal(getattr(generator, name), getattr(expected, name))
    for labels in (None, y):
        scores = [model.score_samples(names, labels) for model in (generator, expected)]
        np.testing.assert_allclose(*scores, rtol=1e-9)
    score = expected.score(repeated, repeated_y)
    assert generator.score(names, y, weights) == pytest.approx(score)


def test_weights_affect_training(names):
    is_long = np.array([len(name) > 6 for name in names])
    weights = None, np.where(is_long, 1.0, 0.01), np.where(is_long, 0.01, 1.0), [1] * len(names)
    pipes = [small_pipeline(max_epochs=8).fit(names, lstm__sample_weight=w) for w in weights]
    plain, longer, shorter, equal = pipes
    scores = [pipe.score(np.array(names)[is_long]) for pipe in (longer, plain, shorter)]
    assert scores[0] > scores[1] > scores[2]
    assert plain.score(names) == pytest.approx(equal.score(names), abs=0.05)
    assert plain[-1].n_steps_ == equal[-1].n_steps_


def test_score_requires_a_weighted_target(make_pipe):
    windows = windows_of(["anna bella"], 3, boundary=False)
    generator = make_pipe()[-1].fit(windows)
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
    windows = windows_of(names, 4)
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


def test_fractional_weights(make_pipe, labelled):
    names, weights = labelled[0][:60], np.linspace(0.1, 0.9, 60)
    whole = make_pipe()[-1].partial_fit(names, sample_weight=weights)
    pieces = make_pipe()[-1]
    for i in range(0, 60, 15):
        piece = {"alphabet": whole.alphabet_} if i == 0 else {}
        pieces.partial_fit(names[i : i + 15], sample_weight=weights[i : i + 15], **piece)
    seen = sum(weight * (len(name) + 1) for name, weight in zip(names, weights, strict=True))
    assert pieces.n_characters_seen_ == whole.n_characters_seen_ == round(seen)
    proba = whole.next_char_proba(["", "M", "Mar"])
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert (proba > 0).all()


@pytest.mark.parametrize("dtype", [str, *STRING_DTYPE])
@pytest.mark.parametrize("make", [CharNGramGenerator, small_generator])
def test_numpy_strings(make, dtype):
    """Of fixed and, since numpy 2, of variable width."""
    names, labels = ["Anna", "Berta", "Carla", "Dora"] * 5, ["a", "b", "a", "b"] * 5
    X, y = (np.array(strings, dtype) for strings in (names, labels))
    generator = make().fit(X, y)
    assert generator.classes_.tolist() == ["a", "b"]
    assert generator.score(X, y) == make().fit(names, labels).score(names, labels)


def share_with_new_letters(names, training_names):
    letters = set("".join(training_names))
    return np.mean([not letters.issuperset(name) for name in names])


def random_names(n, letters, seed):
    """Return n names whose letters have frequencies proportional to 1 / rank."""
    rng, shares = np.random.default_rng(seed), 1 / np.arange(1, len(letters) + 1)
    drawn = rng.choice([*letters], (n, 6), p=shares / shares.sum())
    return ["".join(row) for row in drawn]


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
    names = ["Anna", "Ωμ"]
    generator = make_pipe()[-1].partial_fit(names, ["a", "b"], classes=["a", "b", "none"])
    assert {*"".join(generator.sample(n_samples=300, label="none", random_state=0))} == {*"AnaΩμ"}
    joint = [generator.score_samples(names, [label] * 2) - np.log(2) for label in "ab"]
    expected = np.logaddexp.reduce(joint, axis=0)
    np.testing.assert_allclose(generator.score_samples(names), expected, atol=1e-5)


@pytest.mark.full
def test_memory_with_many_letters_and_labels():
    """A table of 2,000 labels by 20,000 letters would take 160 MB."""
    letters = "".join(chr(0x4E00 + i) for i in range(20_000))
    names, labels = [letters[i : i + 10] for i in range(0, 20_000, 5)], np.repeat(range(2000), 2)
    windows = windows_of(names)
    tracemalloc.start()
    CharNGramGenerator().fit(windows, labels).score_samples(windows[:3], labels[:3])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 120e6
