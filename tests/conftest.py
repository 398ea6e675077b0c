import copy
import math
import os
from collections import Counter, defaultdict

# A thread that waits for others does not keep a core busy, which other processes of this test run
# can use. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pytest
from hypothesis import settings
from sklearn.pipeline import Pipeline

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names

# Of odd input, for each subject: how many were tried, and how many of them got past validation.
CASES = defaultdict(lambda: np.zeros(2, dtype=int))

# The same cases in every run, so that a failure comes from a change. CI tries all of them, by
# --hypothesis-profile=full.
for profile, share in {"full": 100, "quick": 10}.items():
    options = {"derandomize": True, "database": None, "deadline": None, "max_examples": share}
    settings.register_profile(profile, **options)
settings.load_profile("quick")


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):  # one of several processes
        session.config.workeroutput["cases"] = {name: n.tolist() for name, n in CASES.items()}


@pytest.hookimpl(optionalhook=True)  # called by pytest-xdist
def pytest_testnodedown(node):
    for name, n in getattr(node, "workeroutput", {}).get("cases", {}).items():
        CASES[name] += n


def pytest_terminal_summary(terminalreporter):
    if CASES:
        by_subject = ", ".join(f"{name} {tried:,}" for name, (tried, _) in CASES.items())
        tried, accepted = sum(CASES.values())
        terminalreporter.write_line(
            f"Odd input: {tried:,} cases tried ({by_subject}); {accepted:,} of them got past "
            "validation"
        )


SPOILED = {
    "deleted": None,
    "none": lambda value: None,
    "text": lambda value: "x",
    "minus one": lambda value: -1,
    "huge": lambda value: 10**12,
    "nan": lambda value: math.nan,
    "list": lambda value: [value],
    "reversed": lambda value: value[::-1],
    "shorter": lambda value: value[1:],
    "longer": lambda value: np.concatenate([value, value]),
    "of objects": lambda value: value.astype(object),
    "of floats": lambda value: value.astype(np.float64) + 0.5,
    "with nan": lambda value: np.where(np.arange(value.size).reshape(value.shape), value, np.nan),
    "negative": lambda value: -value.astype(np.float64),
    "of far too large ones": lambda value: np.full(value.shape, 1e300),
    "wider": lambda value: np.repeat(value, 40, axis=1),
    "of minus ones": lambda value: np.full_like(value, -1),
    "large": lambda value: np.full_like(value, 10**9),
    "flat": lambda value: value.ravel()[:, None],
}


def entries(state, path=()):
    """All places in nested dicts and lists, as tuples of keys."""
    for key, value in state.items() if isinstance(state, dict) else enumerate(state):
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from entries(value, (*path, key))


def spoiled(state, path, how):
    """A copy of a state with one entry changed; None if it cannot be changed like that."""
    inner = state
    for key in path:
        inner = inner[key]
    if how == "deleted":
        return replaced(state, path)
    try:
        changed = SPOILED[how](inner)
        is_same = type(changed) is type(inner) and np.array_equal(changed, inner)
    except Exception:
        return None
    return None if is_same else replaced(state, path, changed)


_GONE = object()


def replaced(state, path, value=_GONE):
    """A copy of a state with another value in one place, or none."""
    if not path:
        return value
    copied, (key, *rest) = copy.copy(state), path
    if rest or value is not _GONE:
        copied[key] = replaced(state[key], rest, value)
    else:
        del copied[key]
    return copied


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
    times = np.array([counts[name] for name in names] + [0])
    n = len(drawn)
    rare = n * p < 10
    p[-1], times[-1] = p[rare].sum(), times[rare].sum()
    rare[-1] = False
    deviation = np.abs(times - n * p) / np.sqrt(n * p * (1 - p) + 1)
    assert deviation[~rare].max() < 4.5


def small_generator(**params):
    defaults = {"hidden_size": 16, "embedding_dim": 8, "batch_size": 32, "max_epochs": 3}
    defaults |= {"num_networks": 1, "random_state": 0}
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
