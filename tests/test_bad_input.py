"""Tests that odd input gives a documented error or a valid result.

The tests try thousands of inputs for each public call.
"""

import re
import traceback
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from conftest import classifier_of, small_generator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

import sknamegen
from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names, read_names

PACKAGE = str(Path(sknamegen.__file__).parent)
LEARNED = ["Ada", "Eve Maria", "Zoë", "Marguerite Anna"]
DOCUMENTED = (TypeError, ValueError, LookupError, OSError, NotFittedError)
# An error message must contain one of these phrases about the input or the requirement.
SAYS_WHY = re.compile(
    r"Got|No name |Found only|holds|contains|has seen|requires|diverged|not fitted|unknown encoding"
    r"|Unknown character|the encoding|would take|was saved by another version"
)

characters = st.one_of(
    st.characters(),  # all of Unicode, including lone surrogates
    st.sampled_from("aAnN \t\n\0\1\2\3\ufffd\u0301\u0130ßé李👩‍👩‍👧\ud800\udfff\U0010ffff"),
)
names = st.text(characters, max_size=12)
many_names = st.lists(names, max_size=6)
patterns = st.sampled_from(["A.*", ".{2,5}", "[^a]*|.*a", "(?i)(a|d)*", "(.*a){9}", "x", "A$|^E"])
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 20),
    st.sampled_from([10**9, 2**63, 10**400, -(10**9), np.int64(3), np.float32(0.5), np.nan]),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    *map(st.just, ([], {}, np.array([1, 2]), object())),
)
containers = st.one_of(
    many_names,
    *map(many_names.map, (tuple, np.array, set, dict.fromkeys)),
    many_names.map(lambda x: np.array(x, dtype=object)),
    many_names.map(lambda x: np.array(x)[:, None] if x else np.empty((0, 1))),
    st.lists(st.one_of(names, scalars), max_size=4),
    names,
    scalars,
    st.integers(100, 3000).map(lambda n: ["x" * n, "", "y"]),
)
shapes = st.lists(st.integers(0, 13), min_size=0, max_size=4).map(tuple)
window_shapes = st.tuples(st.integers(1, 4), st.integers(1, 5), st.sampled_from([10, 11, 12]))
arrays = st.builds(
    lambda shape, dtype, seed: (
        np.random.default_rng(seed).integers(-3, 0x110003, size=shape).astype(dtype)
    ),
    st.one_of(shapes, window_shapes),
    st.sampled_from([np.int32, np.int64, np.uint8, float, bool, object, "U3"]),
    st.integers(0, 10**6),
)
CORRUPTIONS = {
    "cut": lambda X, index: X[:, index[1] :, :],
    "narrow": lambda X, index: X[..., index[2] :],
    "reversed": lambda X, index: X[:, ::-1],
    "swapped": lambda X, index: X.swapaxes(1, 2),
    "flat": lambda X, index: X[X[..., -1] != 0],
    "rows": lambda X, index: X[: index[0]],
    "wide": lambda X, index: X.astype(np.int64) * 2**20,
    "list": lambda X, index: X.tolist(),
    "strings": lambda X, index: X.astype(str),
    "valid": lambda X, index: X,
}


def corrupted_windows(windows):
    """Draw valid windows, and windows with a wrong entry, row or axis."""

    def corrupt(kind, value, seed):
        X = windows.astype(float) if kind == "float" else windows.copy()
        index = tuple(np.random.default_rng(seed).integers(X.shape))
        if kind in CORRUPTIONS:
            return CORRUPTIONS[kind](X, index)
        X[index] = value if kind == "entry" else np.nan
        return X

    values = st.sampled_from([-1, 0, 1, 2, 3, 97, 0x10FFFF, 0x110000, 2**31 - 1, -(2**31)])
    kinds = st.sampled_from(["entry", "float", *CORRUPTIONS])
    return st.builds(corrupt, kinds, values, st.integers(0, 10**6))


# Parameters and input of the vectorizer for each kind of windows.
KINDS = {
    "names": ({}, ["Ada", "Marguerite Anna", "Xq", ""]),
    "names longer than the window": ({"window_length": 3}, ["Ada", "Marguerite Anna", "Xq"]),
    "bigrams": ({"window_length": 1}, ["Ada", "Eve", "Zoë"]),
    "text": ({"window_length": 3, "boundary": False}, ["Ada and Eve and Zoë", "Eve, Anna"]),
    "text in steps": ({"window_length": 3, "boundary": False, "step": 2}, ["Ada and Eve"] * 3),
}


def outcome(call):
    """Return the result of a call, or the documented error that the call raises."""
    try:
        return call()
    except DOCUMENTED as caught:
        error = caught
    raised = traceback.extract_tb(error.__traceback__)[-1].filename
    assert raised.startswith(PACKAGE) or raised.endswith("sklearn/utils/validation.py"), error
    assert SAYS_WHY.search(str(error)), error
    return error


