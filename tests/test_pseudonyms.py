"""NamePseudonymizer replaces equal names by equal pseudonyms."""

import copy
import pickle
import pickletools
import re
from unicodedata import normalize

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import classifier_of, ngram_pipeline, saved_copies, small_pipeline
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sknamegen import CharNGramGenerator, NamePseudonymizer, load_names
from sknamegen.datasets import known_names

pytestmark = [
    pytest.mark.filterwarnings("ignore:X contains .* names that fit has not seen"),
    pytest.mark.filterwarnings("ignore:X has only .* distinct names"),
]
WOMEN = [*dict.fromkeys(load_names("female"))]
NAMES = load_names("female")[::20]
GERMANS = ["Anna", "Bernd", "Carla", "Dieter", "Elke", "Frank", "Gisela", "Heinz", "Ilse", "Jürgen"]
KEY = b"keep this secret"


def pseudonyms_of(names, **params):
    """Fit to the names and return their pseudonyms."""
    return NamePseudonymizer(**{"key": KEY} | params).fit(names).transform(names).ravel().tolist()


@pytest.fixture(scope="module", autouse=True)
def small_pool():
    """Draw pools of a tenth of their size, which most tests do not need."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sknamegen.pseudonyms._BLOCK", 2000)
        yield


@pytest.fixture
def full_pool(small_pool, monkeypatch):
    monkeypatch.setattr("sknamegen.pseudonyms._BLOCK", 20_000)


@pytest.fixture(scope="module")
def pseudonyms(small_pool):
    return pseudonyms_of(NAMES)


def folded(names):
    """Return names as they are compared: stripped, composed and case-folded."""
    return {normalize("NFC", name.strip().casefold()) for name in names}


@pytest.mark.parametrize("by_word", [True, False])
def test_pseudonyms_are_unique(by_word):
    """By word, names that differ only in case have one pseudonym, in their case."""
    column = [*NAMES, *map(str.upper, NAMES), *NAMES[::-1]]
    pseudonymizer = NamePseudonymizer(key=KEY, by_word=by_word)
    with pytest.raises(NotFittedError):
        pseudonymizer.mapping()
    for y in (None, np.resize(["x", "y"], len(column))):
        mapping = pseudonymizer.fit(column, y).mapping()
        assert pseudonymizer.transform(column).ravel().tolist() == [mapping[n] for n in column]
        assert len({*mapping.values()}) == len({*column})
        assert len(folded(mapping.values())) == len(folded(column) if by_word else {*column})
        assert not folded(mapping.values()) & folded(column)
        pseudonymizer.mapping().clear()
        assert pseudonymizer.mapping() == mapping


def test_pseudonyms_depend_on_the_key_and_the_names_only(pseudonyms):
    expected = dict(zip(NAMES, pseudonyms, strict=True))
    order = np.random.default_rng(0).permutation(len(NAMES)).tolist()
    shuffled = [NAMES[i] for i in order]
    assert pseudonyms_of(shuffled) == [expected[name] for name in shuffled]
    assert pseudonyms_of([*NAMES, *shuffled])[: len(NAMES)] == pseudonyms
    assert pseudonyms_of(NAMES, key=KEY.decode()) == pseudonyms
    other = pseudonyms_of(NAMES, key=b"another secret")
    assert np.mean(np.array(other) == pseudonyms) < 0.02


def test_missing_values_stay_unchanged():
    names = ["Anna", None, np.nan, pd.NA, "", " ", "Anna"]
    frame = pd.DataFrame({"name": names, "age": range(7)}, dtype=object)
    anna = NamePseudonymizer(key=KEY).fit(frame[["name"]]).transform(frame[["name"]]).ravel()
    assert anna[0] == anna[6] != "Anna"
    assert anna[1] is None
    assert np.isnan(anna[2])
    assert anna[3] is pd.NA
    assert anna[4:6].tolist() == ["", " "]
    masked = np.ma.array(np.array(["Anna", "Hidden"], dtype=object), mask=[False, True])
    pseudonymizer = NamePseudonymizer(key=KEY).fit(masked)
    assert pseudonymizer.mapping().keys() == {"Anna"}
    assert pseudonymizer.transform(masked)[1, 0] is None
    composed = pseudonyms_of(["Zo\u0065\u0308", "Zo\u00eb"], generator=CharNGramGenerator())
    assert composed[0] == composed[1]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_column_transformer(make, pseudonyms):
    table = make({"name": NAMES, "age": [*range(len(NAMES))]})
    transformer = make_column_transformer(
        (NamePseudonymizer(key=KEY), ["name"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas" if make is pd.DataFrame else "polars")
    output = transformer.fit_transform(table)
    assert list(output.columns) == ["name", "age"]
    assert output["name"].to_list() == pseudonyms
    assert output["age"].to_list() == [*range(len(NAMES))]
    pseudonymizer = NamePseudonymizer(key=KEY).fit(table["name"])
    assert pseudonymizer.get_feature_names_out().tolist() == ["name"]
    assert pseudonymizer.transform(table["name"]).ravel().tolist() == pseudonyms


def test_labels_and_a_fitted_generator():
    names, labels = load_names(return_X_y=True)
    fitted = small_pipeline(max_epochs=1).fit(names[::10], labels[::10])
    column, sexes = ["Maria", "Otto", "Kim", "Kim", "Kim"], ["female", "male", "male", "x", "male"]
    frozen = FrozenEstimator(fitted.set_params(lstm__random_state=None))
    with pytest.raises(ValueError, match=r"label must be one of 'female', 'male'. Got 'x'"):
        NamePseudonymizer(frozen, key=KEY).fit(["Kim"], ["x"])
    pseudonymizer = NamePseudonymizer(frozen, key=KEY).fit(column, sexes)
    assert pseudonymizer.generator_[-1] is fitted[-1] or pseudonymizer.generator_ is frozen
    assert fitted[-1].random_state is None
    assert pseudonymizer.mapping().keys() == {"Maria", "Otto", "Kim"}
    labelled = NamePseudonymizer(key=KEY).fit(names[::10], labels[::10])
    pseudonyms = labelled.transform(names[::10]).ravel().tolist()
    assert classifier_of(labelled.generator_).score(pseudonyms, labels[::10]) > 0.7


def test_unseen_names():
    pseudonymizer = NamePseudonymizer(key=KEY).fit(NAMES)
    match = r"names of words that fit has seen\. Got 2 unseen \(first in row 1\)"
    with pytest.raises(ValueError, match=match) as error:
        pseudonymizer.transform([NAMES[0], "Xenobia", NAMES[1], "Qurt"])
    assert "Xenobia" not in str(error.value)
    pseudonymizer.set_params(unseen="generate")
    seen = pseudonymizer.transform(NAMES)
    all_pseudonyms = pseudonymizer.transform([*NAMES, "Qurt", "Xenobia"])
    assert all_pseudonyms[: len(NAMES)].tolist() == seen.tolist()
    assert pseudonymizer.transform(["Xenobia"]).tolist() == all_pseudonyms[-1:].tolist()
    assert all_pseudonyms[-1, 0] not in {*NAMES, "Xenobia"}
    assert pseudonymizer.mapping().keys() == set(NAMES)


def test_pseudonyms_of_unseen_names_are_distinct_and_unused(full_pool):
    pseudonymizer = NamePseudonymizer(key=KEY, unseen="generate").fit(WOMEN[::7])
    unseen = [name for name in WOMEN if name not in pseudonymizer.mapping()][:3000]
    pseudonyms = pseudonymizer.transform(unseen).ravel().tolist()
    used = {*WOMEN[::7], *unseen, *pseudonymizer.mapping().values()}
    assert len(folded(pseudonyms) - folded(used)) == 3000
    alone = [pseudonymizer.transform([name])[0, 0] for name in unseen[:100]]
    same = np.equal(alone, pseudonyms[:100])
    assert same.mean() > 0.02  # many pseudonyms are real names, which are not free in company
    wanted = {*pseudonyms, *unseen}
    assert all(is_same or name in wanted for name, is_same in zip(alone, same, strict=True))


def test_pseudonyms_of_unseen_names_are_distinct_in_one_call_or_with_partial_fit():
    men = [name for name in load_names("male") if name not in {*WOMEN}][:1000]
    pseudonymizer = NamePseudonymizer(key=KEY, unseen="generate").fit(WOMEN[:300])
    with pytest.warns(
        UserWarning, match=r"X contains 1,000 names that fit has not seen\. .* call p"
    ):
        assert len({*pseudonymizer.transform(men).ravel()}) == 1000
    parts = [men[i : i + 100] for i in range(0, 1000, 100)]
    assert len({name for part in parts for name in pseudonymizer.transform(part).ravel()}) < 1000
    for part in parts:
        before = pseudonymizer.partial_fit(part).transform(part).tolist()
        assert pseudonymizer.transform(part).tolist() == before
    assert len({*pseudonymizer.transform(men).ravel()}) == 1000


@pytest.mark.full
def test_short_columns_get_pseudonyms_like_a_list_of_real_names(full_pool):
    """All versions with one state format give the same pseudonyms."""
    germans = "Fisnik Sergio Endrit Ljubisa Cäcilie Jovana Gabriele Ramon Dusan Mahmut"
    assert " ".join(pseudonyms_of(GERMANS)) == germans
    towns = ["Lyon", "Annecy", "Bordeaux", "Saint-Malo", "Quimper", "Nantes"]
    expected = "Puyon, Tréméras, Hersey, La Chapelle-sur-Cosson, Brand-Courdens, Belles-en-Vexin"
    assert ", ".join(pseudonyms_of(towns, by_word=False)) == expected
    women = " ".join(pseudonyms_of(WOMEN[::25])[:5])
    assert women == "Martha Daniel Ginger Sarena Kasey"


@pytest.mark.full
def test_short_columns_in_parts_or_in_capitals():
    pseudonymizer = NamePseudonymizer(key=KEY, by_word=False)
    first = pseudonymizer.fit(GERMANS).mapping()
    later = clone(pseudonymizer).partial_fit(GERMANS[:6]).partial_fit(GERMANS[6:]).mapping()
    assert sum(first[name] == later[name] for name in GERMANS) >= 9
    assert all(map(str.isupper, pseudonyms_of(list(map(str.upper, GERMANS)))))
    assert not {*pseudonyms_of(GERMANS, generator=CharNGramGenerator())} & {*first.values()}


@pytest.mark.filterwarnings("error")
def test_lists_of_real_names_cause_no_warning():
    NamePseudonymizer(key=KEY).fit(["Berlin", "Hamburg", "München", "Köln", "Frankfurt am Main"])
    with pytest.warns(UserWarning, match="the bundled lists have no labels, so pseudonyms may be"):
        NamePseudonymizer(key=KEY).fit(GERMANS, ["f", "m", "f", "m", "f", "m", "f", "m", "f", "m"])


def test_short_columns_without_lzma(monkeypatch):
    def fail(names):
        raise RuntimeError("no lzma")

    monkeypatch.setattr("sknamegen.pseudonyms.real_list_of", fail)
    with pytest.warns(UserWarning, match=r"the bundled lists cannot be read \(no lzma\), so pseud"):
        assert len(NamePseudonymizer(key=KEY).fit(GERMANS).mapping()) == 10


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["Anna"], r"X has only 1 distinct names, too few .* like the list 'es_CA_f"),
        (load_names("dragons")[:20], r"X has only 20 distinct names, and no bundled list of p"),
    ],
)
def test_columns_too_short_to_learn(names, message):
    with pytest.warns(UserWarning, match=message):
        NamePseudonymizer(key=KEY).fit(names)


def test_partial_fit_keeps_all_pseudonyms():
    expected = NamePseudonymizer(key=KEY).partial_fit(NAMES)
    assert expected.mapping() == NamePseudonymizer(key=KEY).fit(NAMES).mapping()
    new = [name for name in WOMEN[1::2] if name not in NAMES]
    added = [copy.deepcopy(expected).partial_fit(names) for names in (new, new[::-1])]
    assert added[0].mapping() == added[1].mapping()
    assert not {*added[0].transform(new).ravel()} & {*NAMES, *new}
    for batches in ([new[:50], new[50:], NAMES], [new[50:], NAMES[::-1], new[:50]]):
        pseudonymizer = copy.deepcopy(expected)
        for batch in batches:
            before = pseudonymizer.mapping()
            assert pseudonymizer.partial_fit(batch).mapping().items() >= before.items()
        pseudonyms = pseudonymizer.mapping()
        assert pseudonyms.keys() == {*NAMES, *new}
        assert len(folded(pseudonyms.values())) == len(pseudonyms)
    assert clone(pseudonymizer).partial_fit(new).mapping().keys() == {*new}


def test_tables_agree_with_a_frozen_generator():
    generator = CharNGramGenerator().fit(load_names("male"))
    names = np.random.default_rng(0).permutation(WOMEN).tolist()

    def pseudonyms_in(table):
        return NamePseudonymizer(FrozenEstimator(generator), key=KEY).fit(table).mapping()

    first = pseudonyms_in(names[:100])
    for n_added, n_kept in ((1, 99), (10, 98)):
        second = pseudonyms_in(names[: 100 + n_added])
        assert sum(second[name] == first[name] for name in first) >= n_kept


def test_names_are_compared_without_whitespace_and_case():
    column = [f"{name} " if row % 100 == 0 else name for row, name in enumerate(WOMEN[::2])]
    pseudonyms = NamePseudonymizer(key=KEY).fit(column).mapping()
    assert pseudonyms.keys() == {*WOMEN[::2]}
    assert not folded(pseudonyms.values()) & folded(column)
    names = ["Zoë", "Chloë", *NAMES]
    untidy = ngram_pipeline().fit([f" {normalize('NFD', name)}\t" for name in names])
    excluded = [f"{name.upper()} " for name in WOMEN]
    options = {"generator": FrozenEstimator(untidy), "exclude": excluded}
    sampled = untidy[-1].sample("", 0.7, 2000, unique=True, exclude=excluded, random_state=0)
    assert not folded(sampled) & folded(WOMEN)
    drawn = pseudonyms_of(WOMEN[:200], **options)
    assert drawn == [normalize("NFC", name.strip()) for name in drawn]
    assert not folded(drawn) & folded(excluded)


def test_inverse_transform():
    pseudonymizer = NamePseudonymizer(key=KEY).fit([*NAMES, "Zo\u0065\u0308 "])
    column = [*NAMES, None, "", "Zoë", NAMES[0]]
    pseudonyms = pseudonymizer.transform(column)
    assert pseudonymizer.inverse_transform(pseudonyms).ravel().tolist() == column
    match = r"X may only contain pseudonyms\. Got 2 unseen \(first in row 1"
    with pytest.raises(ValueError, match=match):
        pseudonymizer.inverse_transform([pseudonyms[0, 0], "Qurt", NAMES[1]])
    pseudonymizer.set_params(unseen="generate")
    qurt = pseudonymizer.transform(["Qurt"])
    with pytest.raises(ValueError, match="use partial_fit") as error:
        pseudonymizer.inverse_transform(qurt)
    assert qurt[0, 0] not in str(error.value)
    assert pseudonymizer.partial_fit(["Qurt"]).transform(["Qurt"]).tolist() == qurt.tolist()
    assert pseudonymizer.inverse_transform(qurt).tolist() == [["Qurt"]]
    with pytest.raises(NotFittedError):
        clone(pseudonymizer).inverse_transform(qurt)


def test_numeric_targets_are_ignored(pseudonyms):
    table, n = pd.DataFrame({"name": NAMES}), len(NAMES)
    for y in (np.linspace(0, 1, n), np.arange(n) % 2, pd.Series([True] * n)):
        output = NamePseudonymizer(key=KEY).fit_transform(table, y)
        assert output.ravel().tolist() == pseudonyms


def test_the_key_seeds_a_network():
    network = small_pipeline(max_epochs=1)[-1].set_params(random_state=None)
    first, again = (pseudonyms_of(NAMES[:20], generator=network) for _ in range(2))
    assert first == again
    assert first != pseudonyms_of(NAMES[:20], generator=network, key=b"another")


def test_exclude(pseudonyms):
    known = known_names()
    assert np.mean([name in known for name in pseudonyms]) > 0.2
    assert not any(name in known for name in pseudonyms_of(NAMES, exclude=known))
    assert not set(pseudonyms) & set(pseudonyms_of(NAMES, exclude=pseudonyms))


@pytest.mark.parametrize("key", [KEY, KEY.decode()], ids=["bytes", "str"])
def test_representations_show_neither_the_key_nor_names(key):
    pseudonymizer = NamePseudonymizer(key=key)
    pipe = make_pipeline(pseudonymizer).fit(NAMES)
    table = make_column_transformer((pseudonymizer, ["name"])).fit(pd.DataFrame({"name": NAMES}))
    search = GridSearchCV(pipe, {"namepseudonymizer__unseen": ["error"]})
    shown = [str(pseudonymizer.key), f"{pseudonymizer.key:>9}", repr(pseudonymizer.get_params())]
    for estimator in (pseudonymizer, pseudonymizer.generator_, pipe, table, search):
        for print_changed_only in (True, False):
            with config_context(print_changed_only=print_changed_only):
                shown += [repr(estimator), estimator._repr_html_()]
    text = " ".join(shown)
    assert text.count("hidden&gt;") >= 8
    assert "keep this" not in text
    assert not {*re.findall(r"\w+", text)} & {*NAMES, *pseudonymizer.mapping().values()}


@pytest.mark.parametrize("key", [KEY, KEY.decode()], ids=["bytes", "str"])
def test_saved_and_cloned_keys_stay_hidden(key):
    pseudonymizer = NamePseudonymizer(key=key)
    copies = [clone(pseudonymizer), copy.copy(pseudonymizer), copy.deepcopy(pseudonymizer)]
    for estimator in [*copies, *saved_copies(pseudonymizer)]:
        assert estimator.key == estimator.get_params()["key"] == key
        assert repr(estimator) == "NamePseudonymizer(key=<hidden>)"
        assert type(estimator.__getstate__()["key"]) is type(key)
    opcodes = pickletools.genops(pickle.dumps(pseudonymizer))
    assert not any("Hidden" in str(argument) for _, argument, _ in opcodes)
    changed = make_pipeline(clone(pseudonymizer)).set_params(namepseudonymizer__key=b"another one")
    assert changed[0].key == b"another one"
    assert "another" not in repr(changed)


def test_saved_pseudonyms():
    exclude = known_names() | ["Qurt"]
    known = [*NAMES, *map(" ".join, zip(NAMES[:20], NAMES[20:40], strict=True))]
    other = [*WOMEN[:50], *map(" ".join, zip(WOMEN[1:20], NAMES[20:39], strict=True))]
    pseudonymizer = NamePseudonymizer(CharNGramGenerator(order=3), KEY, exclude).fit(known)
    expected = pseudonymizer.transform(known).tolist()
    new = pseudonymizer.set_params(unseen="generate").transform(other).tolist()
    for loaded in saved_copies(pseudonymizer):
        assert not {*re.findall(r"\w+", repr(loaded))} & {*NAMES}
        assert loaded.transform(known).tolist() == expected
        assert loaded.transform(other).tolist() == new
        assert loaded.partial_fit(other).transform(other).tolist() == new
        assert loaded.inverse_transform(expected).ravel().tolist() == known
        assert "qurt" in loaded.exclude
    with pytest.raises(NotFittedError):
        clone(pseudonymizer).mapping()


def test_a_fit_that_fails_changes_nothing():
    names = load_names("female")[:300]
    pseudonymizer = NamePseudonymizer(key="k").fit(names[:250])
    before = pseudonymizer.mapping()
    with pytest.raises(ValueError, match="distinct pseudonym for each name"):
        pseudonymizer.fit(["§", "¶"])
    assert pseudonymizer.mapping() == before
    assert len(pseudonymizer.partial_fit(names).mapping()) == 300


def test_a_frozen_search():
    names = load_names("female")[:100]
    search = GridSearchCV(CharNGramGenerator(), {"order": [3]}, cv=2).fit(load_names("male"))
    pseudonymizer = NamePseudonymizer(FrozenEstimator(search), key="k").fit(names)
    direct = NamePseudonymizer(FrozenEstimator(search.best_estimator_), key="k").fit(names)
    assert pseudonymizer.mapping() == direct.mapping()
