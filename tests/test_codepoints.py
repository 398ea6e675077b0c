import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sknamegen._codepoints import Alphabet, decode, encode

strings = st.lists(st.text(st.characters(exclude_characters="\0"), max_size=8), min_size=1)


@given(strings)
def test_encode_writes_ord_of_each_character(strings):
    codes = encode(strings, 8)
    assert codes.dtype == np.int32
    assert codes.tolist() == [[*map(ord, s), *[0] * (8 - len(s))] for s in strings]


@given(strings)
def test_decode_inverts_encode(strings):
    assert decode(encode(strings, 8)) == strings


def test_width_zero():
    assert encode(["", ""], 0).shape == (2, 0)
    assert decode(np.empty((2, 0), dtype=np.int32)) == ["", ""]


def test_an_alphabet_writes_strings_as_indices():
    names = Alphabet(np.array(["\3", "a", "b"]))
    assert (names.end, names.index) == (0, {"a": 1, "b": 2})
    assert names.codes.tolist() == [0, 97, 98]
    expected = [[-1, -1, 3], [-1, 3, 1], [1, 2, 2]]
    assert names.windows(["", "a", "abb"], 3).tolist() == expected
    text = Alphabet(np.array(["a", "b"]))
    assert text.end is None
    assert text.windows(["ab"], 3).tolist() == [[-1, 0, 1]]
