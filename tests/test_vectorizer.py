import re
import unicodedata

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import windows_of
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sknamegen import CharNGramGenerator, CharSequenceVectorizer

NAMES = ["Ada", "Eve", "Jo", "Marguerite"]
# Including a combining accent and an emoji of five code points.
SCRIPTS = ["Zoë", "e\u0301lan", "👩‍👩‍👧", "שָׁלוֹם", "محمد", "欧阳娜娜", "नमिता"]
SCRIPTS += ["O'Neil-Smith Jr.", ""]
text = st.text(st.characters(exclude_characters="\0\2\3"), max_size=15)


@pytest.mark.parametrize("window_length", [1, 3, 40])
def test_windows_contain_the_characters_before_each_character(window_length):
    windows = CharSequenceVectorizer(window_length=window_length).fit_transform(NAMES)
    assert windows.shape == (4, 11, window_length + 1)
    assert windows.dtype == np.int32
    for row, name in zip(windows, NAMES, strict=True):
        framed = ["\0"] * window_length + ["\2", *name, "\3"]
        for t, window in enumerate(row):
            expected = framed[t + 1 : t + window_length + 2]
            expected += ["\0"] * (window_length + 1 - len(expected))
            assert [chr(code) for code in window] == expected


def test_windows_are_a_view():
    names = ["a" * 500] * 100
    windows = CharSequenceVectorizer(window_length=100).fit_transform(names)
    assert windows.strides == (4 * (100 + 500 + 1), 4, 4)  # one row of text, not 501 windows
    assert not windows.flags.writeable


def test_text_mode_matches_the_loop_of_the_notebook():
    texts = ["Abagael\n Abagail\n Abbe\n", "Elisabeth Marguerite"]
    for step in [1, 2, 3, 30]:
        vectorizer = CharSequenceVectorizer(window_length=10, step=step, boundary=False)
        for row, text in zip(vectorizer.fit_transform(texts), texts, strict=True):
            expected = [text[i : i + 11] for i in range(0, len(text) - 10, step)]
            assert ["".join(map(chr, window)) for window in row[: len(expected)]] == expected
            assert not row[len(expected) :, -1].any()  # no character to predict
        assert vectorizer.alphabet_.tolist() == sorted(set("".join(texts)))
        assert vectorizer.max_length_ == len(texts[0])


@given(st.lists(text.filter(lambda t: len(t) > 6), min_size=1, max_size=4), st.integers(1, 9))
def test_inverse_transform_of_running_text(texts, step):
    """With a step, the last characters may be missing."""
    params = {"window_length": 6, "step": step, "boundary": False, "normalization": None}
    vectorizer = CharSequenceVectorizer(**params)
    windows = vectorizer.fit_transform(texts)
    if step > 7:
        with pytest.raises(ValueError, match="step must be at most"):
            vectorizer.inverse_transform(windows)
        return
    for restored, text in zip(vectorizer.inverse_transform(windows), texts, strict=True):
        assert text.startswith(restored)
        assert len(text) - len(restored) < step


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_lowercase_and_normalization(form):
    names = [*SCRIPTS, "ZOË ﬁ"]
    vectorizer = CharSequenceVectorizer(normalization=form)
    for lowercase in (False, True):
        vectorizer.set_params(lowercase=lowercase)
        restored = vectorizer.inverse_transform(vectorizer.fit_transform(names))
        expected = [unicodedata.normalize(form, name) for name in names]
        assert restored == ([name.lower() for name in expected] if lowercase else expected)
        assert vectorizer.alphabet_.tolist() == sorted({*"".join(restored)})
        assert vectorizer.max_length_ == max(map(len, restored))


def test_unknown_characters_are_replaced_or_rejected():
    vectorizer = CharSequenceVectorizer().fit(["Ada"])
    windows = vectorizer.transform(["Adé", "xda"])
    assert vectorizer.inverse_transform(windows) == ["Ad\ufffd", "\ufffdda"]
    vectorizer.set_params(handle_unknown="error")
    with pytest.raises(ValueError, match=r"'é' \(U\+00E9\) in row 1: 'Adé'. The alphabet is 'Ad?a"):
        vectorizer.transform(["Ada", "Adé"])
    assert vectorizer.transform(["daAd"]).shape == (1, 5, 33)


class Flower(str):
    def __str__(self):
        return "a flower"


class ChunkedArray(list):
    """A list whose iterator yields scalar objects, as in pyarrow, without `tolist` or shape."""

    def __iter__(self):
        return iter([object()] * len(self))

    def to_pylist(self):
        return list.copy(self)


CONTAINERS = [
    tuple,
    np.array,
    lambda names: np.array(names, dtype=object),
    lambda names: pd.Series(names, dtype=object, index=[5, 1, 0, 2]),
    lambda names: pd.Series(names, dtype="category"),
    pl.Series,
    iter,
    ChunkedArray,
    lambda names: list(map(Flower, names)),
]
if hasattr(np.dtypes, "StringDType"):  # since numpy 2.0
    CONTAINERS.append(lambda names: np.array(names, dtype=np.dtypes.StringDType()))


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers(container):
    windows = CharSequenceVectorizer().fit_transform(container(NAMES))
    np.testing.assert_array_equal(windows, CharSequenceVectorizer().fit_transform(NAMES))


