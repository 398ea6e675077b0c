"""Models on disk: what comes back, and what may not run."""

import copy
import importlib
import inspect
import io
import json
import pickle
import pickletools
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
from conftest import SPOILED, entries, ngram_pipeline, small_pipeline, spoiled
from sklearn.pipeline import Pipeline

import sknamegen
from sknamegen import (
    SKOPS_TRUSTED,
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    SamplePreview,
    load_names,
)

SAVED = Path(__file__).parent / "saved"


@pytest.fixture(scope="module", params=[small_pipeline, ngram_pipeline], ids=["lstm", "ngram"])
def pipe(request, names):
    return request.param().fit(names)


def assert_same(loaded, pipe, names):
    np.testing.assert_array_equal(loaded.score_samples(names), pipe.score_samples(names))
    for temperature in (0.5, 1.0):
        written, expected = (
            p[-1].sample("Ma", temperature, 9, random_state=0) for p in (loaded, pipe)
        )
        assert written == expected
    assert repr(loaded) == repr(pipe)


def test_names_that_are_forgotten_are_not_saved(pipe, names):
    """Not what tells them for certain; and no later call brings the hashes back."""
    generator = copy.deepcopy(pipe[-1])
    before = generator.sample(n_samples=9, random_state=0)
    hashes = generator.name_hashes_.tobytes()
    assert hashes in pickle.dumps(generator)
    assert generator.forget_names() is generator
    saved = pickle.dumps(generator)
    assert hashes not in saved
    loaded = pickle.loads(saved)
    windows = pipe[0].transform(names[:20])
    for each in (generator, loaded, loaded.partial_fit(windows)):
        assert each.name_hashes_ is None
        for ask in (each.sample, lambda each=each, **options: each.most_likely(3, **options)):
            with pytest.raises(ValueError, match="has kept their hashes"):
                ask(novel=True)
    assert generator.sample(n_samples=9, random_state=0) == before
    assert generator.fit(windows).name_hashes_ is not None


@pytest.mark.parametrize("options", [{}, {"compress": 3}, {"mmap_mode": "r"}])
def test_joblib_gives_back_the_same(pipe, names, tmp_path, options):
    mmap_mode = options.pop("mmap_mode", None)
    joblib.dump(pipe, tmp_path / "pipe.joblib", **options)
    assert_same(joblib.load(tmp_path / "pipe.joblib", mmap_mode=mmap_mode), pipe, names)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_gives_back_the_same(pipe, names, protocol):
    assert_same(pickle.loads(pickle.dumps(pipe, protocol)), pipe, names)


def test_skops_needs_only_types_of_the_project(pipe, names):
    data = skops.io.dumps(pipe)
    types = skops.io.get_untrusted_types(data=data)
    assert types
    assert set(types) < set(SKOPS_TRUSTED)
    assert_same(skops.io.loads(data, trusted=SKOPS_TRUSTED), pipe, names)
    with pytest.raises(TypeError, match=r"Untrusted types found in the file: .*sknamegen"):
        skops.io.loads(data)


def test_what_may_be_trusted_is_all_that_files_name(pipe):
    preview = SamplePreview()
    for name in SKOPS_TRUSTED:
        module, _, kind = name.rpartition(".")
        assert not module.startswith("sknamegen._")
        assert getattr(importlib.import_module(module), kind) is getattr(sknamegen, kind)
        assert getattr(sknamegen, kind).__module__ == module
    generator = copy.deepcopy(pipe[-1])
    if hasattr(generator, "callbacks"):
        generator.callbacks = [preview]
    labelled = CharNGramGenerator().fit(pipe[0].transform(["Ada", "Eve"]), ["a", "e"])
    for saved in (generator, labelled, pipe[0], preview):
        assert set(skops.io.get_untrusted_types(data=skops.io.dumps(saved))) <= set(SKOPS_TRUSTED)
        opcodes = pickletools.genops(pickle.dumps(saved))
        strings = [argument for _, argument, _ in opcodes if isinstance(argument, str)]
        assert {text for text in strings if text.startswith("sknamegen")} == {"sknamegen"}


