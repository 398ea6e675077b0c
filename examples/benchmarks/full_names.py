"""Pseudonyms of full names in ten languages: are they exact, and could they be real?

    python examples/benchmarks/full_names.py
    python examples/benchmarks/full_names.py --sheet FOLDER
    python examples/benchmarks/full_names.py --tally FOLDER

Faker generates 1,000 full names in each language. The table shows, of the rows with distinct names:

words      how many pseudonyms contain a word of the column that is not kept, as titles are
clashes    how many pseudonyms belong to another name, too
exact      the share of names that `inverse_transform` restores
families   the share of last words whose rows all have the same last word in the pseudonym, which no
           other last word has
length     the share of names with as many words as their pseudonym

``--sheet`` writes a sheet for readers: fifty pseudonyms each in English, Spanish and Polish, mixed
with real names of another column. Readers who have seen only the sheet write FOLDER/reader1.json
and so on. ``--tally`` prints the share of both that they mark as possible or common.

The script requires Faker: pip install '.[bench]'
"""

import argparse
import json
import re
import warnings
from collections import defaultdict
from pathlib import Path
from unicodedata import normalize

from _common import print_machine, print_row
from blind import answers, lines, numbered
from faker import Faker

from sknamegen import NamePseudonymizer

LANGUAGES = {
    "English": "en_US",
    "Spanish": "es_ES",
    "Polish": "pl_PL",
    "German": "de_DE",
    "French": "fr_FR",
    "Italian": "it_IT",
    "Portuguese": "pt_BR",
    "Turkish": "tr_TR",
    "Russian": "ru_RU",
    "Japanese": "ja_JP",
}
N_SHEET = 50
BRIEF = """\
You are an official who has seen the names of many people. Each list shows some full names of people
in one country, then numbered names. Could people in this country have the numbered name? Mark each
one by itself. Names of immigrants, rare names and nobility count as possible.

1 certainly not, such as a broken or misspelt name
2 hardly
3 doubtful
4 possible
5 common

Write a JSON file: an object with the title of each list and the marks of its names in order, such
as {"English": [4, 2, ...], ...}."""


def full_names(locale, n, seed=0):
    """Return n full names of a locale, with titles as Faker adds them."""
    fake = Faker(locale)
    fake.seed_instance(seed)
    return [fake.name() for _ in range(n)]


def untitled(names):
    """Return the first names of the sheet without lower-case titles, which readers refuse."""
    return [name for name in names if name[0].isupper()][:N_SHEET]


def pseudonymizer():
    return NamePseudonymizer(key=b"keep this secret")


def words_of(name):
    """Return the folded words of a name that are not short forms, with parts at hyphens."""
    words = re.findall(r"(?:[^\W\d_][\u0300-\u036f]*)+\.?", normalize("NFC", name).casefold())
    return {word for word in words if len(word) > 1 or not word.isascii()}


def figures(names):
    """Return the cells of the table for a column."""
    pseudonyms = pseudonymizer().fit(names).mapping()
    column = set().union(*map(words_of, pseudonyms))
    shared = [
        word
        for name, pseudonym in pseudonyms.items()
        for word in words_of(pseudonym) & column
        if not (word.endswith(".") or re.search(rf"\b{word}\b", name, re.IGNORECASE))  # kept
    ]
    fitted = pseudonymizer().fit(names)
    restored = fitted.inverse_transform(fitted.transform(names)).ravel()
    families = defaultdict(set)
    for name, pseudonym in pseudonyms.items():
        families[name.split()[-1]].add(pseudonym.split()[-1])
    kept = [next(iter(words)) for words in families.values() if len(words) == 1]
    n_restored = sum(map(str.__eq__, restored, names))
    n_as_long = sum(len(a.split()) == len(b.split()) for a, b in pseudonyms.items())
    return (
        len(pseudonyms),
        len(shared),
        len(pseudonyms) - len({pseudonym.casefold() for pseudonym in pseudonyms.values()}),
        f"{n_restored / len(names):.0%}",
        f"{len(set(kept)) / len(families):.0%}",
        f"{n_as_long / len(pseudonyms):.0%}",
    )


def write_sheet(folder):
    """Write a sheet of pseudonyms and real names, in the format of blind.py."""
    lists, sheet = {}, [BRIEF]
    for language in ("English", "Spanish", "Polish"):
        column = full_names(LANGUAGES[language], 1000)
        rows = untitled(column)
        pseudonyms = pseudonymizer().fit(column).transform(rows).ravel().tolist()
        real = untitled(full_names(LANGUAGES[language], 1000, seed=1))
        lists[language] = {
            "train": column[-10:],
            "systems": {"real names": real, "pseudonyms": pseudonyms},
        }
        shown = [name for name, _ in numbered(language, lists[language]["systems"])]
        sheet += [f"## {language}", f"Names in this country: {', '.join(column[-10:])}"]
        sheet += [lines(shown)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sheet.txt").write_text("\n\n".join(sheet) + "\n", "utf-8")
    (folder / "names.json").write_text(json.dumps(lists, ensure_ascii=False, indent=1), "utf-8")


def tally(folder):
    """Print the share of the names of each system that the readers mark as possible."""
    readers = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("reader*.json"))]
    print_row("language", "names", *(f"reader {n}" for n in range(1, len(readers) + 1)))
    print_row(*["---"] * (2 + len(readers)))
    for language, entry in json.loads((folder / "names.json").read_text("utf-8")).items():
        rows = numbered(language, entry["systems"])
        marks = answers(readers, language, len(rows))
        for system in entry["systems"]:
            of_system = marks[:, [system in owners for _, owners in rows]]
            shares = (of_system >= 4).mean(axis=1)
            print_row(language, system, *(f"{share:.0%}" for share in shares))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sheet", type=Path, metavar="FOLDER", help="write a sheet for readers")
    parser.add_argument("--tally", type=Path, metavar="FOLDER", help="count the readers' marks")
    parser.add_argument("--quick", action="store_true", help="smoke test with fewer names")
    arguments = parser.parse_args()
    if arguments.sheet:
        write_sheet(arguments.sheet)
        return
    if arguments.tally:
        tally(arguments.tally)
        return
    warnings.filterwarnings("ignore", "X has only")  # kanji, which no bundled list contains
    print_machine("faker")
    print_row("language", "names", "words", "clashes", "exact", "families", "length", "example")
    print_row(*["---"] * 8)
    for language, locale in LANGUAGES.items():
        names = full_names(locale, 100 if arguments.quick else 1000)
        example = f"{names[0]} → {pseudonymizer().fit(names).transform(names[:1])[0, 0]}"
        print_row(language, *figures(names), example)


if __name__ == "__main__":
    main()
