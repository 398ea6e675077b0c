import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sknamegen._codepoints import (
    N_CODE_POINTS,
    START,
    decode,
    distinct,
    encode,
    hash_rows,
    index_table,
)

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


def test_distinct_is_unique():
    codes = np.array([[97, 0x10FFFF], [0, 97]], dtype=np.int32)
    np.testing.assert_array_equal(distinct(codes), np.unique(codes))


def test_index_table():
    alphabet = np.array([3, 97, 0x1F600], dtype=np.int32)
    table = index_table(alphabet)
    assert table.shape == (N_CODE_POINTS,)
    assert table[alphabet].tolist() == [0, 1, 2]
    assert table[START] == 3
    assert (table[[0, 98, 0xFFFD]] == 4).all()


def test_hashes_are_those_of_the_formula():
    names = ["", "a", "Zoë", "\U0010ffff", "ab", "ba"]
    expected = []
    for name in names:
        value = 0xCBF29CE484222325
        for character in name:
            value = (value ^ ord(character)) * 0x100000001B3 % 2**64
        expected.append(value)
    for width in (4, 9):
        assert hash_rows(encode(names, width)).tolist() == expected
    assert hash_rows(encode(["", ""], 0)).tolist() == expected[:1] * 2