def test_a_tampered_file_runs_nothing(pipe, tmp_path):
    """Every class in the file is exchanged for a function that would leave a trace."""
    planted = tmp_path / "ran"
    data = skops.io.dumps(pipe)
    types = skops.io.get_untrusted_types(data=data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = files["schema.json"].decode()
    n_tried = 0
    for name in sorted(types):
        module, _, kind = name.rpartition(".")
        before = f'"__class__": "{kind}",\n'
        assert schema.count(f'"__class__": "{kind}"') >= 1, before
        tampered = schema.replace(f'"__class__": "{kind}"', '"__class__": "system"').replace(
            f'"__module__": "{module}"', '"__module__": "os"'
        )
        tampered = tampered.replace('"windows"', f'"touch {planted}"')
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for path, content in (files | {"schema.json": tampered.encode()}).items():
                archive.writestr(path, content)
        with pytest.raises(TypeError, match="Untrusted types found"):
            skops.io.loads(file.getvalue(), trusted=types)
        n_tried += 1
    assert n_tried == len(types)
    assert not planted.exists()


def test_a_pickle_of_the_defaults_is_little_more_than_the_weights():
    names = load_names("female")
    pipe = Pipeline(
        [("windows", CharSequenceVectorizer()), ("lstm", CharLSTMGenerator(max_epochs=1))]
    ).fit(names)
    weights = sum(w.numel() * w.element_size() for w in pipe[-1].net_.module_.parameters())
    assert weights < len(pickle.dumps(pipe)) < 1.1 * weights


@pytest.mark.parametrize("device", ["cuda:7", "hpu"])
def test_a_model_from_a_machine_with_a_gpu_loads_without(names, device):
    pipe = small_pipeline(max_epochs=1).fit(names)
    pipe[-1].device = device  # as it was there
    loaded = pickle.loads(pickle.dumps(pipe))
    np.testing.assert_array_equal(loaded.score_samples(names), pipe.score_samples(names))
    assert loaded[-1].device == device
    assert loaded[-1].sample("Ma", random_state=0) == pipe[-1].sample("Ma", random_state=0)


REFUSED = {"0.1.0": 1, "0.2.0": 2, "0.3.0": 3}  # their state formats


def saved_versions():
    return sorted(path.name for path in SAVED.iterdir() if path.is_dir())


@pytest.mark.parametrize("kind", ["lstm", "ngram"])
@pytest.mark.parametrize("version", saved_versions())
def test_files_of_earlier_versions(version, kind):
    """They are read, or refused by name; a file of format 1 names modules that are gone."""
    expected = json.loads((SAVED / version / "expected.json").read_text())
    data = (SAVED / version / f"{kind}.skops").read_bytes()
    types = skops.io.get_untrusted_types(data=data)
    assert all(name.startswith("sknamegen.") for name in types)
    for load in (
        lambda: pickle.loads((SAVED / version / f"{kind}.pkl").read_bytes()),
        lambda: skops.io.loads(data, trusted=types),
    ):
        if version in REFUSED:
            found = rf"saved by another version .* format {REFUSED[version]}; this"
            with pytest.raises(ValueError, match=found):
                load()
            continue
        assert set(types) <= set(SKOPS_TRUSTED)
        vectorizer, generator = load()
        log_likelihood = generator.score_samples(vectorizer.transform(expected["names"]))
        np.testing.assert_allclose(log_likelihood, expected[kind]["log_likelihood"], rtol=1e-4)
        assert generator.sample("A", 0.8, 5, random_state=0) == expected[kind]["written"]


@pytest.mark.parametrize("kind", ["lstm", "ngram"])
def test_the_refusal_does_not_depend_on_what_stands_first(kind, monkeypatch):
    """The generator alone is refused too, not only the vectorizer in front of it."""
    monkeypatch.setattr(CharSequenceVectorizer, "__setstate__", lambda self, state: None)
    with pytest.raises(ValueError, match=r"^This Char\w+Generator was saved .* in state format 1;"):
        pickle.loads((SAVED / "0.1.0" / f"{kind}.pkl").read_bytes())


def test_files_of_an_unknown_format_are_refused(pipe):
    for estimator in (pipe[0], pipe[-1]):
        state = estimator.__getstate__()
        for found in (None, 99):
            with pytest.raises(ValueError, match=f"another version of sknamegen.* format {found}"):
                type(estimator)().__setstate__(state | {"_format": found})


REFUSALS = "the file is damaged|state format|window_length seen in fit"
# Another value of these is as good as the one that was saved.
FREE = {"class_count_", "name_hashes_", "max_length_", "_seen_weight", "_networks", "_shapes"}


def try_spoiled(estimator, use, refusals, free):
    """Spoil each entry of what is saved; return how often it was refused, and did no harm."""
    state, expected = estimator.__getstate__(), use(estimator)
    n_refused = n_same = 0
    for path in entries(state):
        for how in SPOILED:
            changed = spoiled(state, path, how)
            if changed is None:
                continue
            loaded = type(estimator)()
            try:
                loaded.__setstate__(changed)
                found = use(loaded)
            except (TypeError, ValueError) as error:
                if not re.search(refusals, str(error)):
                    pytest.fail(f"{path} {how}: {error}")
                n_refused += 1
                continue
            n_same += 1
            assert np.isfinite(found).all(), (path, how)
            if not free & set(path):
                np.testing.assert_array_equal(found, expected, err_msg=f"{path} {how}")
    return n_refused, n_same


@pytest.mark.parametrize("make", [small_pipeline, ngram_pipeline])
@pytest.mark.parametrize("kind", ["plain", "labels", "text", "two layers"])
def test_spoiled_states_are_refused_or_do_no_harm(kind, make, names):
    boundary, labels = kind != "text", ["a", "b"] * 20 if kind == "labels" else None
    given = names[:40] if boundary else [" ".join(names[:10])] * 40
    params = {}
    if make is small_pipeline:
        params = {"max_epochs": 1}
        params |= {"num_layers": 2, "embedding_dim": None} if kind == "two layers" else {}
    pipe = make(boundary=boundary, **params).fit(given, labels)
    windows = pipe[0].transform(given[:5])
    free = FREE | {"contexts", "characters", "times", "discount"}
    score = lambda generator: generator.score_samples(windows)  # noqa: E731
    n_refused, n_same = try_spoiled(pipe[-1], score, REFUSALS, free)
    assert n_refused > (150 if make is small_pipeline else 80)
    assert n_same > (100 if make is small_pipeline else 10)


@pytest.mark.parametrize(
    "make", [pytest.param(small_pipeline, marks=pytest.mark.full), ngram_pipeline]
)
def test_spoiled_states_are_refused_or_write_names(make, names):
    params = {"max_epochs": 1} if make is small_pipeline else {}
    pipe = make(**params).fit(names[:40], ["a", "b"] * 20)
    options = {"n_samples": 3, "pattern": ".*a", "max_length": 12, "random_state": 0}
    count = lambda generator: len(generator.sample("S", **options))  # noqa: E731
    n_refused, n_same = try_spoiled(pipe[-1], count, REFUSALS + "|seed 'S' holds|pattern", set())
    assert n_refused > (150 if make is small_pipeline else 80)
    assert n_same > (100 if make is small_pipeline else 10)


def test_spoiled_vectorizers_are_refused_or_do_no_harm(names):
    vectorizer = CharSequenceVectorizer(window_length=3).fit(names)
    refusals = "the file is damaged|state format|must be (an int|one of|1 for names)|would take"
    use = lambda loaded: loaded.transform([names[0], "?"])[..., -3:]  # noqa: E731
    free = {"alphabet_", "boundary", "lowercase", "normalization", "handle_unknown"}
    n_refused, n_same = try_spoiled(vectorizer, use, refusals, free)
    assert n_refused > 40
    assert n_same > 0


def test_counts_of_parts_of_names_come_back(names):
    labels = np.resize(["a", "b", "c"], len(names))
    weights = np.resize([0.1, 0.2, 0.7, 1e10], len(names))
    windows = CharSequenceVectorizer().fit_transform(names)
    generator = CharNGramGenerator().fit(windows, labels, sample_weight=weights)
    loaded = pickle.loads(pickle.dumps(generator))
    np.testing.assert_allclose(
        loaded.score_samples(windows), generator.score_samples(windows), rtol=1e-9
    )


@pytest.mark.parametrize("name", ["CharLSTMGenerator", "CharSequenceVectorizer", "SamplePreview"])
def test_the_source_of_public_classes_is_found(name):
    """As IPython's ``??`` finds it."""
    assert f"class {name}(" in inspect.getsource(getattr(sknamegen, name))


def test_a_users_subclass_keeps_its_own_name(names):
    generator = Mine(max_epochs=1).fit(CharSequenceVectorizer().fit_transform(names[:50]))
    loaded = pickle.loads(pickle.dumps(generator))
    assert type(loaded) is Mine
    assert loaded.sample(random_state=0) == generator.sample(random_state=0)


class Mine(CharLSTMGenerator):
    """A user's."""

    def __init__(self, *, max_epochs=1, hidden_size=8, random_state=0):
        super().__init__(max_epochs=max_epochs, hidden_size=8, random_state=random_state)


# Each loader, from lightest to heaviest, with each kind; of what no loader has imported itself.
FRESH = """
import importlib, pickle, sys

import sknamegen

assert "SamplePreview" in sknamegen.__all__


def imported():
    return {"torch", "skorch"} & sys.modules.keys()


def use(pipe, learns):
    import sknamegen.display
    from sklearn.base import clone
    from sknamegen import metrics

    generator = pipe[-1]
    windows = pipe[0].transform(["Maria", "Anna"])
    generator.sample("Mar", 0.5, 3, unique=True, novel=True, pattern=".*a", random_state=0)
    "".join(generator.stream("Mar", random_state=0))
    generator.most_likely(3)
    generator.next_char_proba(["", "Mar"])
    generator.score(windows), generator.score_samples(windows), generator.perplexity(windows)
    generator.predict(windows), generator.predict_proba(windows)
    metrics.expected_novelty(generator, windows)
    metrics.constraint_probability(generator, min_length=7)
    known = pipe[0].transform(generator.most_likely(50)[0])
    metrics.temperature_for(generator, known, metrics.expected_novelty(generator, known, 0.8))
    sknamegen.display.TemperatureDisplay.from_estimator(generator, windows, n_samples=20)
    sknamegen.display.NextCharDisplay.from_estimator(generator, "Maria")
    repr(generator), generator._repr_html_(), generator.get_params()
    clone(pickle.loads(pickle.dumps(generator)))
    if learns:
        generator.partial_fit(windows, ["a", "b"])
        clone(generator).fit(windows, ["a", "b"])


print("import sknamegen", imported())
for name, options in [("pickle", {}), ("joblib", {}), ("skops.io", {"trusted": "SKOPS_TRUSTED"})]:
    loader = importlib.import_module(name)
    by_itself = imported()  # as some versions of skops do
    for kind in ("lstm", "ngram"):
        with open(f"{kind}.{name}", "rb") as file:
            pipe = loader.load(file, **{key: getattr(sknamegen, of) for key, of in options.items()})
        use(pipe, learns=kind == "ngram")
        print(name, kind, imported() - by_itself)
sknamegen.SamplePreview
print("SamplePreview", sorted(imported()))
"""


def test_only_training_imports_torch(names, tmp_path):
    for kind, make in {"lstm": small_pipeline, "ngram": ngram_pipeline}.items():
        pipe = make().fit(names, np.resize(["a", "b"], len(names)))
        for loader in (pickle, joblib, skops.io):
            with open(tmp_path / f"{kind}.{loader.__name__}", "wb") as file:
                loader.dump(pipe, file)
    command = [sys.executable, "-c", FRESH]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    loaders, kinds = ("pickle", "joblib", "skops.io"), ("lstm", "ngram")
    steps = ["import sknamegen", *(f"{loader} {kind}" for loader in loaders for kind in kinds)]
    expected = [*(f"{step} set()" for step in steps), "SamplePreview ['skorch', 'torch']"]
    assert done.stdout.splitlines() == expected
