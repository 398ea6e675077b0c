"""NamePseudonymizer replaces full names word by word."""

import re
from functools import partial
from itertools import chain
from unicodedata import normalize

import numpy as np
import pandas as pd
import pytest
from conftest import classifier_of
from sklearn.frozen import FrozenEstimator

from sknamegen import CharNGramGenerator, NamePseudonymizer, load_names

pytestmark = pytest.mark.filterwarnings("ignore:X has only .* distinct names")
KEY = b"keep this secret"
FIRST = load_names("es_ES_first_names")[::15]
LAST = load_names("es_ES_surnames")[::15]
rng = np.random.default_rng(0)
COLUMN = [f"{a} {b}" for a, b in zip(rng.choice(FIRST, 300), rng.choice(LAST, 300), strict=True)]


@pytest.fixture(scope="module")
def frozen():
    return FrozenEstimator(CharNGramGenerator().fit(load_names("it_IT_surnames")))


@pytest.fixture
def fit(frozen):
    """Return a function that fits a pseudonymizer to names, with a small pool."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sknamegen.pseudonyms._BLOCK", 3000)
        make = partial(NamePseudonymizer, key=KEY)
        yield lambda X, y=None, generator=frozen, **params: make(generator, **params).fit(X, y)


def mapped(pseudonymizer, *names):
    """Return the pseudonyms of names, after a check that they can be taken back."""
    pseudonyms = pseudonymizer.transform(names).ravel().tolist()
    assert pseudonymizer.inverse_transform(pseudonyms).ravel().tolist() == [*names]
    return pseudonyms


def words(text):
    """Return the folded words of a text, with parts at hyphens."""
    return {*re.findall(r"[^\W\d_]+", normalize("NFC", text).casefold())}


def test_words_have_one_pseudonym_in_each_position(fit):
    column = ["Edgar Ferreira", "Ines Ferreira", "Edgar Maria Ferreira", "James Kelly"]
    column += ["Kelly James", "Nagy Ilona", "Maria", "Ilona", "James"]
    first, ines, middle, james, kelly, nagy, maria, ilona, alone = mapped(fit(column), *column)
    edgar, ferreira = first.split()
    assert ines.split()[1] == ferreira
    assert middle.split() == [edgar, maria, ferreira]
    assert len({*james.split(), *kelly.split()}) == 4
    assert ilona == nagy.split()[1]  # only known as a last word
    assert alone == james.split()[0]


def test_the_form_of_a_value_stays(fit):
    column = ["Edgar Ferreira", "Edgar van der Berg", "Anne-Marie O'Brien", "Ronald McDonald"]
    pseudonymizer = fit(column)
    first, berg, anne, ronald = mapped(pseudonymizer, *column)
    edgar, ferreira = first.split()
    expected = {
        "Ferreira, Edgar": f"{ferreira}, {edgar}",
        "EDGAR FERREIRA": f"{edgar} {ferreira}".upper(),
        "edgar ferreira": f"{edgar} {ferreira}".lower(),
        "Edgar  FERREIRA": f"{edgar}  {ferreira.upper()}",
        "Dr. Edgar van der Berg Jr.": f"Dr. {edgar} van der {berg.split()[3]} Jr.",
        "van der Berg, Edgar": f"van der {berg.split()[3]}, {edgar}",
        "Dipl.-Ing. Edgar Ferreira III": f"Dipl.-Ing. {edgar} {ferreira} III",
        "Edgar X. Ferreira, Jr.": f"{edgar} X. {ferreira}, Jr.",
        "Edgar Q Ferreira": f"{edgar} Q {ferreira}",
        '"Edgar" (Ferreira)': f'"{edgar}" ({ferreira})',
        "ANNE-MARIE O'BRIEN": anne.upper(),
        "ronald mcdonald": ronald.lower(),
    }
    assert mapped(pseudonymizer, *expected) == [*expected.values()]
    assert len(anne.split()) == 2
    assert berg.split()[1:3] == ["van", "der"]


def test_all_words_of_short_forms_are_names(fit):
    """They would be their own pseudonyms."""
    column = ["J. R.", "Q", "XI", "Dr."]
    pseudonyms = mapped(fit(column), *column)
    assert not {*column} & {*pseudonyms}
    assert [len(name.split()) for name in pseudonyms] == [2, 1, 1, 1]
    assert mapped(fit([*column, "???", "-"]), "???") == ["???"]


def test_other_spellings_are_other_words(fit):
    """Different values have different pseudonyms."""
    column = ["Ron McDonald", "Ron McDonald Xu", "Ron Mcdonald", "RON MCDONALD", "Jo Straße"]
    column += ["JO STRASSE", "Jo Strasse", "İpek Şahin", "IPEK ŞAHIN", "ipek Şahin"]
    column += ["山田 太郎", "გიორგი ბერიძე", "Ὀδυσσεύς Νίκος", "ΝΊΚΟΣ Ὀδυσσεύς", "a1 b2", "A1 B2"]
    pseudonymizer = fit(column)
    assert len({*mapped(pseudonymizer, *column)}) == len(column)
    assert len({*pseudonymizer.mapping().values()}) == len(column)


def test_no_pseudonym_contains_a_word_of_the_column(fit, frozen):
    column = [*COLUMN, *map(str.upper, COLUMN[:50]), "Bianchi-Rossi D'Amico", "Verdi Alfieri"]
    for generator in (None, CharNGramGenerator(), frozen):
        pseudonymizer = fit(column, generator=generator)
        pseudonyms = mapped(pseudonymizer, *column)
        assert not set().union(*map(words, column)) & set().union(*map(words, pseudonyms))
        assert len({*pseudonyms}) == len({*column})
        assert pseudonymizer.mapping() == dict(zip(column, pseudonyms, strict=True))
        families = {(a.split()[1], b.split()[1]) for a, b in zip(column, pseudonyms, strict=True)}
        assert len(families) == len({a for a, _ in families}) == len({b for _, b in families})


def test_new_combinations_are_known_and_new_words_are_not(fit):
    pseudonymizer = fit(["Ines Ferreira", "James Kelly"])
    ines, _, james, kelly = chain(*map(str.split, pseudonymizer.mapping().values()))
    assert mapped(pseudonymizer, "Ines Kelly") == [f"{ines} {kelly}"]
    match = r"names of words that fit has seen\. Got 1 unseen \(first in row 1\)"
    with pytest.raises(ValueError, match=match):
        pseudonymizer.transform(["Ines Kelly", "Wanda Kelly"])
    pseudonymizer.set_params(unseen="generate")
    with pytest.warns(UserWarning, match="X contains 1 names that fit has not seen"):
        wanda = pseudonymizer.transform(["Wanda Kelly", "James Kelly"]).ravel().tolist()
    assert wanda[0].split()[1] == kelly
    assert wanda[0].split()[0] not in {ines, james, "Wanda"}
    with pytest.raises(ValueError, match="may only contain pseudonyms"):
        pseudonymizer.inverse_transform(wanda[:1])
    assert mapped(pseudonymizer.partial_fit(["Wanda Kelly"]), "Wanda Kelly") == wanda[:1]


def test_partial_fit_changes_nothing(fit):
    pseudonymizer = fit(["Ferreira", "Edgar Ferreira"])
    before = pseudonymizer.mapping()
    assert before["Ferreira"] == before["Edgar Ferreira"].split()[1]
    pseudonymizer.partial_fit(["Ferreira Kelly", "Kelly", "Edgar Kelly", "EDGAR FERREIRA"])
    assert pseudonymizer.mapping().items() >= before.items()
    mapped(pseudonymizer, *pseudonymizer.mapping())
    german = fit(["Jo Strasse", "Jim Maier"])  # a form of two words, "STRASSE", stays
    before = german.transform(["Jim STRASSE"])
    assert german.partial_fit(["Jo Straße"]).transform(["Jim STRASSE"]) == before
    later = fit(COLUMN[:100])
    for i in range(100, 300, 50):
        before = later.mapping()
        pseudonyms = mapped(later.partial_fit(COLUMN[i : i + 50]), *COLUMN[: i + 50])
        assert later.mapping().items() >= before.items()
        new = {b for a, b in zip(COLUMN, pseudonyms, strict=False) if a not in before}
        known = set().union(*map(words, chain(before, before.values())))
        assert not known & set().union(*map(words, new)) - set().union(*map(words, before.values()))


def test_exclude_rejects_words_and_whole_pseudonyms(fit):
    given = fit(COLUMN).mapping()
    word = given[COLUMN[0]].split()[1].upper()
    wholes = [pseudonym.lower() for pseudonym in [*given.values()][1:20]]
    pseudonyms = mapped(fit(COLUMN, exclude=[word, *wholes]), *COLUMN)
    assert word.casefold() not in set().union(*map(words, pseudonyms))
    assert not {*wholes} & {*map(str.casefold, pseudonyms)}


def test_tables_agree_with_a_frozen_generator(fit):
    first, second = fit(COLUMN[:250]).mapping(), fit(COLUMN[::-1]).mapping()
    assert np.mean([first[name] == second[name] for name in first]) > 0.9


def test_a_frozen_generator_of_several_words(fit):
    """Its names of several words are passed over."""
    names = [*COLUMN, *load_names("it_IT_first_names")]
    frozen = FrozenEstimator(CharNGramGenerator().fit(names))
    pseudonyms = mapped(fit(["Edgar Ferreira", "Ines Kelly"], generator=frozen), "Edgar Ferreira")
    assert len(pseudonyms[0].split()) == 2


def test_labels_are_those_of_first_words(fit):
    names, labels = load_names(return_X_y=True)
    labelled = CharNGramGenerator().fit(names[::5], labels[::5])
    column = [f"{name} Ferreira" for name in [*dict.fromkeys(names[1::80])]]
    sexes = [*labels[1::80]][: len(column)]
    frozen = FrozenEstimator(labelled)
    pseudonyms = [name.split() for name in mapped(fit(column, sexes, frozen), *column)]
    assert len({last for _, last in pseudonyms}) == 1
    assert classifier_of(frozen).score([first for first, _ in pseudonyms], sexes) > 0.7
    both = ["Kim Lo", "Kim Wu"]
    kim, again = (name.split()[0] for name in mapped(fit(both, ["female", "male"], frozen), *both))
    assert kim == again


def test_scripts_with_and_without_cases_in_one_column(fit):
    japanese = "山本太郎 田口健人 中島直樹 村川美子 上原花香 小野一也".split()  # noqa: SIM905
    japanese = [f"{name[:2]} {name[2:]}" for name in japanese]
    column = [*japanese, "John Smith", "JOHN SMITH", "john smith", "John van Smith"]
    assert len({*mapped(fit(column, generator=CharNGramGenerator(order=2)), *column)}) == 10


def test_columns_of_pandas_with_categories_and_missing_values(fit):
    frame = pd.DataFrame({"name": pd.Categorical(["Edgar Ferreira", None, "Ines Ferreira"])})
    pseudonymizer = fit(frame)
    output = pseudonymizer.set_output(transform="pandas").transform(frame)
    assert output["name"].isna().tolist() == [False, True, False]
    assert pseudonymizer.get_feature_names_out().tolist() == ["name"]
    with pytest.raises(ValueError, match=r"reserved characters .* in row 1"):
        fit(["Edgar Ferreira", "Ines\0Ferreira"])


def test_surnames_in_the_middle_resemble_last_words(fit):
    """Where most words that begin no value are last words elsewhere. Otherwise, first names."""
    known = [set(load_names(f"es_ES_{kind}")) for kind in ("first_names", "surnames")]
    spanish = [f"{a} {b} {c}" for a, b, c in zip(FIRST[:40], LAST[:40], LAST[39::-1], strict=True)]
    pseudonyms = mapped(fit(spanish, generator=None), *spanish)
    middle = {word for name in pseudonyms for word in name.split()[1:-1]}
    assert len(middle & known[1]) > len(middle & known[0])
    others = [f"{a} {b} {c}" for a, b, c in zip(FIRST[:20], FIRST[20:40], LAST[:20], strict=True)]
    pseudonyms = mapped(fit(others, generator=None), *others)
    middle = {word for name in pseudonyms for word in name.split()[1:-1]}
    assert len(middle & known[0]) > len(middle & known[1])
