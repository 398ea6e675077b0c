"""Properties of characters from the Unicode database: kinds, scripts, and normal forms."""

import re
import unicodedata
from collections.abc import Iterable

# Code points with the letters without marks in the scripts that have cases: Latin, Greek and
# Cyrillic.
_BASIC_CODES = [*range(128), *range(0x391, 0x3CA), *range(0x410, 0x450)]
# Parts of Unicode character names: the functions of Indic marks, Indic vowels, the positions of
# Hebrew and Arabic letters in a word, and the sounds of kana.
_MARK = re.compile("VOWEL SIGN|NUKTA|VIRAMA")
_VOWEL = re.compile(r" LETTER (?:(?:CANDRA |SHORT )?[AEIOU]{1,2}|VOCALIC .*)$")
_PLACE = re.compile(
    r" LETTER (FINAL) |(TEH MARBUTA|ALEF MAKSURA)$|(YEH|WAW) WITH HAMZA|(LETTER HAMZA)$"
)
_KANA = re.compile(r"(?:HIRAGANA|KATAKANA) LETTER (SMALL |)([^AEIOU]*)([AEIOU]?)$")


def category(character: str) -> str:
    """Return the general category of a character, or "M" for any mark."""
    general = unicodedata.category(character)
    return "M" if general[0] == "M" else general


def kind_of(character: str) -> str:
    """Return the general category, with details on where a letter or a mark may occur.

    For uppercase and lowercase letters, the detail is the script. For kana, it distinguishes small
    kana, ん, and kana in -i, which may precede small kana. For other letters, it distinguishes
    word-final letters, such as ם and ة, letters with a hamza, and independent vowels. For marks, it
    distinguishes vowel signs, nuktas and viramas.
    """
    general, name = category(character), unicodedata.name(character, "")
    if general in ("Lu", "Ll"):
        return f"{general} {name.partition(' ')[0]}"  # such as "Lu LATIN"
    if general == "M" and (mark := _MARK.search(name)):
        return f"M {mark[0]}"
    if general == "Lo" and (kana := _KANA.search(name)):
        small, consonant, vowel = kana.groups()
        if small or not vowel:
            return f"Lo {small}{consonant}"
        return "Lo I" if consonant and vowel == "I" else "Lo"
    if general == "Lo" and (place := _PLACE.search(name)):
        return f"Lo {'final' if place[1] or place[2] else 'hamza'}"
    if general == "Lo" and _VOWEL.search(name):
        return "Lo vowel"
    return general


def script_of(name: str) -> str:
    """Return the script of the first letter of a name, such as "LATIN", or an empty string."""
    letter = next(filter(str.isalpha, name), "")
    return letter and unicodedata.name(letter, "").partition(" ")[0]


def missing_letters(names: Iterable[str]) -> set[str]:
    """Return the basic letters of the names' scripts and cases that they lack."""
    known = set().union(*names)
    kinds = set(map(kind_of, known))
    letters = filter(str.isalpha, map(chr, _BASIC_CODES))
    return {letter for letter in letters if kind_of(letter) in kinds} - known


def compose(text: str) -> str:
    """Return a text in composed form (NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def fold(name: str) -> str:
    """Return a name in the form that `exclude` compares: stripped, composed and case-folded."""
    return compose(compose(name.strip()).casefold())


def decompose(text: str) -> str:
    """Return a text in decomposed form (NFD)."""
    return unicodedata.normalize("NFD", text)
