"""Do constrained names follow the distribution of the model, and how fast are they?

    python examples/benchmarks/constraints.py [--quick] [--names FILE]

The script compares three methods for each list, generator and constraint. Rejection draws
unconstrained names and keeps names that match. `sample` uses the lookahead. Masking draws each
character among the characters from which the name can still be completed. The script prints the
seconds to learn the lookahead, and these columns:

    match   share of unconstrained names that satisfy the constraint
    names/s rate of the first call of `sample`
    ratio   this rate over the LSTM's rate of unconstrained names
    ESS     effective sample size per draw
    bigrams Jensen-Shannon divergence of bigrams between constrained and matching names, over
            the divergence between two lists of matching names
    lengths the same for lengths
    score   log-likelihood of matching names under the model, in nats per character

The columns "masked" show the same for masking. The last columns show names of `sample` and of
masking.
"""

from copy import copy
from functools import partial
from itertools import combinations
from statistics import mean

import numpy as np
from _common import input_names, parse_arguments, print_machine, seconds

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
    "constraint           match names/s ratio    ESS bigrams masked lengths masked   score sample "
    "masked  sample | masked"
)


def masked(sampler, n, rng):
    """Draw names with a lookahead that only masks impossible characters."""
    mask = copy(sampler.lookahead())
    mask.table = (mask.table > 0).astype(float)
    draws = sampler.propose(np.zeros(n, dtype=int), rng, mask)
    return draws.texts[np.isfinite(draws.log_weights)].tolist()


def relative_sample_size(log_weights):
    """Return the effective sample size of weighted draws, per draw (Kong, 1992)."""
    weights = np.exp(log_weights - log_weights.max())
    return weights.sum() ** 2 / np.square(weights).sum() / len(weights)


def rows(generator, unconstrained, base_rate, n_names):
    """Yield a line of the table for each constraint."""
    vectorizer = CharSequenceVectorizer(window_length=generator.window_length_)

    def score(names):
        return generator.score(vectorizer.fit_transform(names))

    for title, constraint in CONSTRAINTS.items():
        sample = partial(generator.sample, n_samples=n_names, **constraint)
        duration = seconds(partial(sample, random_state=0))
        sampler = fitted(generator).sampler([""], 1.0, **constraint)
        matches = [name for name in unconstrained if sampler.constraint.accepts_name(name)]
        n = min(n_names, len(matches) // 2)
        samples = [sample(random_state=i) for i in range(3)]
        rng, lookahead = np.random.default_rng(0), sampler.lookahead()
        prefixes = np.zeros(n_names, dtype=int)
        log_weights = sampler.propose(prefixes, rng, lookahead).log_weights
        by_mask = masked(sampler, n_names, rng)
        line = f"{title:17} {len(matches) / len(unconstrained):8.2%}"
        line += f" {n_names / duration:7,.0f}"
        line += f" {n_names / duration / base_rate:5.2f}  {relative_sample_size(log_weights):5.2f}"
        if n >= 100:
            lists = [matches[i : i + n] for i in range(0, min(len(matches) - n, 5 * n) + 1, n)]
            for divergence in (ngram_divergence, length_divergence):
                base = mean(divergence(*pair) for pair in combinations(lists, 2)) or 1e-9
                sampled = mean(divergence(x[:n], y) for x in samples for y in lists)
                masking = mean(divergence(by_mask[:n], y) for y in lists)
                line += f" {sampled / base:7.2f} {masking / base:6.1f}"
            line += f"  {score(lists[0]):6.2f}"
        else:
            line += " " * 38
        line += f" {score(samples[0]):6.2f} {score(by_mask):6.2f}  "
        yield line + f"{' '.join(samples[0][:4])} | {' '.join(by_mask[:4])}"


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine()
    lists = {arguments.names or "female first names": input_names(arguments)}
    if not (arguments.names or arguments.quick):
        lists["male first names, lower case"] = [name.lower() for name in load_names("male")]
    n_names, n_unconstrained, settings = 2000, 400_000, {}
    if arguments.quick:
        lists = {title: names[::5] for title, names in lists.items()}
        n_names, n_unconstrained, settings = 200, 2000, {"max_epochs": 4, "hidden_size": 32}
    for title, names in lists.items():
        windows = CharSequenceVectorizer().fit_transform(names)
        base_rate = None
        for generator in (CharLSTMGenerator(random_state=0, **settings), CharNGramGenerator()):
            generator.fit(windows)
            generator.sample(n_samples=n_names)
            duration = seconds(lambda g=generator: g.sample(n_samples=n_names, random_state=0))
            base_rate = base_rate or n_names / duration
            longest = generator.max_length_ + 5
            unconstrained = generator.sample(
                n_samples=n_unconstrained, max_length=longest, random_state=1
            )
            print(f"{title}, {len(names):,}: {type(generator).__name__}", end="")
            print(f", {n_names / duration:,.0f} unconstrained names/s")
            duration = seconds(lambda g=generator: fitted(g).sampler([""], 1.0).lookahead())
            print(f"lookahead learned in {duration:.2f} s")
            print(HEADER)
            for line in rows(generator, unconstrained, base_rate, n_names):
                print(line)
            print()


if __name__ == "__main__":
    main()