@pytest.mark.parametrize(
    ("X", "error", "match"),
    [
        ("anna", TypeError, "Got the single str 'anna'. Pass ['anna']."),
        (b"anna", TypeError, "Got bytes"),
        (None, TypeError, "Got NoneType"),
        (["Ada", None], TypeError, "Got None of type NoneType in row 1"),
        (["Ada", "Eve", float("nan")], TypeError, "Got nan of type float in row 2"),
        ([b"Ada"], TypeError, "Got b'Ada' of type bytes in row 0"),
        (pl.Series(["Ada", None]), TypeError, "Got None of type NoneType in row 1"),
        (np.array([["Ada"]]), TypeError, "of shape (1, 1). Pass X.ravel()"),
        (np.array("Ada"), TypeError, "Got ndarray of shape ()"),
        (pd.DataFrame({"a": ["Ada"]}), TypeError, "(1, 1). Pass one column, such as df["),
        ("a" * 31, TypeError, f"Got the single str '{'a' * 30}…'. Pass"),
        (["Ada"] * 300 + ["x" * 10**6], ValueError, "(row 300), but the median length is 3"),
        ([], ValueError, "at least one name"),
        (["Ada", "E\0ve"], ValueError, "Got U+0000 in row 1: 'E\\x00ve'"),
    ],
)
def test_bad_names(X, error, match):
    with pytest.raises(error, match=re.escape(match)):
        CharSequenceVectorizer().fit(X)
    fitted = CharSequenceVectorizer().fit(NAMES)
    with pytest.raises(error, match=re.escape(match)):
        fitted.transform(X)


def test_one_very_long_name_among_few_names():
    vectorizer = CharSequenceVectorizer()
    windows = vectorizer.fit_transform(["x" * 1_000_000, "Ada"])
    assert windows.shape == (2, 1_000_001, 33)
    assert vectorizer.inverse_transform(windows[1:]) == ["Ada"]


def changed_windows(index, value):
    windows = windows_of(NAMES, 3).copy()
    windows[index] = value
    return windows


LAYOUT, RANGE = "windows from CharSequenceVectorizer", "Unicode code points (0 to 0x10FFFF)"


@pytest.mark.parametrize(
    ("X", "error", "match"),
    [
        ([[1], [2, 3]], ValueError, "Got a ragged list"),
        (None, TypeError, "Got dtype object"),
        (np.zeros((3, 11), dtype=int), ValueError, "Got shape (3, 11)"),
        (np.zeros((0, 4, 4), dtype=int), ValueError, "at least one name"),
        (np.zeros((3, 4, 4)), TypeError, "Got dtype float64"),
        (np.zeros((3, 4, 5), dtype=int), ValueError, "width 4. Got width 5"),
        (np.zeros((2, 3, 4), dtype=int), ValueError, LAYOUT),
        (changed_windows((2, 2, 0), 97), ValueError, LAYOUT),  # a start unlike the other rows'
        (changed_windows((1, 0, 3), 97), ValueError, LAYOUT),  # a target not in the next context
        (changed_windows((3, 5, 1), 0), ValueError, LAYOUT),  # padding inside a later window
        (changed_windows((3, 5, 1), 2), ValueError, LAYOUT),  # a start inside a later window
        (changed_windows((0, 1, 3), 2), ValueError, LAYOUT),  # a start as a target
        (changed_windows((0, 1, 3), 0), ValueError, LAYOUT),  # padding inside a name
        (changed_windows((2, 3, 3), 97), ValueError, LAYOUT),  # a character after the end
        (windows_of(NAMES, 3)[:, ::-1], ValueError, LAYOUT),
        (windows_of(NAMES, 3)[:, ::2], ValueError, "one character after"),
        (changed_windows((3, 0, 3), -5), ValueError, RANGE),
        (changed_windows((3, 5, 3), 0x110000), ValueError, RANGE),
    ],
)
def test_invalid_windows_are_rejected(X, error, match):
    vectorizer = CharSequenceVectorizer(window_length=3)
    with pytest.raises(NotFittedError):
        vectorizer.inverse_transform(X)
    with pytest.raises(error, match=re.escape(match)):
        vectorizer.fit(NAMES).inverse_transform(X)


def test_reversed_windows_are_not_running_text():
    with pytest.raises(ValueError, match="running text that do not follow each other"):
        CharNGramGenerator().fit(windows_of(NAMES, 3)[:, ::-1])


@pytest.mark.parametrize("kind", [np.int8, np.uint64])
@pytest.mark.parametrize(("window_length", "step", "boundary"), [(5, 2, False), (100, 1, True)])
def test_numpy_integers_do_not_overflow(kind, window_length, step, boundary):
    names = ["Ada Lovelace", "Marguerite Yourcenar"]
    plain = CharSequenceVectorizer(window_length=window_length, step=step, boundary=boundary)
    vectorizer = clone(plain).set_params(window_length=kind(window_length), step=kind(step))
    windows = vectorizer.fit_transform(names)
    np.testing.assert_array_equal(windows, plain.fit_transform(names))
    assert vectorizer.inverse_transform(windows) == plain.inverse_transform(windows)
