"""How much does a label help, and how well is it predicted from the name?

    python examples/benchmarks/labels.py [--quick]

The script holds out a tenth of the bundled names with their labels. For comparison, the last row
shows a common classifier: logistic regression on character n-grams.
"""

from statistics import mean

from _common import parse_arguments, print_machine, print_row, seconds
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sknamegen import (
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    NameClassifier,
    load_names,
)


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
    print_row("", "nats/char", "given the label", "accuracy", "seconds to fit")
    print_row(*["---"] * 5)
    for title, generators in {
        "n-gram, default": [CharNGramGenerator()],
        "LSTM, default": [
            CharLSTMGenerator(random_state=seed, **epochs)
            for seed in range(1 if arguments.quick else 3)
        ],
    }.items():
        rows = []
        for generator in generators:
            pipe = make_pipeline(CharSequenceVectorizer(), generator)
            duration = seconds(lambda pipe=pipe: pipe.fit(train, train_labels))
            classifier = NameClassifier(FrozenEstimator(pipe)).fit()
            accuracy = classifier.score(test, test_labels)
            rows.append((-pipe.score(test), -pipe.score(test, test_labels), accuracy, duration))
        loss, label_loss, accuracy, duration = map(mean, zip(*rows, strict=True))
        print_row(title, f"{loss:.3f}", f"{label_loss:.3f}", f"{accuracy:.1%}", f"{duration:.2f}")
    ngrams = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5), sublinear_tf=True)
    classifier = make_pipeline(ngrams, LogisticRegression(C=10, max_iter=1000))
    duration = seconds(lambda: classifier.fit(train, train_labels))
    accuracy = classifier.score(test, test_labels)
    print_row("logistic regression", "", "", f"{accuracy:.1%}", f"{duration:.2f}")


if __name__ == "__main__":
    main()