def try_cases(n, check, *strategies):
    """Run a check on the same n cases every time, of which some must pass validation.

    ``check(*case)`` returns whether a case passes validation. A smaller profile tries fewer cases.
    """
    n = n * settings.default.max_examples // 100

    @settings(max_examples=n, suppress_health_check=list(HealthCheck))
    @given(st.tuples(*strategies))
    def run(args):
        nonlocal tried, accepted
        tried += 1
        accepted += check(*args)

    tried = accepted = 0
    run()
    assert tried >= n
    assert accepted


def vectorizer_params(odd_values):
    return st.fixed_dictionaries(
        {},
        optional={
            "window_length": st.one_of(st.integers(1, 12), odd_values),
            "step": st.one_of(st.just(1), st.integers(1, 4), odd_values),
            "boundary": st.one_of(st.booleans(), odd_values),
            "lowercase": st.one_of(st.booleans(), odd_values),
            "normalization": st.one_of(st.sampled_from(["NFC", "NFKD"]), odd_values),
            "handle_unknown": st.one_of(st.just("error"), odd_values),
        },
    )


def test_vectorizer():
    def check(X, Y, params):
        vectorizer = CharSequenceVectorizer(**params)
        windows = outcome(lambda: vectorizer.fit_transform(X))
        if isinstance(windows, Exception):
            return False
        assert windows.dtype == np.int32
        assert windows.shape == (len(X), windows.shape[1], vectorizer.window_length + 1)
        np.testing.assert_array_equal(vectorizer.transform(X), windows)
        plain = vectorizer.step == 1 and not vectorizer.lowercase
        if plain and vectorizer.normalization in (None, "NFC"):
            form = vectorizer.normalization
            expected = [unicodedata.normalize(form, str(x)) if form else str(x) for x in X]
            assert vectorizer.inverse_transform(windows) == expected
        outcome(lambda: vectorizer.transform(Y))
        return True

    valid_params = vectorizer_params(st.nothing())
    try_cases(3000, check, many_names.filter(len), containers, valid_params)
    try_cases(2000, check, containers, containers, vectorizer_params(scalars))


@pytest.fixture(scope="module")
def generator(make_pipe):
    return make_pipe().fit(LEARNED)[-1]


def test_windows_of_every_kind():
    """Corrupted windows and other arrays are rejected, or generators score and learn them."""
    vectorizers, generators = {}, {}
    cases = [st.tuples(st.sampled_from([*KINDS]), st.one_of(arrays, containers))]
    for kind, (params, texts) in KINDS.items():
        vectorizers[kind] = CharSequenceVectorizer(**params)
        windows = vectorizers[kind].fit_transform(texts)
        generators[kind] = [CharNGramGenerator(order=3).fit(windows)]
        labels = np.resize(["a", "b"], len(windows))
        generators[kind].append(small_generator(hidden_size=3, max_epochs=1).fit(windows, labels))
        cases.append(st.tuples(st.just(kind), corrupted_windows(windows)))

    def check(kind_and_windows, index):
        kind, X = kind_and_windows
        generator = generators[kind][index]
        result = outcome(lambda: generator.score_samples(X))
        restored = outcome(lambda: vectorizers[kind].inverse_transform(X))
        assert isinstance(restored, (list, Exception))
        other = outcome(lambda: CharNGramGenerator(order=2).fit(X))
        if not isinstance(other, Exception):
            assert np.isfinite(other.score_samples(X)).all()
        if isinstance(result, Exception):
            return False
        assert result.shape == (len(X),)
        assert np.isfinite(result).all()
        assert np.isfinite(generator.score(X))
        return True

    try_cases(4000, check, st.one_of(cases), st.integers(0, 1))


