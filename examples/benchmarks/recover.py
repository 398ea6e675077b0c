"""Which training names can be recovered from saved counts, after `forget_names`?

The script follows the counted n-grams from the start of a name to its end. The resulting names
always include all training names. The fewer other names there are, the more the model reveals.
"""

from collections import defaultdict

import numpy as np
from _common import input_names, parse_arguments, print_machine, print_row

from sknamegen import CharNGramGenerator, CharSequenceVectorizer

ORDERS, SIZES, MAX_NAMES = (4, 5, 6, 8), (30, 100, 500, 2000), 1_000_000


def recover(generator):
    """Return up to a million names that are possible under a generator's counts."""
    counts = generator.counts_.levels[0].to_state()
    letters, end = generator.alphabet_.tolist(), generator.alphabet_.tolist().index("\3")
    next_characters = defaultdict(set)
    for context, character in zip(counts["contexts"].tolist(), counts["characters"], strict=True):
        next_characters[tuple(context)].add(int(character))
    start = [len(letters)] + [-1] * (generator.counts_.order - 2)
    names, prefixes = [], [("", tuple(start))]
    while prefixes and len(names) < MAX_NAMES:
        name, context = prefixes.pop()
        for character in next_characters[context]:
            if character == end:
                names.append(name)
            elif len(name) < generator.max_length_:
                prefixes.append((name + letters[character], (character, *context[:-1])))
    return set(names)


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine()
    rng, names = np.random.default_rng(0), sorted(set(input_names(arguments)))
    print_row("training names", *(f"order {order}" for order in ORDERS))
    print_row(*["---"] * (1 + len(ORDERS)))
    for n in SIZES[:2] if arguments.quick else SIZES:
        train = set(rng.choice(names, n, replace=False).tolist())
        windows, cells = CharSequenceVectorizer().fit_transform(sorted(train)), []
        for order in ORDERS:
            recovered = recover(CharNGramGenerator(order=order).fit(windows).forget_names())
            n_correct = len(recovered & train)
            cells.append(f"{n_correct / n:.0%}, {n_correct / len(recovered):.0%}")
        print_row(f"{n:,}", *cells)


if __name__ == "__main__":
    main()
