"""Tests of lists with whitespace, capitals, missing values and invisible characters."""

import math
import re
import warnings

import pytest
from conftest import ngram_pipeline

from sknamegen import CharSequenceVectorizer, load_names
from sknamegen.datasets import NamesWarning, clean_names

DIRTY = ["Maria ", "MARIA", "Maria", "", "nan", "Smith, John", "12345", "Zo\u200bë", "Ana  Luz"]
DIRTY += ["M\ufffdller"]
GARBLED = {
    "a number in front": ["1. Anna", "2) Otto", "03.Eve"],
    "mojibake": ["FranÃ§ois", "MartÃ\u00adnez", "\u00c5\u201aukasz", "Ð\u009fÐµÑ\u0082Ñ\u0080"],
    "HTML entities": ["O&#39;Brien", "Andr&eacute;", "O&#x27;Neill"],
    "full-width forms": ["Ａｎｎａ"],
    "two scripts in a word": ["\u0410nna", "Ann\u0430", "Zoe \u03a4aylor"],
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "names",
    [
        ["O'Neill", "van der Berg", "Jean-Luc", "Nan", "Ng", "X Æ A-12", "नमिता", "👩\u200d👧"],
        ["François", "O'Brien", "AT&T", "Анна", "Μαρία", "Ли Anna", "ニコラ"],
        load_names(),
        ["ANNA", "OTTO", "MARIA"],
        ["123", "4567", "89"],
        ["a, b", "c, d"],
        ["José", "Jose\u0301"],
        ["Anna", "Anna", "Anna"],
    ],
)
def test_valid_names_cause_no_warning(names):
    CharSequenceVectorizer().fit(names)
    clean_names([*names, None, math.nan])


def test_one_warning_lists_all_problems():
    with pytest.warns(NamesWarning) as record:
        CharSequenceVectorizer().fit(DIRTY)
    assert len(record) == 1
    assert record[0].filename == __file__
    message = str(record[0].message)
    for pattern in (
        r"1 empty [^;]*''",
        r"2 with leading, trailing or repeated whitespace [^;]*'Maria '",
        r"1 with invisible characters [^;]*'Zo\\u200bë'",
        r"1 spelled like a missing value [^;]*'nan'",
        r"1 with U\+FFFD, .*'M\ufffdller'",
        r"1 with a comma [^;]*'Smith, John'",
        r"1 with digits only [^;]*'12345'",
        r"1 in capitals [^;]*'MARIA'",
    ):
        assert re.search(pattern, message), pattern
    assert "clean_names" in message


@pytest.mark.parametrize("heading", ["Name", "first_name ", "SURNAME"])
def test_headings_are_reported(heading):
    for check in (CharSequenceVectorizer().fit, clean_names):
        with pytest.warns(NamesWarning, match="1 like a heading") as caught:
            check([heading, "Anna", "Otto"])
        assert heading in str(caught[0].message)
    CharSequenceVectorizer().fit(["Anna", "Name", "Otto"])


@pytest.mark.parametrize(("kind", "names"), GARBLED.items())
def test_garbled_names_are_reported_and_unchanged(kind, names):
    expected = rf"{len(names)} with {kind} \(such as {re.escape(repr(names[0]))}\)\. "
    for column in (names, [*names, "François", "Анна"]):
        with pytest.warns(NamesWarning, match=f"names contains suspicious names: {expected}clean_"):
            cleaned, _ = clean_names(column)
        assert len(cleaned) == len(column)
        with pytest.warns(NamesWarning, match=f"{len(names)} with {kind}"):
            CharSequenceVectorizer().fit(column)


@pytest.mark.filterwarnings("error")
def test_scripts_of_many_letters_need_many_names():
    kanji = [chr(0x4E00 + i) + chr(0x4E00 + i + 1) for i in range(0, 120, 3)]
    with pytest.warns(NamesWarning, match="has 80 different letters, of which 80 occur only once"):
        CharSequenceVectorizer().fit(kanji)
    CharSequenceVectorizer().fit([*kanji, *kanji])
    CharSequenceVectorizer().fit(kanji[:10])


@pytest.mark.filterwarnings("error")
def test_only_fit_warns_and_no_name_is_dropped():
    with pytest.warns(NamesWarning):
        assert len(CharSequenceVectorizer().fit_transform(DIRTY)) == len(DIRTY)
    assert len(CharSequenceVectorizer().fit(["Maria"]).transform(DIRTY)) == len(DIRTY)
    CharSequenceVectorizer(boundary=False, window_length=2).fit(["Maria  Anna, "])


def test_safe_fixes_are_applied_by_default():
    names, changes = clean_names([*DIRTY, None, math.nan, " Jose\u0301", "\ufeffEva", "Maria"])
    expected = ["Maria", "MARIA", "Maria", "Smith, John", "12345", "Zoë", "Ana Luz", "M\ufffdller"]
    assert names == [*expected, "José", "Eva", "Maria"]
    assert changes == {"invisible": 2, "blanks": 3, "composed": 1, "empty": 4}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CharSequenceVectorizer().fit([name for name in names if name[0] not in "M1S"])


def test_optional_fixes():
    names = ["MARIA", "maria", "McLeod", "O'NEILL", "R2D2", "Maria"]
    expected = ["Maria", "Maria", "McLeod", "O'Neill", "R2D2", "Maria"]
    assert clean_names(names, case="title") == (expected, {"case": 3})
    expected = ["maria", "maria", "mcleod", "o'neill", "r2d2", "maria"]
    assert clean_names(names, case="lower") == (expected, {"case": 5})
    assert clean_names(names, case="upper")[0][2] == "MCLEOD"
    assert clean_names(["Anna", "Otto"]) == (["Anna", "Otto"], {})
    assert clean_names(["o'neill jean-luc"], case="title")[0] == ["O'Neill Jean-Luc"]
    assert clean_names(["ẹ\u0300kọ\u0301"], case="title")[0] == ["Ẹ\u0300kọ\u0301"]
    assert clean_names(["\ufeffnan", "n\u00adan", "Ana"])[0] == ["Ana"]
    for case, names in ("lower", ["Nan", "None"]), ("upper", ["Na", "Null", "null"]):
        assert clean_names(names, case=case)[0] == [getattr(name, case)() for name in names[:-1]]


def test_other_types_and_invalid_options_are_rejected():
    for entry in (1, ["Anna"]):
        with pytest.raises(TypeError, match=r"names may only contain str, None or NaN.* row 1"):
            clean_names(["Anna", entry])
    with pytest.raises(TypeError, match=r"iterable of str\. Got the single str 'Anna'\."):
        clean_names("Anna")
    with pytest.raises(ValueError, match="case must be one of None, 'title'"):
        clean_names(["Anna"], case="Title")


def test_warning_points_at_the_calling_line():
    """The location of the warning skips scikit-learn, which wraps the call."""
    with pytest.warns(NamesWarning) as caught:
        ngram_pipeline().fit(["Anna", "Berta", "Carla", " Dora"])
    assert caught[0].filename == __file__
