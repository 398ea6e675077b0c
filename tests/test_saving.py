"""Saved models: round trips, formats, and damaged or malicious files."""

import copy
import importlib
import inspect
import io
import json
import pickle
import pickletools
import re
import runpy
import subprocess
import sys
import tracemalloc
import zipfile
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
from conftest import (
    CORRUPTIONS,
    corrupted,
    entries,
    ngram_pipeline,
    small_generator,
    small_pipeline,
)

import sknamegen
from sknamegen import (
    SKOPS_TRUSTED,
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    SamplePreview,
)
from sknamegen.datasets import KnownNames

SAVED = Path(__file__).parent / "saved"
FORMAT = "format-{}".format(CharNGramGenerator().__getstate__()["_format"])
DAMAGED = "The file is damaged or modified|must have the same characters"
# Changes that invalidate any array, an array of indices, or an array of weights.
INVALID_ARRAY = {"deleted", "none", "text", "minus one", "huge", "nan", "object dtype", "flat"}
INVALID_ARRAY |= {"shorter", "wider"}
INVALID_INDICES = {"float dtype", "with nan", "all large", "negated", "overflowing"}
INVALID_NUMBERS = {"with nan", "overflowing"}
KINDS = {
    "counts of labels": (ngram_pipeline, {}),
    "counts of text": (ngram_pipeline, {"boundary": False}),
    "networks": (small_pipeline, {"num_networks": 2, "ngram_counts": False}),
    "layers of labels": (small_pipeline, {"num_layers": 2, "embedding_dim": None}),
}


def assert_same_model(loaded, pipe, names):
    np.testing.assert_array_equal(loaded.score_samples(names), pipe.score_samples(names))
    sampled, expected = (p[-1].sample("Ma", 0.5, 9, random_state=0) for p in (loaded, pipe))
    assert sampled == expected
    assert repr(loaded) == repr(pipe)


def test_round_trips(pipe, names, tmp_path):
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert_same_model(pickle.loads(pickle.dumps(pipe, protocol)), pipe, names)
    skops_file = skops.io.dumps(pipe)
    assert_same_model(skops.io.loads(skops_file, trusted=SKOPS_TRUSTED), pipe, names)
    with pytest.raises(TypeError, match=r"Untrusted types found in the file: .*sknamegen"):
        skops.io.loads(skops_file)
    path = tmp_path / "pipe.joblib"
    for compress, mmap_mode in ((0, None), (3, None), (0, "r")):
        joblib.dump(pipe, path, compress)
        assert_same_model(joblib.load(path, mmap_mode), pipe, names)


def test_forgotten_names_are_not_saved(pipe, names):
    """The hashes are removed, and no later call restores them."""
    generator, options = copy.deepcopy(pipe[-1]), {"n_samples": 9, "random_state": 0}
    before, hashes = generator.sample(**options), generator.name_hashes_.tobytes()
    assert hashes in pickle.dumps(generator)
    assert generator.forget_names() is generator
    saved = pickle.dumps(generator)
    assert hashes not in saved
    loaded = pickle.loads(saved)
    for model in (generator, loaded, loaded.partial_fit(names[:20])):
        assert model.name_hashes_ is None
        for call in (model.sample, partial(model.most_likely, 3)):
            with pytest.raises(ValueError, match="has kept their hashes"):
                call(novel=True)
    assert generator.sample(**options) == before
    assert generator.fit(names[:20]).name_hashes_ is not None


class Forgetting:
    """Container of no name that makes a generator forget its names at the first lookup."""

    def __init__(self, generator):
        self.generator = generator

    def __contains__(self, name):
        self.generator.forget_names()
        return False


def test_novel_excludes_names_forgotten_during_the_call(names):
    for call in ("sample", "most_likely"):
        generator = ngram_pipeline(order=9).fit(names)[-1]
        options = {"novel": True, "exclude": Forgetting(generator)}
        if call == "sample":
            sampled = generator.sample(n_samples=500, random_state=0, **options)
        else:
            sampled, _ = generator.most_likely(5, **options)
        assert generator.name_hashes_ is None
        assert not set(sampled) & set(names)


