"""Which scripts and languages do the bundled lists contain?

    python examples/benchmarks/scripts.py

The script counts the distinct names of the bundled collection, on which the base was trained, and
those that `known_names` contains. The first table has a row for each writing system, and the
second for each language with lists of people's names. The tables are part of the manual's chapter
on scripts. The names of languages and countries come from Babel: pip install '.[bench]'
"""

import argparse
import re
import unicodedata
from collections import Counter, defaultdict

from _common import print_row
from babel import Locale

from sknamegen.datasets import known_names, read_collection
from sknamegen.lstm import load_base

ENGLISH = Locale("en")
GROUPS = "people", "towns", "things", "invented"
KINDS = "first_names", "surnames"
# Scripts whose English names differ from the names of their characters in Unicode.
TITLES = {"CJK": "Chinese characters", "HANGUL": "Hangul (Korean)", "ORIYA": "Odia"}
TITLES |= {"MYANMAR": "Burmese"}
# Lists without a locale in their titles, and a locale of Faker that is not of its country.
LOCALES = {"female": "en", "male": "en", "US": "en_US", "es_CA": "ca_ES"}


def script_of(name):
    """Return the script of the first letter of a name, such as "LATIN"."""
    letters = (c for c in name if unicodedata.category(c) in ("Lu", "Ll", "Lt", "Lo"))
    return unicodedata.name(next(letters)).partition(" ")[0]


def title_of(script):
    """Return the English name of a script."""
    return TITLES.get(script, script.capitalize())


def print_scripts(lists, known):
    """Print the number of distinct names in each script, by group and in `known`."""
    names = defaultdict(lambda: {group: set() for group in GROUPS})
    for path, list_names in lists.items():
        for name in list_names:
            names[script_of(name)][path.partition("/")[0]].add(name)
    names["CJK"]  # a row without names, if there are none
    characters = defaultdict(int)
    for character in load_base().alphabet.characters:
        if unicodedata.category(character)[0] in "LM":
            characters[unicodedata.name(character).partition(" ")[0]] += 1
    print_row("script", "letters", *GROUPS, "in `known_names()`")
    print_row(*["---"] * (3 + len(GROUPS)))
    for script in sorted(names, key=lambda script: -len(set.union(*names[script].values()))):
        counts = [len(names[script][group]) for group in GROUPS]
        real = set.union(*(names[script][group] for group in GROUPS if group != "invented"))
        n_known = sum(name in known for name in real)
        numbers = (f"{n:,}" for n in (characters[script], *counts, n_known))
        print_row(title_of(script), *numbers)


def print_languages(lists):
    """Print the number of distinct first names and surnames in each language."""
    names = defaultdict(lambda: {kind: set() for kind in KINDS})
    countries = defaultdict(set)
    for path, list_names in lists.items():
        if path.startswith("people/"):
            locale, kind = re.fullmatch(r"people/(\w+?)(?:_(surnames|first_names))?", path).groups()
            language, _, country = LOCALES.get(locale, locale).partition("_")
            names[language][kind or "first_names"].update(list_names)
            countries[language].update(filter(None, [ENGLISH.territories.get(country)]))
    print_row("language", "countries", "scripts", "first names", "surnames")
    print_row(*["---"] * 5)
    for language in sorted(names, key=ENGLISH.languages.get):
        of_kinds = names[language].values()
        scripts = Counter(map(script_of, set.union(*of_kinds))).most_common()
        print_row(
            ENGLISH.languages[language],
            ", ".join(sorted(countries[language])),
            ", ".join(title_of(script) for script, _ in scripts),
            *(f"{len(of_kind):,}" for of_kind in of_kinds),
        )


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    lists = {
        path.removesuffix(".txt"): text.split("\n")[:-1] for path, text in read_collection().items()
    }
    print_scripts(lists, known_names())
    print()
    print_languages(lists)


if __name__ == "__main__":
    main()
