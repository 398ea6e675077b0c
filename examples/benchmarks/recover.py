"""What do saved counts give away? All names of a list, after `forget_names`.

A name is written by following counted n-grams from the start of a name to its end. Names that were
learned are always among these; the fewer others there are, the more a saved model tells.
"""

from collections import defaultdict

import numpy as np
from _common import given_names, parse_arguments, print_machine

from sknamegen import CharNGramGenerator, CharSequenceVectorizer

ORDERS, SIZES, N_MOST = (4, 5, 6, 8), (30, 100, 500, 2000), 1_000_000


def recover(generator):
    """Return the names that the counts of a generator allow, up to a million."""
    counts = generator.counts_.to_state()
    letters, end = generator.alphabet_.tolist(), generator.alphabet_.tolist().index("\3")
    after = defaultdict(set)
    for context, character in zip(counts["contexts"].tolist(), counts["characters"], strict=True):
        after[tuple(context)].add(int(character))
    start = [len(letters)] + [-1] * (generator.counts_.order - 2)
    names, waiting = [], [("", tuple(start))]
    while waiting and len(names) < N_MOST:
        name, context = waiting.pop()
        for character in after[context]:
            if character == end:
                names.append(name)
            elif len(name) < generator.max_length_:
                waiting.append((name + letters[character], (character, *context[:-1])))
    return set(names)


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine()
    rng, names = np.random.default_rng(0), sorted(set(given_names(arguments)))
    print("names   order  recovered  others  precision")
    for n in SIZES[:2] if arguments.quick else SIZES:
        some = set(rng.choice(names, n, replace=False).tolist())
        windows = CharSequenceVectorizer().fit_transform(sorted(some))
        for order in ORDERS:
            found = recover(CharNGramGenerator(order=order).fit(windows).forget_names())
            n_right = len(found & some)
            print(
                f"{n:5,d} {order:7d} {n_right / n:10.0%} {len(found) - n_right:7,d} "
                f"{n_right / len(found):10.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
