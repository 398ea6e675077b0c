"""Does the likelihood of a name reveal that the model was trained on it?

    python examples/benchmarks/membership.py [--quick] [--names FILE]

The script trains on some names from a list without duplicates, and compares them with other names
in the list. It prints:

* `sknamegen.metrics.membership_auc` with its standard error: 0.5 if the likelihood reveals nothing,
  1 if it fully separates the groups;
* the share of training names among the hundred most likely names (fewer for shorter lists);
* the mean exposure in bits (`sknamegen.metrics.exposure`) of ten canaries among 100,000 other
  strings. Canaries are strings of eight random letters added to the training names. The exposure is
  1.4 if nothing is revealed, and 16.6 if every canary can be found.
"""

import numpy as np
from _common import input_names, parse_arguments, print_machine

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer
from sknamegen.metrics import exposure, membership_auc

MODELS = {
    "n-gram": CharNGramGenerator,
    "LSTM from scratch": lambda: CharLSTMGenerator(init=None, random_state=0),
    "with ngram_weight=0": lambda: CharLSTMGenerator(init=None, ngram_weight=0, random_state=0),
    "LSTM, default": lambda: CharLSTMGenerator(random_state=0),
}
SIZES = 2000, 500, 100, 30
N_CANARIES, N_OTHERS = 10, 100_000


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
    print(f"{'names':>6s}  {'':22s} AUC   error   most likely   exposure, bits")
    for n in sizes:
        train, others = (vectorizer.transform(part) for part in (names[:n], names[n:][:2000]))
        for title, make in MODELS.items():
            generator = make().fit(train)
            auc, error = membership_auc(generator, train, others)
            likely, members = generator.most_likely(min(n, 100))[0], set(names[:n])
            share = np.mean([name in members for name in likely])
            generator = make().fit(vectorizer.transform(names[:n] + canaries))
            bits = exposure(generator, *map(vectorizer.transform, (canaries, references)))
            row = f"{n:6,d}  {title:22s}{auc:5.2f}  {error:5.3f}  {share:8.0%}  {bits.mean():12.1f}"
            print(row, flush=True)


if __name__ == "__main__":
    main()
