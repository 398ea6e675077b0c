"""Scores compared with plain Python that follows the manual's formulas, one character at a time.

The networks' weights are those that were trained. The counts of characters, and of kinds of
characters for the penalty, are counted here once more, from the windows. Printed: the greatest
difference between log-probabilities of characters.
"""

from collections import Counter
from itertools import product

import numpy as np
from _common import parse_arguments, print_machine
from _formulas import Network, Penalty, log_likelihood, ngram_logits, targets

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names

TOLERANCE = 1e-6  # networks compute in float32


def difference(generator, X, y, others, of_others):
    """Score other windows in both ways; return the greatest mean difference of a character."""
    alphabet, has_labels = generator.alphabet_.tolist(), y is not None
    seen, window_length = list(targets(X, y)), X.shape[2] - 1
    penalty = Penalty(seen, alphabet, window_length, has_labels)
    if isinstance(generator, CharLSTMGenerator):
        state = generator.__getstate__()
        networks = [Network(weights, alphabet) for weights in state["_networks"]]

        def logits(context, label):
            by_network = [network.logits(context, label) for network in networks]
            return np.average(by_network, axis=0, weights=state["_shares"])
    else:
        order = min(generator.order, window_length + 1)
        logits = ngram_logits(seen, alphabet, order, generator.discount, has_labels)

    labels = of_others if has_labels else None
    expected = log_likelihood(
        others, generator, lambda *given: logits(*given) + penalty.after(*given), labels
    )
    n = [len(list(targets(others[i : i + 1]))) for i in range(len(others))]
    return np.max(abs(generator.score_samples(others, labels) - expected) / n)


def configurations(quick):
    """Generators, windows, whether there are labels, and whether it is running text."""
    some = slice(1) if quick else slice(None)
    for window, has_labels, is_text in product([10, 3, 1], [True, False], [False, True]):
        if is_text and has_labels:
            continue
        for units, layers, vector, networks in product(
            [8, 21][some], [2, 1][some], [None, 5][some], [2, 1][some]
        ):
            sizes = {"hidden_size": units, "num_layers": layers, "embedding_dim": vector}
            how = {"num_networks": networks, "max_epochs": 1, "init": None, "random_state": 0}
            yield CharLSTMGenerator(**sizes, **how), window, has_labels, is_text
        for order, discount in product([5, 1, 2, 3, 8][some], [None, 0.5][some]):
            yield CharNGramGenerator(order=order, discount=discount), window, has_labels, is_text


def main():
    arguments = parse_arguments(__doc__.splitlines()[0], takes_names=False)
    print_machine()
    names = [*load_names("female")[::12], "Mc Coy", "O'Neil", "Anne-Marie", "Zoé", "van Dyk"]
    names, others = names[:: 4 if arguments.quick else 1], names[1::40]
    known = set("".join(names))
    others = [name for name in others if known.issuperset(name)]
    worst, n_alike, n_all = Counter(), Counter(), Counter()
    for generator, window, has_labels, is_text in configurations(arguments.quick):
        vectorizer = CharSequenceVectorizer(window_length=window, boundary=not is_text)
        texts, held = ([" ".join(names)], [" ".join(others)]) if is_text else (names, others)
        X, other_X = vectorizer.fit_transform(texts), vectorizer.transform(held)
        y = (np.arange(len(X)) % 2).tolist() if has_labels else None
        generator.fit(X, y)
        of_others = (np.arange(len(other_X)) // 2 % 2).tolist()
        off = difference(generator, X, y, other_X, of_others)
        kind_of = type(generator)
        worst[kind_of] = max(worst[kind_of], off)
        n_alike[kind_of] += off <= TOLERANCE
        n_all[kind_of] += 1
    for each, n in n_all.items():
        print(f"{each.__name__}: {n_alike[each]} of {n} alike, at most {worst[each]:.1e} nats off")


if __name__ == "__main__":
    main()
