"""How much does a label help, and how well is it predicted from the name?

    python examples/benchmarks/labels.py [--quick]

The script holds out a tenth of the bundled names with their labels. For comparison, the last row of
the first table shows a common classifier: logistic regression on character n-grams.

The second table is for a few names of each label. A judge, which has learned other names of three
similar lists in ``unseen.json``, assigns new names at temperature 0.5 to one of the lists.
"""

from functools import partial
from statistics import mean

import numpy as np
from _common import parse_arguments, print_machine, print_row, unseen_lists
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from style import linear_classifier

from sknamegen import (
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    NameClassifier,
    load_names,
)

GROUPS = (
    ("Estonian first names", "Hungarian first names", "Turkish first names"),
    ("Danish surnames", "Italian surnames", "Swiss surnames"),
    ("Icelandic streets and farms", "Swedish villages", "Streets in Northern Ireland"),
    ("dinosaurs", "fishes", "fonts"),
)
# Numbers of training names for each label, and the names for tests and for the judge.
SIZES, TEST, JUDGE = (12, 25, 50), slice(50, 150), slice(150, 550)
# New names of each label.
N_NEW = 150


def measure(make, train, test, judge):
    """Return the figures of a generator that learns names with labels.

    They are the share of new names that the judge assigns to their label, the same for separate
    generators, the accuracy, the log loss, and the loss given the label.
    """
    names, labels = map(np.array, train)
    options = {"unique": True, "novel": True, "on_shortfall": "warn", "random_state": 0}

    def share(sample):
        titles = np.unique(labels)
        return np.mean([np.mean(judge.predict(sample(t)) == t) for t in titles])

    generator = make().fit(names, labels)
    classifier = NameClassifier(FrozenEstimator(generator)).fit()
    proba = classifier.predict_proba(test[0])
    return (
        share(lambda t: generator.sample("", 0.5, N_NEW, label=t, **options)),
        share(lambda t: make().fit(names[labels == t]).sample("", 0.5, N_NEW, **options)),
        classifier.score(*test),
        log_loss(test[1], proba, labels=classifier.classes_),
        -generator.score(*test),
    )


def measure_few_names(quick):
    lists = {title: names for part in unseen_lists().values() for title, names in part.items()}
    sizes, groups, seeds = (SIZES[:1], GROUPS[:1], 1) if quick else (SIZES, GROUPS, 2)
    print_row("names a label", "model", "judge", "separate", "accuracy", "log loss", "nats/char")
    print_row(*["---"] * 7)
    for n in sizes:
        rows = {}
        for seed in range(seeds):
            lstm = partial(CharLSTMGenerator, random_state=seed)
            models = {"n-gram, default": CharNGramGenerator}
            if not quick:
                models |= {"LSTM, similar=None": partial(lstm, similar=None), "LSTM, default": lstm}
            for titles in groups:
                rng, parts = np.random.default_rng(seed), ([], [], [])
                for title in titles:
                    names = rng.permutation(lists[title]).tolist()
                    for part, chosen in zip(parts, (slice(n), TEST, JUDGE), strict=True):
                        part += [(name, title) for name in names[chosen]]
                train, test, known = ([*zip(*part, strict=True)] for part in parts)
                judge = linear_classifier(20).fit(*known)
                for model, make in models.items():
                    rows.setdefault(model, []).append(measure(make, train, test, judge))
        for model, figures in rows.items():
            print_row(n, model, *(f"{figure:.3f}" for figure in np.mean(figures, axis=0)))


def main():
    arguments = parse_arguments(__doc__.splitlines()[0], takes_names=False)
    print_machine()
    names, labels = load_names(return_X_y=True)
    if arguments.quick:
        names, labels = names[::20], labels[::20]
    epochs = {"max_epochs": 1} if arguments.quick else {}
    train, test, train_labels, test_labels = train_test_split(
        names, labels, test_size=0.1, random_state=0, stratify=labels
    )
    print(f"{len(train)} training names, {len(test)} held out")
    print_row("", "nats/char", "given the label", "accuracy")
    print_row(*["---"] * 4)
    for title, generators in {
        "n-gram, default": [CharNGramGenerator()],
        "LSTM, default": [
            CharLSTMGenerator(random_state=seed, **epochs)
            for seed in range(1 if arguments.quick else 3)
        ],
    }.items():
        rows = []
        for generator in generators:
            pipe = make_pipeline(CharSequenceVectorizer(), generator).fit(train, train_labels)
            classifier = NameClassifier(FrozenEstimator(pipe)).fit()
            accuracy = classifier.score(test, test_labels)
            rows.append((-pipe.score(test), -pipe.score(test, test_labels), accuracy))
        loss, label_loss, accuracy = map(mean, zip(*rows, strict=True))
        print_row(title, f"{loss:.3f}", f"{label_loss:.3f}", f"{accuracy:.1%}")
    ngrams = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5), sublinear_tf=True)
    classifier = make_pipeline(ngrams, LogisticRegression(C=10, max_iter=1000))
    accuracy = classifier.fit(train, train_labels).score(test, test_labels)
    print_row("logistic regression", "", "", f"{accuracy:.1%}")
    print()
    measure_few_names(arguments.quick)


if __name__ == "__main__":
    main()
