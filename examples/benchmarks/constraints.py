"""Do names that are asked for look like those that fit by themselves, and how fast are they?

    python examples/benchmarks/constraints.py [--quick] [--names FILE]

For each list, generator and constraint, names are written in three ways: as they come, kept if
they fit; as `sample` writes them; and by masking, where each character is drawn among those from
which the name can still be finished. Printed are how long it takes to learn the lookahead, once,
and

    fits    the share of names that fit by themselves
    names/s as the first call of `sample` writes them, and that over the LSTM's rate of free names
    share   effective number of draws over draws
    bigrams Jensen-Shannon divergence of bigrams from names that fit by themselves, over that
            between two lists of such names; the same of lengths
    score   the model's own log-likelihood, nats per character, of names that fit by themselves
    an example of each
"""

from copy import copy
from functools import partial
from itertools import combinations
from statistics import mean

import numpy as np
from _common import given_names, parse_arguments, print_machine, seconds

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names
from sknamegen._generator import fitted
from sknamegen.metrics import length_divergence, ngram_divergence

CONSTRAINTS = {
    "max_length=3": {"max_length": 3},
    "max_length=4": {"max_length": 4},
    "max_length=5": {"max_length": 5},
    "max_length=6": {"max_length": 6},
    "min_length=9": {"min_length": 9},
    "min_length=11": {"min_length": 11},
    ".{5}": {"pattern": ".{5}"},
    ".{7}": {"pattern": ".{7}"},
    ".*a": {"pattern": ".*a"},
    ".*x.*": {"pattern": ".*x.*"},
    "J.*e.{2}": {"pattern": "(?i)J.*e.{2}"},
    "one vowel": {"pattern": "(?i)[A-Z][^aeiou]*[aeiou][^aeiou]*"},
    "ann, beth, ell": {"pattern": "(?i)(.)*(ann|beth|ell)(.)*"},
    "[^e]*, 6 letters": {"pattern": "[^e]*", "min_length": 6},
    "banned a": {"banned": ["a"]},
    ".*x.*z.*": {"pattern": ".*x.*z.*"},
}
HEADER = (
    "constraint            fits names/s ratio  share bigrams masked lengths masked   score sample "
    "masked  sample | masked"
)


def masked(sampler, n, rng):
    """Write names as if all that can still be finished were as probable."""
    possible = copy(sampler.lookahead())
    possible.table = (possible.table > 0).astype(float)
    draws = sampler.write(np.zeros(n, dtype=int), rng, possible)
    return draws.texts[np.isfinite(draws.log_weights)].tolist()


def effective_share(log_weights):
    """What draws with weights are worth, each, in draws without (Kong, 1992)."""
    weights = np.exp(log_weights - log_weights.max())
    return weights.sum() ** 2 / np.square(weights).sum() / len(weights)


def rows(generator, free, free_rate, n_names):
    """Yield a line for each constraint."""
    vectorizer = CharSequenceVectorizer(window_length=generator.window_length_)

    def score(names):
        return generator.score(vectorizer.fit_transform(names))

    for title, asked in CONSTRAINTS.items():
        spent = seconds(partial(generator.sample, n_samples=n_names, random_state=0, **asked))
        sampler = fitted(generator).sampler([""], 1.0, **asked)
        fitting = [name for name in free if sampler.constraint.accepts_name(name)]
        n = min(n_names, len(fitting) // 2)
        written = [generator.sample(n_samples=n_names, random_state=i, **asked) for i in range(3)]
        rng, lookahead = np.random.default_rng(0), sampler.lookahead()
        prefixes = np.zeros(n_names, dtype=int)
        log_weights = sampler.write(prefixes, rng, lookahead).log_weights
        wall = masked(sampler, n_names, rng)
        line = f"{title:17} {len(fitting) / len(free):8.2%} {n_names / spent:7,.0f}"
        line += f" {n_names / spent / free_rate:5.2f}  {effective_share(log_weights):5.2f}"
        if n >= 100:
            lists = [fitting[i : i + n] for i in range(0, min(len(fitting) - n, 5 * n) + 1, n)]
            for divergence in (ngram_divergence, length_divergence):
                base = mean(divergence(*pair) for pair in combinations(lists, 2)) or 1e-9
                ours = mean(divergence(x[:n], y) for x in written for y in lists)
                masking = mean(divergence(wall[:n], y) for y in lists)
                line += f" {ours / base:7.2f} {masking / base:6.1f}"
            line += f"  {score(lists[0]):6.2f}"
        else:
            line += " " * 38
        line += f" {score(written[0]):6.2f} {score(wall):6.2f}  "
        yield line + f"{' '.join(written[0][:4])} | {' '.join(wall[:4])}"


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine()
    lists = {arguments.names or "female first names": given_names(arguments)}
    if not (arguments.names or arguments.quick):
        lists["male first names, lower case"] = [name.lower() for name in load_names("male")]
    n_names, n_free, settings = 2000, 400_000, {}
    if arguments.quick:
        lists = {title: names[::5] for title, names in lists.items()}
        n_names, n_free, settings = 200, 2000, {"max_epochs": 4, "hidden_size": 32}
    for title, names in lists.items():
        windows = CharSequenceVectorizer().fit_transform(names)
        free_rate = None
        for generator in (CharLSTMGenerator(random_state=0, **settings), CharNGramGenerator()):
            generator.fit(windows)
            generator.sample(n_samples=n_names)
            one = seconds(lambda g=generator: g.sample(n_samples=n_names, random_state=0))
            free_rate = free_rate or n_names / one
            longest = generator.max_length_ + 5
            free = generator.sample(n_samples=n_free, max_length=longest, random_state=1)
            print(
                f"{title}, {len(names):,}: {type(generator).__name__}, {n_names / one:,.0f}", end=""
            )
            print(" free names/s")
            spent = seconds(lambda g=generator: fitted(g).sampler([""], 1.0).lookahead())
            print(f"lookahead learned in {spent:.2f} s")
            print(HEADER)
            for line in rows(generator, free, free_rate, n_names):
                print(line)
            print()


if __name__ == "__main__":
    main()
