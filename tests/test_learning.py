"""What is learned before there is a model."""

from sknamegen._codepoints import encode
from sknamegen._learning import _hash_rows


def test_hashes_are_those_of_the_formula():
    names = ["", "a", "Zoë", "\U0010ffff", "ab", "ba"]
    expected = []
    for name in names:
        value = 0xCBF29CE484222325
        for character in name:
            value = (value ^ ord(character)) * 0x100000001B3 % 2**64
        expected.append(value)
    for width in (4, 9):
        assert _hash_rows(encode(names, width)).tolist() == expected
    assert _hash_rows(encode(["", ""], 0)).tolist() == expected[:1] * 2