def test_files_contain_only_trusted_public_types(pipe):
    preview = SamplePreview()
    assert SKOPS_TRUSTED[0] == "builtins.frozenset"  # what `load_words` returns
    for name in SKOPS_TRUSTED[1:]:
        module, _, kind = name.rpartition(".")
        assert not module.startswith("sknamegen._")
        public = getattr(importlib.import_module(module), kind)
        assert public.__module__ == module
        assert f"class {kind}" in inspect.getsource(public)  # which is also IPython's ``??``
        assert public is getattr(sknamegen, kind, KnownNames)
    generator = copy.deepcopy(pipe[-1])
    if hasattr(generator, "callbacks"):
        generator.callbacks = [preview]
    labelled = CharNGramGenerator().fit(["Ada", "Eve"], ["a", "e"])
    for saved in (generator, labelled, pipe[0], preview):
        assert set(skops.io.get_untrusted_types(data=skops.io.dumps(saved))) <= set(SKOPS_TRUSTED)
        opcodes = pickletools.genops(pickle.dumps(saved))
        strings = [argument for _, argument, _ in opcodes if isinstance(argument, str)]
        assert {text for text in strings if text.startswith("sknamegen")} == {"sknamegen"}


def test_a_gpu_model_loads_without_a_gpu(names):
    generator = small_generator(max_epochs=1).fit(names)
    generator.device = "cuda:7"  # as on that machine
    loaded = pickle.loads(pickle.dumps(generator))
    np.testing.assert_array_equal(loaded.score_samples(names), generator.score_samples(names))
    assert loaded.device == "cuda:7"
    assert loaded.sample("Ma", random_state=0) == generator.sample("Ma", random_state=0)


@pytest.mark.parametrize("kind", ["lstm", "ngram"])
def test_files_of_the_current_format_load(kind):
    """Other versions of the libraries saved these files."""
    record = runpy.run_path(str(SAVED / "make.py"))["record"]
    expected = json.loads((SAVED / FORMAT / "expected.json").read_text())[kind]
    data = (SAVED / FORMAT / f"{kind}.skops").read_bytes()
    assert set(skops.io.get_untrusted_types(data=data)) <= set(SKOPS_TRUSTED)
    for loaded in (
        pickle.loads((SAVED / FORMAT / f"{kind}.pkl").read_bytes()),
        skops.io.loads(data, trusted=SKOPS_TRUSTED),
    ):
        actual = record(*loaded)
        np.testing.assert_allclose(actual["log_likelihood"], expected["log_likelihood"], rtol=1e-4)
        assert actual["written"] == expected["written"]


def test_files_of_an_unknown_format_are_rejected(pipe):
    for estimator in (pipe[0], pipe[-1]):
        state = estimator.__getstate__()
        for number in (None, 99, "5", True):
            with pytest.raises(ValueError, match=f"another version of sknamegen.* format {number}"):
                type(estimator)().__setstate__(state | {"_format": number})


STATES = dict.fromkeys((*KINDS, "vectorizer"), pytest.mark.full)
STATES |= {"counts of text": (), "vectorizer": ()}


@pytest.fixture(scope="module", params=[pytest.param(x, marks=y) for x, y in STATES.items()])
def fitted(request, names):
    """Return a small generator or a vectorizer, and its input."""
    if request.param == "vectorizer":
        return CharSequenceVectorizer(window_length=3).fit(names), names[:5]
    make, params = KINDS[request.param]
    if make is small_pipeline:
        params = {"max_epochs": 1, "hidden_size": 4} | params
    train = [" ".join(names[:10])] * 20 if "text" in request.param else names[:20]
    pipe = make(**params).fit(train, ["a", "b"] * 10 if "labels" in request.param else None)
    return pipe[-1], pipe[0].transform(train[:5])


