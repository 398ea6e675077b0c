"""Do constrained names follow the model at every temperature, and with top_k and top_p?

The first tables compare constrained names with unconstrained names that satisfy the constraint:

* match, estimate, error: share of unconstrained names that match, its estimate by
  `constraint_probability`, and their difference in standard errors;
* lists, single: total variation over the 60 most frequent names, for lists and for names sampled
  one at a time, relative to as many unconstrained names (1: no difference);
* distinct: distinct names in a list, relative to an unconstrained list of the same size;
* s, base s: seconds for a list, and for an unconstrained list of the same size.

The next table compares names of at most three characters with the exact probabilities of all such
names. It includes low temperatures, at which unconstrained names are rarely this short. Total
variation is relative to as many draws from the exact probabilities.

With ``--rare``, constraints are satisfied by one name in a thousand to one in a billion. The names
that were drawn at any temperature are compared with their exact probabilities, which come from
`next_char_proba` alone:

* probability: estimate by `constraint_probability`, and the error that it states;
* exact: exact probability of all names drawn, which are not all names at high temperatures;
* most probable, list, single: the most probable of these names, its exact share of the estimate,
  and its share of a list and of names sampled one at a time;
* lists, singles: total variation over the 60 most probable names, relative to as many draws from
  their exact shares;
* first, list s, single s: processor seconds for the first name, for a list and for a single name.

With ``--given``, names have a prefix, a label or a blend of both labels in the bundled lists.
"""

import re
import time
from collections import Counter
from functools import partial
from itertools import product
from statistics import mean
from typing import NamedTuple

import numpy as np
from _common import input_names, parse_arguments, print_machine, seconds

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names
from sknamegen.metrics import constraint_probability

TEMPERATURES = 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0
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
CONDITIONS = [{"seed": "Ma"}, {}, {"label": "male"}, {"label": {"female": 0.5, "male": 0.5}}]
FEW_DECODINGS = [{"temperature": temperature} for temperature in (0.3, 0.5, 1.0)]
FEW_CONSTRAINTS = [
    {"min_length": 9},
    {"pattern": ".*l.*n.*"},
    {"pattern": "[^e]*", "min_length": 8},
]
RARE_TEMPERATURES = 0.1, 0.25, 0.35, 0.5, 0.7, 1.0
RARE_CONSTRAINTS = [
    {"min_length": 11},
    {"pattern": "J.*e.{2}"},
    {"pattern": "[^aeiouy]*[aeiouy][^aeiouy]*", "min_length": 7},
    {"pattern": "[aeiouAEIOU]{4,}.*"},
    {"pattern": "(?i)z.*x.*"},
    {"pattern": ".*ss.*ss.*"},
    {"pattern": "Q.*x"},
    {"pattern": ".*(qq|zz|kk).*(q|x).*"},
    {"pattern": ".*(vr|vl|zk).*"},
]
RARE_LABELLED = [{"pattern": ".*(vr|vl|zk).*"}, {"pattern": "Wolf.*"}, {"pattern": "(?i)x.*z.*q"}]
N_TOP, N_LISTS = 60, 3
HEADER = (
    f"{'constraint':34} {'match':>8} {'estimate':>8} {'error':>6} {'lists':>6} {'single':>6} "
    f"{'distinct':>9} {'s':>5} {'base s':>6}"
)


def satisfies(name, min_length=0, max_length=99, pattern=".*", banned=()):
    """Return whether a name satisfies the constraint."""
    return (
        min_length <= len(name) <= max_length
        and re.fullmatch(pattern, name)
        and not any(b in name.lower() for b in banned)
    )


def distance(names, reference):
    """Return the total variation over the most frequent names in the reference."""
    observed, expected = Counter(names), Counter(reference)
    return sum(
        abs(observed[name] / len(names) - count / len(reference))
        for name, count in expected.most_common(N_TOP)
    )


class Unconstrained(NamedTuple):
    """Unconstrained names."""

    names: list[str]
    seconds: float  # per name
    length_probability: float  # share within the default length limits


