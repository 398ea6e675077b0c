import json
import subprocess
from itertools import product

import numpy as np
from conftest import NODE

from sknamegen._text.alphabet import Alphabet
from sknamegen._text.codes import encode, hash_names


def test_hashes_match_the_formula():
    names = ["", "a", "Zoë", "\U0010ffff", "ab", "ba"]
    expected = []
    for name in names:
        value = 0xCBF29CE484222325
        for character in name.lower():
            value = (value ^ ord(character)) * 0x100000001B3 % 2**64
        expected.append(value)
    for width in (4, 9):
        assert hash_names(encode(names, width)).tolist() == expected
    assert hash_names(encode(["", ""], 0)).tolist() == expected[:1] * 2
    assert hash_names(encode(names)).tolist() == expected
    assert hash_names(encode([])).tolist() == []


def test_characters_match_unicode():
    """The number of characters agrees with Node's segmenter, except for single Hangul letters."""
    characters = "aक\u0301\u0600\u06dd\u0d4e5\u0e33ก \u200d\u200c\ufe0f\u20e3👨🏽🇩🏴한'"
    characters += "\U000e0067\U000e007f"  # a tag and the last tag
    texts = ["".join(text) for n in (1, 2, 3) for text in product(characters, repeat=n)]
    script = "const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });"
    script += "const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
    script += "console.log(JSON.stringify(texts.map((t) => [...segmenter.segment(t)].length)));"
    command, texts_as_json = [NODE, "-e", script], json.dumps(texts).encode()
    done = subprocess.run(command, input=texts_as_json, capture_output=True)
    lengths = Alphabet(np.array(sorted(f"{characters}\3"))).lengths(texts)
    pairs = zip(texts, lengths.tolist(), json.loads(done.stdout), strict=True)
    assert [ascii(text) for text, length, expected in pairs if length != expected] == []
