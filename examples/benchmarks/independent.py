"""Do scores match a plain Python implementation that processes one character at a time?

Both implementations use the same trained weights. This script recounts characters and character
kinds from the windows. It prints the largest difference in nats per character.
"""

from collections import Counter
from itertools import product

import numpy as np
from _common import parse_arguments, print_machine
from _formulas import (
    Network,
    Penalty,
    interpolated_logits,
    log_likelihood,
    ngram_logits,
    targets,
)

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names

TOLERANCE = 1e-6  # nats per character, because networks compute in float32


def difference(generator, X, y, test_X, test_y):
    """Return the largest difference between scores on test windows, in nats per character."""
    alphabet, has_labels = generator.alphabet_.tolist(), y is not None
    seen, window_length = list(targets(X, y)), X.shape[2] - 1
    penalty = Penalty(seen, alphabet, window_length, has_labels)
    if isinstance(generator, CharLSTMGenerator):
        state = generator.__getstate__()
        networks = [Network(network["lstm"], alphabet) for network in state["_networks"]]

        def mean_logits(context, label):
            logits = [network.logits(context, label) for network in networks]
            weights = [network["weight"] for network in state["_networks"]]
            return np.average(logits, axis=0, weights=weights)

        counted = seen, alphabet, min(6, window_length + 1), generator.ngram_strength_, has_labels
        logits = interpolated_logits(mean_logits, *counted)
    else:
        order = min(generator.order, window_length + 1)
        logits = ngram_logits(seen, alphabet, order, generator.discount, has_labels)

    labels = test_y if has_labels else None
    penalised = lambda *context: logits(*context) + penalty.after(*context)  # noqa: E731
    expected = log_likelihood(test_X, generator, penalised, labels)
    n = [len(list(targets(test_X[i : i + 1]))) for i in range(len(test_X))]
    return np.max(abs(generator.score_samples(test_X, labels) - expected) / n)


def configurations(quick):
    """Yield generators, window lengths, and flags for labels and running text."""
    subset = slice(1) if quick else slice(None)
    for window, has_labels, is_text in product([10, 3, 1], [True, False], [False, True]):
        if is_text and has_labels:
            continue
        for units, layers, vector, networks in product(
            [8, 21][subset], [2, 1][subset], [None, 5][subset], [2, 1][subset]
        ):
            sizes = {"hidden_size": units, "num_layers": layers, "embedding_dim": vector}
            training = {"num_networks": networks, "max_epochs": 1, "init": None, "random_state": 0}
            training["ngram_counts"] = True  # except for running text
            yield CharLSTMGenerator(**sizes, **training), window, has_labels, is_text
        for order, discount in product([5, 1, 2, 3, 8][subset], [None, 0.5][subset]):
            yield CharNGramGenerator(order=order, discount=discount), window, has_labels, is_text


def main():
    arguments = parse_arguments(__doc__.splitlines()[0], takes_names=False)
    print_machine()
    names = [*load_names("female")[::12], "Mc Coy", "O'Neil", "Anne-Marie", "Zoé", "van Dyk"]
    names, test_names = names[:: 4 if arguments.quick else 1], names[1::40]
    characters = set("".join(names))
    test_names = [name for name in test_names if characters.issuperset(name)]
    worst, n_agree, n_configurations = Counter(), Counter(), Counter()
    for generator, window, has_labels, is_text in configurations(arguments.quick):
        vectorizer = CharSequenceVectorizer(window_length=window, boundary=not is_text)
        train, test = names, test_names
        if is_text:
            train, test = [" ".join(names)], [" ".join(test_names)]
        X, test_X = vectorizer.fit_transform(train), vectorizer.transform(test)
        y = (np.arange(len(X)) % 2).tolist() if has_labels else None
        generator.fit(X, y)
        test_y = (np.arange(len(test_X)) // 2 % 2).tolist()
        error = difference(generator, X, y, test_X, test_y)
        title = type(generator).__name__
        worst[title] = max(worst[title], error)
        n_agree[title] += error <= TOLERANCE
        n_configurations[title] += 1
    for title, n in n_configurations.items():
        print(f"{title}: {n_agree[title]} of {n} agree, largest error {worst[title]:.1e} nats")


if __name__ == "__main__":
    main()
