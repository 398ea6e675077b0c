"""Tests of lists with whitespace, capitals, missing values and invisible characters."""

import math
import re
import warnings

import numpy as np
import pytest
from conftest import ngram_pipeline

from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names
from sknamegen.datasets import NamesWarning, clean_names

DIRTY = ["Maria ", "MARIA", "Maria", "", "nan", "Smith, John", "12345", "Zo\u200bë", "Ana  Luz"]
DIRTY += ["M\ufffdller"]
GARBLED = {
    "mojibake": ["FranÃ§ois", "MartÃ\u00adnez", "\u00c5\u201aukasz", "Ð\u009fÐµÑ\u0082Ñ\u0080"],
    "HTML entities": ["O&#39;Brien", "Andr&eacute;", "O&#x27;Neill"],
    "full-width forms": ["Ａｎｎａ"],
    "U+FFFD, which replaces unreadable characters": ["M\ufffdller"],
    "number in front": ["3. Anna", "2) Otto", "10.Eve"],
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
        ["7 Up", "3 Doors Down", "1.5 Liter", "'s-Hertogenbosch", "'Abd", "-ville", "*NSYNC"],
        ["#love", "#1 Dad", "#mom"],
        ["???", "!!!", "Who"],
        ["Rock (live)", "Pop [demo]"],
        ["a;b", "c;d"],
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
    fixable, garbled, ambiguous = re.split(r"\)\. (?:Garbled|Maybe)", message)
    assert "clean_names fixes: " in fixable
    assert "ftfy" in garbled
    for part, pattern in (
        (fixable, r"empty \(2, such as ''"),
        (fixable, r"blanks \(2, such as 'Maria '"),
        (fixable, r"invisible \(1, such as 'Zo\\u200bë'"),
        (garbled, r"U\+FFFD, .*\(1, such as 'M\ufffdller'"),
        (ambiguous, r"comma \(1, such as 'Smith, John'"),
        (ambiguous, r"digits only \(1, such as '12345'"),
        (ambiguous, r"repeated in capitals \(1, such as 'MARIA'"),
    ):
        assert re.search(pattern, part), pattern


@pytest.mark.parametrize("heading", ["Name", "first_name ", "SURNAME"])
def test_headings_are_reported(heading):
    for check in (CharSequenceVectorizer().fit, clean_names):
        with pytest.warns(NamesWarning, match=r"heading \(1") as caught:
            check([heading, "Anna", "Otto"])
        assert repr(heading.strip()) in str(caught[0].message)
    CharSequenceVectorizer().fit(["Anna", "Name", "Otto"])


@pytest.mark.parametrize(("kind", "names"), GARBLED.items())
def test_garbled_names_are_reported_and_unchanged(kind, names):
    expected = re.escape(f"{kind} ({len(names)}, such as {names[0]!r}).")
    for column in (names, [*names, "François", "Анна", "Eve", "Ines", "Ida"]):
        for check in (clean_names, CharSequenceVectorizer().fit):
            with pytest.warns(NamesWarning, match=expected) as caught:
                check(column)
            assert "clean_names fixes" not in str(caught[0].message)
        assert clean_names([*column, " Ida"]) == ([*column, "Ida"], None, {"blanks": 1})


SLOPPY = {
    "invisible": {"Zo\u200bë": "Zoë"},
    "blanks": {" Ana ": "Ana", "Ana\t Luz": "Ana Luz"},
    "bullets": {"- Elowen": "Elowen", "* 7 Up": "7 Up", "•Vael": "Vael", "– — Ada": "Ada"},
    "numbers": {"1. Mirael": "Mirael", "2) FC Köln": "FC Köln", "04.Éva": "Éva", "1. Ada": "Ada"},
    "quotes": {'"Thalor"': "Thalor", "„Ada“": "Ada", "« Zoé »": "Zoé", "'Ida Ree'": "Ida Ree"},
    "comments": {"# my elves": None, "## Dwarves": None},
    "punctuation": {"???": None, "---": None, "* * *": None, "…": None, '""': None, "___": None},
    "empty": {"": None, "nan": None, "N/A": None},
}
KEPT = ["Ashwick", "O'Neill", '"A" and "B"', "1st", "#Elves", "12345", "👩‍👧", "Ada (cat)"]


@pytest.mark.parametrize(("kind", "entries"), SLOPPY.items())
def test_sloppy_entries_are_repaired_or_dropped_with_their_labels(kind, entries):
    raw = [*KEPT, *entries, *KEPT]
    names = [*KEPT, *filter(None, entries.values()), *KEPT]
    rows = [row for row, name in enumerate(raw) if entries.get(name, name)]
    assert clean_names(raw, range(len(raw))) == (names, rows, {kind: len(entries)})
    assert clean_names(raw) == (names, None, {kind: len(entries)})
    problem = rf"clean_names fixes: {kind} \({len(entries)}, such as "
    with pytest.warns(NamesWarning, match=problem) as caught:
        CharNGramGenerator().fit(raw, ["a", *["b"] * (len(raw) - 1)])
    assert len(caught) == 1
    with pytest.warns(NamesWarning) as caught:
        CharNGramGenerator().fit(names)
    assert "clean_names fixes" not in str(caught[0].message)


@pytest.mark.parametrize(
    "names",
    [
        ["1. FC Köln", "1. FC Nürnberg", "1. FSV Mainz 05"],
        ["1. FC Köln", "Hertha BSC"],
        ["# Anna", "# Otto", "Eve"],
        ["Anna", "'Tis Otto's'", "“Eve” and “Ida”"],
        ["12 Monkeys", "1st", "-ville", "*NSYNC"],
    ],
)
def test_marks_that_may_be_part_of_names_are_kept(names):
    assert clean_names(names) == (names, None, {})


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
    names, _, report = clean_names([*DIRTY, None, math.nan, " Jose\u0301", "\ufeffEva", "Maria"])
    expected = ["Maria", "MARIA", "Maria", "Smith, John", "12345", "Zoë", "Ana Luz", "M\ufffdller"]
    assert names == [*expected, "José", "Eva", "Maria"]
    assert report == {"invisible": 2, "blanks": 3, "composed": 1, "empty": 4}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CharSequenceVectorizer().fit([name for name in names if name[0] not in "M1S"])


def test_optional_fixes():
    names = ["MARIA", "maria", "McLeod", "O'NEILL", "R2D2", "Maria"]
    expected = ["Maria", "Maria", "McLeod", "O'Neill", "R2D2", "Maria"]
    assert clean_names(names, case="title") == (expected, None, {"case": 3})
    expected = ["maria", "maria", "mcleod", "o'neill", "r2d2", "maria"]
    assert clean_names(names, case="lower") == (expected, None, {"case": 5})
    assert clean_names(names, case="upper").names[2] == "MCLEOD"
    assert clean_names(["Anna", "Otto"]) == (["Anna", "Otto"], None, {})
    assert {*map(type, clean_names(np.array(["Anna", " Otto", "Zoë"])).names)} == {str}
    assert clean_names(["o'neill jean-luc"], case="title").names == ["O'Neill Jean-Luc"]
    assert clean_names(["ẹ\u0300kọ\u0301"], case="title").names == ["Ẹ\u0300kọ\u0301"]
    assert clean_names(["\ufeffnan", "n\u00adan", "Ana"]).names == ["Ana"]
    for case, names in ("lower", ["Nan", "None"]), ("upper", ["Na", "Null", "null"]):
        assert clean_names(names, case=case).names == [getattr(name, case)() for name in names[:-1]]


def test_other_types_and_invalid_options_are_rejected():
    for entry in (1, ["Anna"]):
        with pytest.raises(TypeError, match=r"names may only contain str, None or NaN.* row 1"):
            clean_names(["Anna", entry])
    with pytest.raises(TypeError, match=r"iterable of str\. Got the single str 'Anna'\."):
        clean_names("Anna")
    with pytest.raises(ValueError, match="case must be one of None, 'title'"):
        clean_names(["Anna"], case="Title")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clean_names(["Anna"], ["a", "b"])


def test_warning_points_at_the_calling_line():
    """The location of the warning skips scikit-learn, which wraps the call."""
    with pytest.warns(NamesWarning) as caught:
        ngram_pipeline().fit(["Anna", "Berta", "Carla", " Dora"])
    assert caught[0].filename == __file__
