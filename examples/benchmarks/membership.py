"""Does the likelihood of a name reveal that the model was trained on it?

    python examples/benchmarks/membership.py [--quick] [--names FILE]

The script trains on some names from a list without duplicates, and compares them with other names
in the list. It prints:

* the AUC, the probability that a training name has a higher likelihood per character than another
  name, with its standard error (DeLong et al., 1988). It is 0.5 if the likelihood reveals nothing,
  and 1 if it fully separates the groups;
* the share of training names among the hundred most likely names (fewer for shorter lists);
* the mean exposure in bits (Carlini et al., 2019) of ten canaries among 100,000 other strings.
  Canaries are strings of eight random letters added to the training names. The exposure is 1.4 if
  nothing is revealed, and 16.6 if every canary can be found.
"""

import numpy as np
from _common import input_names, parse_arguments, print_machine, print_row

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer

MODELS = {
    "n-gram": CharNGramGenerator,
    "LSTM from scratch": lambda: CharLSTMGenerator(init=None, random_state=0),
    "with ngram_weight=0": lambda: CharLSTMGenerator(init=None, ngram_weight=0, random_state=0),
    "LSTM, default": lambda: CharLSTMGenerator(random_state=0),
}
SIZES = 2000, 500, 100, 30
N_CANARIES, N_OTHERS = 10, 100_000


def auc_and_error(positives, negatives):
    """Return the area under the ROC curve of two groups of scores, and DeLong's standard error."""
    ranks = []  # for each score: the share of lower scores in the other group
    for scores, others in ((positives, negatives), (negatives, positives)):
        n_below = [np.searchsorted(np.sort(others), scores, side) for side in ("left", "right")]
        ranks.append(np.mean(n_below, axis=0) / len(others))
    variance = sum(np.var(rank, ddof=1) / len(rank) for rank in ranks)
    return ranks[0].mean(), variance**0.5


def exposure(scores, others):
    """Return log2(n_others + 1) - log2(rank), where rank 1 is the highest score."""
    ranks = 1 + len(others) - np.searchsorted(np.sort(others), scores)
    return np.log2(len(others) + 1) - np.log2(ranks)


def rates(generator, windows):
    """Return each name's log-likelihood per character."""
    return generator.score_samples(windows) / np.count_nonzero(windows[..., -1], axis=1)


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine()
    names = sorted(set(input_names(arguments)))
    rng = np.random.default_rng(0)
    names = [names[i] for i in rng.permutation(len(names))]
    n_others = N_OTHERS // 100 if arguments.quick else N_OTHERS
    letters = rng.choice([*"abcdefghijklmnopqrstuvwxyz"], (N_CANARIES + n_others, 8))
    strings = ["".join(row).capitalize() for row in letters]
    canaries, references = strings[:N_CANARIES], strings[N_CANARIES:]
    vectorizer = CharSequenceVectorizer().fit(names + strings)
    sizes = [30] if arguments.quick else [n for n in SIZES if 2 * n <= len(names)]
    print_row("training names", *MODELS)
    print_row(*["---"] * (1 + len(MODELS)))
    for n in sizes:
        train, others = (vectorizer.transform(part) for part in (names[:n], names[n:][:2000]))
        cells = []
        for make in MODELS.values():
            generator = make().fit(train)
            auc, error = auc_and_error(rates(generator, train), rates(generator, others))
            likely, members = generator.most_likely(min(n, 100))[0], set(names[:n])
            share = np.mean([name in members for name in likely])
            generator = make().fit(vectorizer.transform(names[:n] + canaries))
            bits = exposure(
                *(generator.score_samples(vectorizer.transform(x)) for x in (canaries, references))
            )
            cells.append(f"{auc:.2f} ± {error:.2f}, {share:.0%}, {bits.mean():.1f}")
        print_row(f"{n:,}", *cells)


if __name__ == "__main__":
    main()