def invalid_changes(path, entry):
    """Return the corruptions that every model rejects, for an entry of its state."""
    name = path[-1]
    if path[0] != "_fitted" or name == "_fitted":
        return set()
    if isinstance(entry, (dict, list)):
        return {"deleted", "none", "text"} - ({"deleted"} if isinstance(name, int) else set())
    if name == "counts_weight":
        return INVALID_ARRAY - {"huge", "none"}
    if name in ("contexts", "characters"):
        # The order of the penalty is not checked.
        return (INVALID_ARRAY | INVALID_INDICES) - {"wider"}
    if not isinstance(entry, np.ndarray):
        return set()
    return INVALID_ARRAY | INVALID_NUMBERS | {"negated" if name == "counts" else "int dtype"}


@pytest.mark.filterwarnings("ignore")  # invalid values overflow
def test_corrupted_states_are_rejected_or_harmless(fitted):
    """Loading rejects invalid arrays. After other changes, no call fails with an unusual error."""
    estimator, X = fitted
    is_vectorizer = isinstance(estimator, CharSequenceVectorizer)
    state, n_invalid, n_rejected, n_used = estimator.__getstate__(), 0, 0, 0
    params = {} if is_vectorizer else estimator.get_params()
    # Layers and networks differ only by their number.
    roles = {re.sub(r"\d+", "0", str(p)): p for p in entries(state) if p[0] not in params}
    paths = [*roles.values()]
    assert ("alphabet_",) in paths
    memory_limit = 2**20 + 5 * peak_memory(type(estimator)().__setstate__, state)
    for corruption in CORRUPTIONS if params else ():  # parameters only affect the next fit
        loaded, changed = type(estimator)(), state
        for name in params:
            changed = corrupted(changed, (name,), corruption) or changed
        assert peak_memory(loaded.__setstate__, changed) < memory_limit, corruption
        assert np.array_equal(loaded.score_samples(X), estimator.score_samples(X))
    for path in paths:
        entry = state
        for key in path:
            entry = entry[key]
        for corruption in CORRUPTIONS:
            changed = corrupted(state, path, corruption)
            if changed is None:
                continue
            loaded, is_loaded, caught = type(estimator)(), False, None
            try:
                assert peak_memory(loaded.__setstate__, changed) < memory_limit, (path, corruption)
                is_loaded = True
                use(loaded, X, path)
                n_used += 1
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                caught = error
                n_rejected += is_vectorizer or not is_loaded  # a vectorizer rejects in transform
            if corruption in invalid_changes(path, entry):
                n_invalid += 1
                assert isinstance(caught, ValueError), (path, corruption)
                assert re.search(DAMAGED, str(caught)), (path, corruption)
                assert not is_loaded, (path, corruption)
    assert n_rejected > (40 if is_vectorizer else 50)
    assert is_vectorizer or n_invalid > 40
    assert n_used > 10


def peak_memory(function, argument):
    """Return the peak memory of a call in bytes."""
    tracemalloc.start()
    try:
        function(argument)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def use(estimator, X, path):
    """Call the methods. Scores are finite if the changed entry is in a network or in counts."""
    if isinstance(estimator, CharSequenceVectorizer):
        estimator.transform(X)
        return
    generator, scores = estimator, estimator.score_samples(X)
    assert scores.shape == (len(X),)
    if path[0] == "_fitted" and path[-1] != "weight":
        assert np.isfinite(scores).all()
    if generator.max_length_ is None:
        generator.sample("A", max_length=20, random_state=0)
    else:
        generator.sample(n_samples=3, random_state=0)
        generator.most_likely(1, max_length=1)
    generator.next_char_proba("A")


def test_fractional_counts_round_trip(names):
    labels = np.resize(["a", "b", "c"], len(names))
    weights = np.resize([0.1, 0.2, 0.7, 1e10], len(names))
    generator = CharNGramGenerator().fit(names, labels, sample_weight=weights)
    scores = [pickle.loads(pickle.dumps(generator)).score_samples(names)]
    np.testing.assert_allclose(*scores, generator.score_samples(names), rtol=1e-9)


def test_pickle_keeps_the_class_of_a_subclass(names):
    generator = UserGenerator(max_epochs=1).fit(names[:50])
    loaded = pickle.loads(pickle.dumps(generator))
    assert type(loaded) is UserGenerator
    assert loaded.sample(random_state=0) == generator.sample(random_state=0)


