"""Names under a constraint beside free ones that fit, at every temperature, with top_k and top_p.

For each constraint, from many free names of the same temperature:

* fits: their share that fits, what `constraint_probability` says of it, how far off that is in
  standard errors of both;
* lists, single: total variation over the 60 most frequent of them, of lists and of names asked for
  one by one, over that of equally many free ones: 1 is as good as free;
* different: different names in a list, over those in as many free ones;
* seconds for a list, and for as many free names.

Then names of at most three letters beside the exact probabilities of all such names, at low
temperatures, too, at which hardly any free name is as short: total variation of a list and of names
asked for one by one, over that of as many draws from these probabilities.

With ``--given`` names begin with a prefix, have a label, or a blend of both labels (of the bundled
lists).
"""

import re
import time
from collections import Counter
from functools import partial
from itertools import product
from statistics import mean
from typing import NamedTuple

import numpy as np
from _common import given_names, parse_arguments, print_machine, seconds

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names
from sknamegen.metrics import constraint_probability

LOW = 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0
DECODINGS = [
    {"temperature": 0.1},
    {"temperature": 0.2},
    {"temperature": 0.3},
    {"temperature": 0.5},
    {"temperature": 0.7},
    {"temperature": 1.0},
    {"temperature": 1.5},
    {"temperature": 0.5, "top_k": 5},
    {"temperature": 1.0, "top_p": 0.9},
]
CONSTRAINTS = [
    {"min_length": 9},
    {"min_length": 11},
    {"max_length": 4},
    {"pattern": ".*x.*"},
    {"pattern": "J.*e.{2}"},
    {"pattern": "[^e]*", "min_length": 8},
    {"banned": ["a"], "max_length": 5},
]
GIVEN = [{"seed": "Ma"}, {}, {"label": "male"}, {"label": {"female": 0.5, "male": 0.5}}]
FEW_DECODINGS = [{"temperature": temperature} for temperature in (0.3, 0.5, 1.0)]
FEW_CONSTRAINTS = [
    {"min_length": 9},
    {"pattern": ".*l.*n.*"},
    {"pattern": "[^e]*", "min_length": 8},
]
N_TOP, N_LISTS = 60, 3
HEADER = (
    "constraint                            fits    said  errors  lists single different    s free s"
)


def fits(name, min_length=0, max_length=99, pattern=".*", banned=()):
    is_long_enough = min_length <= len(name) <= max_length
    return (
        is_long_enough
        and re.fullmatch(pattern, name)
        and not any(b in name.lower() for b in banned)
    )


def distance(names, reference):
    """Total variation over the most frequent names of the reference."""
    found, expected = Counter(names), Counter(reference)
    return sum(
        abs(found[name] / len(names) - count / len(reference))
        for name, count in expected.most_common(N_TOP)
    )


class Free(NamedTuple):
    """Names as they come."""

    names: list[str]
    seconds: float  # for each
    usual: float  # the probability of the lengths that they have


