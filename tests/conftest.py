from collections import Counter

import numpy as np
import pytest
from hypothesis import settings
from sklearn.pipeline import Pipeline

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names

CASES = Counter()  # of bad input, for each public call

# The same cases in every run, so that a failure comes from a change.
settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.load_profile("same")


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):  # one of several processes
        session.config.workeroutput["cases"] = dict(CASES)


def pytest_testnodedown(node):
    CASES.update(getattr(node, "workeroutput", {}).get("cases", {}))


def pytest_terminal_summary(terminalreporter):
    if CASES:
        each = ", ".join(f"{name} {n:,}" for name, n in CASES.items())
        terminalreporter.write_line(f"Bad input: {CASES.total():,} cases tried ({each})")


@pytest.fixture(scope="session")
def names():
    """A few hundred real names, shuffled."""
    everything = load_names("female")
    order = np.random.default_rng(0).permutation(len(everything))
    return [everything[i] for i in order[:400]]


def assert_drawn_from(drawn, names, p):
    """Compare how often names were drawn with their probabilities, the rare ones together."""
    p = np.append(np.array(p) / np.sum(p), 0)
    counts = Counter(drawn)
    assert counts.keys() <= set(names)
    found = np.array([counts[name] for name in names] + [0])
    n = len(drawn)
    rare = n * p < 10
    p[-1], found[-1] = p[rare].sum(), found[rare].sum()
    rare[-1] = False
    deviation = np.abs(found - n * p) / np.sqrt(n * p * (1 - p) + 1)
    assert deviation[~rare].max() < 4.5


def small_generator(**params):
    defaults = {"hidden_size": 16, "embedding_dim": 8, "batch_size": 32, "max_epochs": 3}
    defaults |= {"random_state": 0}
    return CharLSTMGenerator(**defaults | params)


def small_pipeline(window_length=10, boundary=True, **params):
    vectorizer = CharSequenceVectorizer(window_length=window_length, boundary=boundary)
    return Pipeline([("windows", vectorizer), ("lstm", small_generator(**params))])


def ngram_pipeline(window_length=10, boundary=True, **params):
    vectorizer = CharSequenceVectorizer(window_length=window_length, boundary=boundary)
    return Pipeline([("windows", vectorizer), ("ngram", CharNGramGenerator(**params))])


@pytest.fixture(scope="session")
def pipe(names):
    """A small fitted pipeline; do not change it."""
    return small_pipeline().fit(names)


@pytest.fixture(scope="session")
def generator(pipe):
    return pipe[-1]


@pytest.fixture(scope="session")
def text_generator(names):
    """A small generator of running text; do not change it."""
    text = " ".join(f"{name}\n" for name in names[:100])
    return small_pipeline(window_length=5, boundary=False, max_epochs=1).fit([text])[-1]