def line(generator, decoding, constraint, unconstrained, n_list, n_single, rng):
    """Return a table line that compares constrained names with matching unconstrained names."""
    matches = [name for name in unconstrained.names if satisfies(name, **constraint)]
    share, n = len(matches) / len(unconstrained.names), len(unconstrained.names)
    estimate, error = constraint_probability(generator, random_state=rng, **decoding, **constraint)
    estimate /= unconstrained.length_probability
    error /= unconstrained.length_probability
    share_error = max(share * (1 - share) / n, n**-2) ** 0.5  # positive even without matches
    deviation = abs(estimate - share) / np.hypot(error, share_error)
    title = ", ".join(f"{name}={value}" for name, value in constraint.items())
    result = f"{title:34} {share:8.3%} {estimate:8.3%} {deviation:6.1f} "
    n_list = min(n_list, len(matches) // (N_LISTS + 1))
    if n_list < 100:
        return result + "  (too few unconstrained names match)"
    sample = partial(generator.sample, random_state=rng, **decoding, **constraint)
    sample()  # learns the lookahead
    start = time.perf_counter()
    lists = [sample(n_samples=n_list) for _ in range(N_LISTS)]
    duration = (time.perf_counter() - start) / N_LISTS
    n_single = min(n_single, n_list)
    single = [[sample() for _ in range(n_single)] for _ in range(N_LISTS)]

    def base(n, measure):
        parts = (slice(i * n, (i + 1) * n) for i in range(N_LISTS))
        return mean(
            measure(matches[part], matches[: part.start] + matches[part.stop :]) for part in parts
        )

    def n_distinct(names, reference):
        return len(set(names))

    list_ratio = mean(distance(names, matches) for names in lists) / base(n_list, distance)
    single_ratio = mean(distance(names, matches) for names in single) / base(n_single, distance)
    distinct_ratio = mean(len(set(names)) for names in lists) / base(n_list, n_distinct)
    result += f"{list_ratio:6.2f} {single_ratio:6.2f} {distinct_ratio:9.2f} {duration:5.2f}"
    return result + f" {unconstrained.seconds * n_list:6.2f}"


def compare(generator, decoding, constraints, n_unconstrained, n_list, n_single):
    """Print the table for decoding options: temperature, top_k, top_p, prefix and label."""
    rng = np.random.default_rng(0)
    sample = partial(generator.sample, random_state=rng, **decoding)
    duration = min(seconds(partial(sample, n_samples=n_list)) for _ in range(3)) / n_list
    names = sample(n_samples=n_unconstrained)
    p_length, _ = constraint_probability(generator, n_draws=20_000, random_state=rng, **decoding)
    print(f"{type(generator).__name__}, {decoding}, lists of up to {n_list:,} names\n{HEADER}")
    unconstrained = Unconstrained(names, duration, p_length)
    for constraint in constraints:
        print(
            line(generator, decoding, constraint, unconstrained, n_list, n_single, rng), flush=True
        )
    print()


def all_short_names(generator, temperatures):
    """Yield the probability of each name of one to three characters, for each temperature."""
    letters = generator.alphabet_.tolist()
    end = letters.index("\3")
    del letters[end]
    prefixes = [list(map("".join, product(letters, repeat=n))) for n in range(4)]
    next_char_proba = list(map(generator.next_char_proba, prefixes))
    for temperature in temperatures:
        p, p_prefixes = {}, np.ones(1)
        for names, rows in zip(prefixes, next_char_proba, strict=True):
            rows = rows ** (1 / temperature)
            rows /= rows.sum(axis=1, keepdims=True)
            p |= dict(zip(names, p_prefixes * rows[:, end], strict=True))
            p_prefixes = np.ravel(p_prefixes[:, None] * np.delete(rows, end, axis=1))
        del p[""]
        yield p


def compare_short_names(generator, temperatures, n_list, n_single):
    """Print the table for short names, with a line per temperature."""
    rng = np.random.default_rng(0)
    print(f"{type(generator).__name__}, names of at most three characters")
    print(
        f"temperature  {'most probable':20} {'exact':>7} {'estimate':>8} {'error':>7} "
        f"{'list':>5} {'single':>6}"
    )
    all_names = all_short_names(generator, temperatures)
    for temperature, p in zip(temperatures, all_names, strict=True):
        index, total = {name: i for i, name in enumerate(p)}, sum(p.values())
        shares = np.array(list(p.values())) / total
        options = {"temperature": temperature, "max_length": 3, "random_state": rng}

        def distance(counts, shares):
            return np.abs(counts / counts.sum() - shares).sum()

        def ratio(drawn, index=index, shares=shares):
            counts = np.bincount([index[name] for name in drawn], minlength=len(shares))
            expected = rng.multinomial(len(drawn), shares, size=20)
            return distance(counts, shares) / mean(distance(row, shares) for row in expected)

        single = [generator.sample(**options) for _ in range(n_single)]
        estimate, error = constraint_probability(generator, **options)
        best = sorted(zip(shares, index, strict=True), reverse=True)[:2]
        print(
            f"{temperature:11}  {', '.join(f'{name} {p:.0%}' for p, name in best):20}"
            f" {total:7.1e} {estimate:8.1e} {abs(estimate - total) / error:7.1f}"
            f" {ratio(generator.sample(n_samples=n_list, **options)):5.2f} {ratio(single):6.2f}",
            flush=True,
        )
    print()


def exact_probabilities(generator, names):
    """Return the probability of each name, (n_temperatures, n_names)."""
    column = {letter: i for i, letter in enumerate(generator.alphabet_)}
    prefixes = sorted({name[:i] for name in names for i in range(len(name) + 1)})
    row = {prefix: i for i, prefix in enumerate(prefixes)}
    steps = [
        [(row[name[:i]], column[name[i : i + 1] or "\3"]) for i in range(len(name) + 1)]
        for name in names
    ]
    labels, weights = [None], [1.0]
    if hasattr(generator, "classes_"):
        labels, weights = generator.classes_, generator.class_count_ / sum(generator.class_count_)
    p = np.zeros((len(RARE_TEMPERATURES), len(names)))
    for label, weight in zip(labels, weights, strict=True):
        raw = generator.next_char_proba(prefixes, label=label)
        for i, temperature in enumerate(RARE_TEMPERATURES):
            rows = raw ** (1 / temperature)
            rows /= rows.sum(axis=1, keepdims=True)
            p[i] += weight * np.array([np.prod(rows[tuple(zip(*s, strict=True))]) for s in steps])
    return p


def compare_rare_names(generator, constraint, n_list, n_single, seed):
    """Print the table for a rare constraint."""
    print(f"{type(generator).__name__}, {constraint}")
    print(
        f"temperature {'probability':>18} {'exact':>8}  {'most probable':14} {'list':>6} "
        f"{'single':>6} {'lists':>6} {'singles':>7} {'first':>6} {'list s':>6} {'single s':>8}"
    )
    drawn, times, rng = {}, {}, np.random.default_rng(seed)
    for temperature in RARE_TEMPERATURES:
        sample = partial(generator.sample, temperature=temperature, random_state=rng, **constraint)
        started = [time.process_time()]
        try:
            singles = [sample()]
            started.append(time.process_time())
            drawn[temperature] = sample(n_samples=n_list), singles
        except ValueError as error:
            print(f"{temperature:11} {error} ({time.process_time() - started[0]:.1f} s)")
            continue
        started.append(time.process_time())
        singles += [sample() for _ in range(n_single)]
        started.append(time.process_time())
        times[temperature] = np.diff(started) / [1, 1, n_single]
    names = sorted({name for lists in drawn.values() for name in (*lists[0], *lists[1])})
    exact = exact_probabilities(generator, names)
    for temperature, lists in drawn.items():
        estimate, error = constraint_probability(
            generator, temperature=temperature, random_state=rng, **constraint
        )
        p = exact[RARE_TEMPERATURES.index(temperature)]
        top = np.argsort(-p)[:N_TOP]
        shares = p[top] / max(estimate, p.sum())
        rest = max(0.0, 1 - shares.sum())
        ratios, of_best = [], []
        for values in lists:
            counts = Counter(values)
            observed = np.array([counts[names[index]] for index in top]) / len(values)
            noise = rng.multinomial(len(values), [*shares, rest], size=20)[:, :-1] / len(values)
            ratios.append(np.abs(observed - shares).sum() / np.abs(noise - shares).sum(1).mean())
            of_best.append(observed[0])
        print(
            f"{temperature:11} {estimate:9.2e} ± {error:.0e} {p.sum():8.2e}  "
            f"{names[top[0]]} {shares[0]:.1%}".ljust(57)
            + f" {of_best[0]:6.1%} {of_best[1]:6.1%} {ratios[0]:6.2f} {ratios[1]:7.2f}"
            + " {:6.2f} {:6.2f} {:8.3f}".format(*times[temperature]),
            flush=True,
        )
    print()


def main():
    arguments = parse_arguments(
        __doc__.splitlines()[0],
        given="measure names with a prefix, a label or a blend",
        rare="measure names that satisfy a constraint very rarely",
        takes_seed=True,
    )
    print_machine()
    step = 10 if arguments.quick else 1
    sizes = (3000, 120, 20) if arguments.quick else (200_000, 2000, 400)
    rare_sizes = (100, 10) if arguments.quick else (2000, 120)
    small = {"init": None, "num_networks": 1, "max_epochs": 4, "hidden_size": 32}
    settings = small if arguments.quick else {}
    vectorizer = CharSequenceVectorizer()
    if arguments.rare:
        names, labels = load_names(return_X_y=True)
        generator = CharLSTMGenerator(random_state=arguments.seed, **settings)
        generator.fit(vectorizer.fit_transform(input_names(arguments)[::step]))
        for constraint in RARE_CONSTRAINTS[:: 5 if arguments.quick else 1]:
            compare_rare_names(generator, constraint, *rare_sizes, arguments.seed)
        generator.fit(vectorizer.fit_transform(names[::step]), labels[::step])
        for constraint in RARE_LABELLED[:: 3 if arguments.quick else 1]:
            compare_rare_names(generator, constraint, *rare_sizes, arguments.seed)
        return
    for generator in (CharLSTMGenerator(random_state=0, **settings), CharNGramGenerator()):
        if arguments.given:
            names, labels = load_names(return_X_y=True)
            generator.fit(vectorizer.fit_transform(names[::step]), labels[::step])
            conditions = CONDITIONS[-1 if arguments.quick else None :]
            decodings = FEW_DECODINGS[-1 if arguments.quick else None :]
            for condition, decoding in product(conditions, decodings):
                constraints = FEW_CONSTRAINTS[:: 2 if arguments.quick else 1]
                compare(generator, decoding | condition, constraints, *sizes)
        else:
            generator.fit(vectorizer.fit_transform(input_names(arguments)[::step]))
            for decoding in DECODINGS[4::9] if arguments.quick else DECODINGS:
                compare(generator, decoding, CONSTRAINTS[:: 6 if arguments.quick else 1], *sizes)
            temperatures = TEMPERATURES[1::6] if arguments.quick else TEMPERATURES
            compare_short_names(generator, temperatures, *sizes[1:])


if __name__ == "__main__":
    main()
