"""How well do models learn few names of people, places and things?

    python examples/benchmarks/few_names.py [--quick] [--names FILE [FILE ...]]

The table shows the mean loss on held-out names, in nats per character, over the lists in
``unseen.json``, whose names are not in the bundled collection. A row includes the lists that have
at least 50 more names.

* counting: the n-gram generator
* scratch: the LSTM from random weights
* base: the LSTM from the pretrained network
* default: the LSTM from the pretrained network, which also learns similar names
* gain: how much lower the loss of the default is than the better of counting and scratch, with its
  standard error over the lists

``--names`` measures your own lists.
"""

import argparse
from pathlib import Path

import numpy as np
from _common import print_machine, print_row, unseen_lists

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, read_names

SIZES = 20, 50, 100, 200, 500
MIN_TEST, MAX_TEST = 50, 250
MODELS = {
    "counting": lambda seed: CharNGramGenerator(),
    "scratch": lambda seed: CharLSTMGenerator(init=None, random_state=seed),
    "base": lambda seed: CharLSTMGenerator(similar=None, random_state=seed),
    "default": lambda seed: CharLSTMGenerator(random_state=seed),
}


def losses(names, n, seed):
    """Return each model's held-out loss for n training names."""
    names = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    train, test = names[:n], names[n:][:MAX_TEST]
    vectorizer = CharSequenceVectorizer()
    windows, held_out = vectorizer.fit_transform(train), vectorizer.transform(test)
    return [-make(seed).fit(windows).score(held_out) for make in MODELS.values()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smoke test with meaningless figures")
    parser.add_argument(
        "--names", metavar="FILE", nargs="+", help="lists to measure instead of the defaults"
    )
    arguments = parser.parse_args()
    print_machine()
    groups = unseen_lists()
    if arguments.names:
        groups = {"own": {Path(file).stem: sorted({*read_names(file)}) for file in arguments.names}}
    if arguments.quick:
        groups = {kind: dict([*lists.items()][-1:]) for kind, lists in groups.items()}
    print_row("names of", "names", "lists", *MODELS, "gain")
    print_row(*["---"] * (4 + len(MODELS)))
    for kind, lists in groups.items():
        for n in SIZES[: 1 if arguments.quick else None]:
            long = [names for names in lists.values() if len(names) >= n + MIN_TEST]
            seeds = range(2 if n < 200 and not arguments.quick else 1)
            rows = [np.mean([losses(names, n, seed) for seed in seeds], axis=0) for names in long]
            if rows:
                counting, scratch, _, default = np.transpose(rows)
                gains = np.minimum(counting, scratch) - default
                error = gains.std(ddof=len(gains) > 1) / len(gains) ** 0.5
                means = [f"{loss:.3f}" for loss in np.mean(rows, axis=0)]
                print_row(kind, n, len(rows), *means, f"{gains.mean():.3f} ± {error:.3f}")


if __name__ == "__main__":
    main()
