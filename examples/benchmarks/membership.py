"""Does a model give its list away? How well a name's likelihood tells whether it was learned.

    python examples/benchmarks/membership.py [--quick] [--names FILE]

Some names of a list are learned, others are not; duplicates are removed before. The figure is
`sknamegen.metrics.membership_auc` with its standard error: 0.5 if nothing can be told, 1 if all
can. Beside it: the share of learned names among the hundred most likely ones, or as many as were
learned; and the mean exposure of ten canaries, strings of eight random letters that were learned,
too, among 100,000 that were not (`sknamegen.metrics.exposure`): 1.4 bits if nothing is given away,
16.6 if each of them can be found.
"""

import numpy as np
from _common import given_names, parse_arguments, print_machine

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer
from sknamegen.metrics import exposure, membership_auc

MODELS = {
    "counting": CharNGramGenerator,
    "LSTM from scratch": lambda: CharLSTMGenerator(init=None, random_state=0),
    "with ngram_weight=0": lambda: CharLSTMGenerator(init=None, ngram_weight=0, random_state=0),
    "LSTM, default": lambda: CharLSTMGenerator(random_state=0),
}
SIZES = 2000, 500, 100, 30
N_CANARIES, N_OTHERS = 10, 100_000


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine()
    names = sorted(set(given_names(arguments)))
    rng = np.random.default_rng(0)
    names = [names[i] for i in rng.permutation(len(names))]
    n_others = N_OTHERS // 100 if arguments.quick else N_OTHERS
    letters = rng.choice([*"abcdefghijklmnopqrstuvwxyz"], (N_CANARIES + n_others, 8))
    strings = ["".join(row).capitalize() for row in letters]
    canaries, not_planted = strings[:N_CANARIES], strings[N_CANARIES:]
    vectorizer = CharSequenceVectorizer().fit(names + strings)
    sizes = [30] if arguments.quick else [n for n in SIZES if 2 * n <= len(names)]
    print(f"{'names':>6s}  {'':22s} AUC   error   most likely   exposure, bits")
    for n in sizes:
        learned, others = (vectorizer.transform(part) for part in (names[:n], names[n:][:2000]))
        for title, make in MODELS.items():
            generator = make().fit(learned)
            auc, error = membership_auc(generator, learned, others)
            likely, known = generator.most_likely(min(n, 100))[0], set(names[:n])
            share = np.mean([name in known for name in likely])
            generator = make().fit(vectorizer.transform(names[:n] + canaries))
            bits = exposure(generator, *map(vectorizer.transform, (canaries, not_planted)))
            row = f"{n:6,d}  {title:22s}{auc:5.2f}  {error:5.3f}  {share:8.0%}  {bits.mean():12.1f}"
            print(row, flush=True)


if __name__ == "__main__":
    main()