def line(generator, how, asked, free, n_list, n_single, rng):
    """Compare what is written under a constraint with free names that fit."""
    fitting = [name for name in free.names if fits(name, **asked)]
    share = len(fitting) / len(free.names)
    said, error = constraint_probability(generator, random_state=rng, **how, **asked)
    said, error = said / free.usual, error / free.usual
    n_free = len(free.names)  # none of them is as if nearly one
    off = abs(said - share) / np.hypot(error, max(share * (1 - share) / n_free, n_free**-2) ** 0.5)
    title = ", ".join(f"{name}={value}" for name, value in asked.items())
    result = f"{title:34} {share:8.3%} {said:7.3%} {off:6.1f} "
    n_list = min(n_list, len(fitting) // (N_LISTS + 1))
    if n_list < 100:
        return result + "  (too few free ones fit)"
    write = partial(generator.sample, random_state=rng, **how, **asked)
    write()  # which learns the lookahead
    started = time.perf_counter()
    lists = [write(n_samples=n_list) for _ in range(N_LISTS)]
    spent = (time.perf_counter() - started) / N_LISTS
    n_single = min(n_single, n_list)
    single = [[write() for _ in range(n_single)] for _ in range(N_LISTS)]

    def of_free(n, measure):
        parts = (slice(i * n, (i + 1) * n) for i in range(N_LISTS))
        return mean(
            measure(fitting[part], fitting[: part.start] + fitting[part.stop :]) for part in parts
        )

    def different(names, reference):
        return len(set(names))

    ratio = mean(distance(each, fitting) for each in lists) / of_free(n_list, distance)
    of_single = mean(distance(each, fitting) for each in single) / of_free(n_single, distance)
    variety = mean(len(set(each)) for each in lists) / of_free(n_list, different)
    result += (
        f"{ratio:6.2f} {of_single:6.2f} {variety:9.2f} {spent:5.2f} {free.seconds * n_list:5.2f}"
    )
    return result


def compare(generator, how, constraints, n_free, n_list, n_single):
    """Print a table for names that are written in one way."""
    rng = np.random.default_rng(0)
    write = partial(generator.sample, random_state=rng, **how)
    spent = min(seconds(partial(write, n_samples=n_list)) for _ in range(3)) / n_list
    names = write(n_samples=n_free)
    usual = constraint_probability(generator, n_draws=20_000, random_state=rng, **how)
    print(f"{type(generator).__name__}, {how}, lists of up to {n_list:,} names\n{HEADER}")
    for asked in constraints:
        free = Free(names, spent, usual[0])
        print(line(generator, how, asked, free, n_list, n_single, rng), flush=True)
    print()


def all_short_names(generator, temperature):
    """Return the probability of each name of one to three characters."""
    letters, end = generator.alphabet_.tolist(), generator.alphabet_.tolist().index("\3")
    p, prefixes = {}, {"": 1.0}
    for _ in range(4):
        rows = generator.next_char_proba(list(prefixes)) ** (1 / temperature)
        rows /= rows.sum(axis=1, keepdims=True)
        p |= {name: own * row[end] for (name, own), row in zip(prefixes.items(), rows, strict=True)}
        prefixes = {
            name + letter: own * row[i]
            for (name, own), row in zip(prefixes.items(), rows, strict=True)
            for i, letter in enumerate(letters)
            if i != end and len(name) < 3
        }
        if not prefixes:
            break
    del p[""]
    return p


def compare_short_names(generator, n_list, n_single):
    """Print a table of short names, at each temperature."""
    rng = np.random.default_rng(0)
    print(f"{type(generator).__name__}, names of at most three letters")
    print("temperature  most probable          exact    said  errors  list single")
    for temperature in LOW:
        p = all_short_names(generator, temperature)
        names, proba = list(p), np.array(list(p.values()))
        how = {"temperature": temperature, "max_length": 3, "random_state": rng}

        def distance(drawn, names=names, proba=proba):
            found = Counter(drawn)
            found = np.array([found[name] for name in names]) / len(drawn)
            return np.abs(found - proba / proba.sum()).sum()

        def expected(n, names=names, proba=proba):
            return mean(distance(rng.choice(names, n, p=proba / proba.sum())) for _ in range(20))

        single = [generator.sample(**how) for _ in range(n_single)]
        said, error = constraint_probability(generator, **how)
        best = sorted(zip(proba / proba.sum(), names, strict=True), reverse=True)[:2]
        print(
            f"{temperature:11}  {', '.join(f'{name} {p:.0%}' for p, name in best):20}"
            f" {proba.sum():7.1e} {said:7.1e} {abs(said - proba.sum()) / error:7.1f}"
            f" {distance(generator.sample(n_samples=n_list, **how)) / expected(n_list):5.2f}"
            f" {distance(single) / expected(n_single):6.2f}",
            flush=True,
        )
    print()


def main():
    arguments = parse_arguments(
        __doc__.splitlines()[0], given="a prefix, a label, a blend of labels"
    )
    print_machine()
    step = 10 if arguments.quick else 1
    sizes = (8000, 200, 20) if arguments.quick else (200_000, 2000, 400)
    settings = {"max_epochs": 4, "hidden_size": 32} if arguments.quick else {}
    vectorizer = CharSequenceVectorizer()
    for generator in (CharLSTMGenerator(random_state=0, **settings), CharNGramGenerator()):
        if arguments.given:
            names, labels = load_names(return_X_y=True)
            generator.fit(vectorizer.fit_transform(names[::step]), labels[::step])
            for given, decoding in product(GIVEN, FEW_DECODINGS[:: 3 if arguments.quick else 1]):
                compare(generator, decoding | given, FEW_CONSTRAINTS, *sizes)
        else:
            generator.fit(vectorizer.fit_transform(given_names(arguments)[::step]))
            for decoding in DECODINGS[3::3] if arguments.quick else DECODINGS:
                compare(generator, decoding, CONSTRAINTS, *sizes)
            compare_short_names(generator, *sizes[1:])


if __name__ == "__main__":
    main()