class UserGenerator(CharLSTMGenerator):
    def __init__(self, *, max_epochs=1, hidden_size=8, random_state=0):
        super().__init__(init=None, max_epochs=max_epochs, hidden_size=8, random_state=random_state)


# Loads each kind with each library and uses it, without torch and threads.
WITHOUT = """
import importlib, pickle, sys, threading, warnings

warnings.simplefilter("error")

class Missing:
    def find_spec(self, name, *arguments):
        if name == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def no_thread(*arguments):
    raise RuntimeError("can't start new thread")

sys.meta_path.insert(0, Missing())
threading.Thread.start = no_thread
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sknamegen import *
from sknamegen import display, metrics

libraries = {"pickle": {}, "joblib": {}, "skops.io": {"trusted": SKOPS_TRUSTED}}
constraint = {"unique": True, "novel": True, "pattern": ".*a", "random_state": 0}
for kind in ("lstm", "ngram"):
    for library, options in libraries.items():
        with open(f"{kind}.{library}", "rb") as file:
            pipe = importlib.import_module(library).load(file, **options)
        print(pipe[-1].sample("Mar", 0.5, 3, **constraint))
    generator, names = pipe[-1], ["Maria", "Anna"]
    generator.sample(n_samples=50, words=read_names("names.txt") * 2)
    "".join(generator.stream("Mar", random_state=0))
    generator.most_likely(3)
    generator.next_char_proba(["", "Mar"])
    generator.score(names), generator.score_samples(names), generator.perplexity(names)
    NameClassifier(FrozenEstimator(pipe)).fit().predict(names)
    metrics.constraint_probability(generator, min_length=7)
    display.NextCharDisplay.from_estimator(generator, "Maria")
    repr(generator), generator._repr_html_(), generator.get_params()
    clone(pickle.loads(pickle.dumps(generator)))
    try:
        generator.partial_fit(names, ["a", "b"])
        clone(generator).fit(names, ["a", "b"]).sample()
    except ImportError as error:
        print(error)
"""


@pytest.mark.full
def test_everything_but_training_works_without_torch_and_threads(names, tmp_path):
    """`.ci/run` repeats this without the packages installed. Emscripten has neither."""
    (tmp_path / "names.txt").write_text("\n".join(names), "utf-8")
    options = {"unique": True, "novel": True, "pattern": ".*a", "random_state": 0}
    expected = []
    for kind, make in {"lstm": small_pipeline, "ngram": ngram_pipeline}.items():
        pipe = make().fit(names, np.resize(["a", "b"], len(names)))
        expected.append(str(pipe[-1].sample("Mar", 0.5, 3, **options)))
        for library in (pickle, joblib, skops.io):
            with open(tmp_path / f"{kind}.{library.__name__}", "wb") as file:
                library.dump(pipe, file)
    command = [sys.executable, "-c", WITHOUT]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    message = "Fitting a CharLSTMGenerator requires torch: pip install torch skorch."
    message += " Loading, sampling and scoring work without it."
    assert done.stdout.splitlines() == [expected[0]] * 3 + [message] + [expected[1]] * 3


def test_tampered_files_run_no_code(pipe, tmp_path):
    """Replace each class in the file by a function that would create a file."""
    planted = tmp_path / "ran"
    data = skops.io.dumps(pipe)
    types = skops.io.get_untrusted_types(data=data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = files["schema.json"].decode()
    assert types
    for name in sorted(types):
        module, _, kind = name.rpartition(".")
        assert f'"__class__": "{kind}"' in schema
        tampered = schema.replace(f'"__class__": "{kind}"', '"__class__": "system"')
        tampered = tampered.replace(f'"__module__": "{module}"', '"__module__": "os"')
        tampered = tampered.replace('"windows"', f'"touch {planted}"')
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for path, content in (files | {"schema.json": tampered.encode()}).items():
                archive.writestr(path, content)
        with pytest.raises(TypeError, match="Untrusted types found"):
            skops.io.loads(file.getvalue(), trusted=types)
    assert not planted.exists()