def test_sampling(generator):
    known = st.text("AdaEvMrië Z", max_size=6)
    seeds = st.one_of(known, st.lists(known, max_size=4), containers)
    values = {
        "temperature": st.floats(0.1, 3),
        "n_samples": st.integers(0, 4),
        "min_length": st.integers(0, 3),
        "max_length": st.integers(6, 20),
        "top_k": st.integers(1, 9),
        "top_p": st.floats(0.5, 1),
        "min_p": st.floats(0, 0.2),
        "best_of": st.integers(1, 3),
        "pattern": patterns,
        "banned": st.lists(st.text("adE", max_size=3)),
        "label": st.none(),
        "novel": st.booleans(),
        "unique": st.booleans(),
        "random_state": st.integers(0, 9),
    }
    odd = dict.fromkeys(values, scalars) | {
        "pattern": st.one_of(st.text(r"Ad.*+?[](){}|^$\\w1,", max_size=9), scalars),
        "banned": st.one_of(containers, many_names.map(iter)),
    }

    def check(seed, options):
        proba = outcome(lambda: generator.next_char_proba(seed))
        if not isinstance(proba, Exception):
            np.testing.assert_allclose(proba.sum(axis=1), 1)
        result = outcome(lambda: generator.sample(seed, **options))
        if isinstance(result, Exception):
            return False
        sampled = [result] if isinstance(result, str) else result
        max_length = options.get("max_length") or generator.max_length_
        for name in sampled:
            assert options.get("min_length", 1) <= len(name) <= max_length
            assert not set(name) & {"\0", "\2", "\3"}
            assert not (options.get("novel") and name in LEARNED)
            if options.get("pattern") is not None:
                assert re.fullmatch(options["pattern"], name)
            for string in list(options.get("banned", ())):
                assert string.casefold() not in name.casefold()
        prefixes = [seed] * len(sampled) if isinstance(seed, str) else list(seed)
        assert all(n.startswith(str(p)) for n, p in zip(sampled, prefixes, strict=True))
        assert len(set(sampled)) == len(sampled) or not options.get("unique")
        return True

    both = {name: st.one_of(value, odd[name]) for name, value in values.items()}
    try_cases(1000, check, seeds, st.fixed_dictionaries({}, optional=both))
    values["banned"] = st.lists(st.sampled_from("aeMri"), min_size=1)
    valid = st.fixed_dictionaries({}, optional=values)
    try_cases(300, check, st.text("AdEvMri", max_size=2), valid)


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_labels_and_weights():
    windows = CharSequenceVectorizer(window_length=3).fit_transform(["Ada", "Eve", "Zoe", "Al"])

    def check(generator, y, sample_weight, classes):
        options = {"classes": classes, "sample_weight": sample_weight}
        fitted = outcome(lambda: generator.partial_fit(windows, y, **options))
        if isinstance(fitted, Exception):
            assert not hasattr(generator, "alphabet_")
            return False
        assert np.isfinite(generator.score_samples(windows)).all()
        if y is not None:
            classifier = classifier_of(generator)
            np.testing.assert_allclose(classifier.predict_proba(windows).sum(axis=1), 1)
            assert set(classifier.predict(windows).tolist()) <= set(generator.classes_.tolist())
            if set(np.ravel(y).tolist()) <= set(generator.classes_.tolist()):  # weights may be 0
                assert np.isfinite(generator.score(windows, y))
        return True

    generators = st.sampled_from([CharNGramGenerator, lambda: small_generator(hidden_size=3)])
    labels = st.one_of(
        st.none(),
        st.lists(st.sampled_from("ab"), min_size=4, max_size=4),
        st.lists(st.integers(0, 2), min_size=4, max_size=4),
        st.lists(scalars, min_size=4, max_size=4),
        containers,
    )
    weight = st.one_of(st.floats(0, 9), scalars)
    weights = st.one_of(st.none(), st.lists(weight, min_size=4, max_size=4), containers)
    classes = st.one_of(st.none(), st.none(), st.just(["a", "b"]), containers)
    made = generators.map(lambda make: make())
    try_cases(1000, check, made, labels, weights, classes)


def test_training():
    lstm_values = {
        "hidden_size": st.integers(1, 9),
        "embedding_dim": st.one_of(st.none(), st.integers(1, 9)),
        "num_layers": st.integers(1, 2),
        "dropout": st.floats(0, 0.9),
        "ngram_weight": st.floats(0, 1),
        "lr": st.sampled_from([1e-6, 1e-3, 0.1, 10.0]),
        "batch_size": st.integers(1, 500),
        "early_stopping": st.booleans(),
        "weight_decay": st.floats(0, 1),
        "optimizer": st.sampled_from(["SGD", "Adam", "RMSprop"]),
        "precision": st.just("bfloat16"),
        "init": st.none(),
    }
    ngram_values = {"order": st.integers(1, 9)}

    def make_lstm(**params):
        return small_generator(**{"max_epochs": 1, "hidden_size": 3} | params)

    def check(make, X, Y, params):
        generator = make(**params)
        windows = CharSequenceVectorizer(window_length=4).fit_transform(X)
        fitted = outcome(lambda: generator.fit(windows))
        if isinstance(fitted, Exception):
            assert not {"alphabet_", "nets_"} & vars(generator).keys()
            return False
        log_likelihood = generator.score_samples(windows)
        assert np.isfinite(log_likelihood).all()
        if isinstance(generator, CharNGramGenerator):
            assert (log_likelihood < 0).all() or len(generator.alphabet_) == 1
            outcome(lambda: generator.partial_fit(windows, alphabet=Y))
            assert np.isfinite(generator.score(windows))
        return True

    clean = st.lists(st.text(characters.filter(lambda c: c > "\3"), max_size=8), min_size=1)
    for n, make, values in (
        (1000, CharNGramGenerator, ngram_values),
        (400, make_lstm, lstm_values),
    ):
        optional = {name: st.one_of(valid, valid, scalars) for name, valid in values.items()}
        params = st.fixed_dictionaries({}, optional=optional)
        try_cases(n, check, st.just(make), clean, containers, params)


def test_loaders(tmp_path):
    path = tmp_path / "names.txt"

    def check(content, encoding, group):
        path.write_bytes(content)
        loaded = outcome(lambda: read_names(path, encoding))
        if not isinstance(loaded, Exception):
            assert loaded
            assert all(name == name.strip() != "" for name in loaded)
        outcome(lambda: load_names(group))
        return not isinstance(loaded, Exception)

    encodings = st.sampled_from(["utf-8", "latin-1", "utf-16", "ascii", "utf-7", "no-such", "idna"])
    texts = names.map(lambda name: name.encode("utf-8", "surrogatepass"))
    try_cases(600, check, st.one_of(st.binary(), texts), encodings, scalars)
