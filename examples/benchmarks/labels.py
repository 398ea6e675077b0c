"""What a label adds to a name, and how often it is told from the name.

    python examples/benchmarks/labels.py [--quick]

A tenth of the bundled names with their labels is held out. The last row is what people use who only
want the label: a logistic regression on the n-grams of characters that a name holds.
"""

from statistics import mean

from _common import parse_arguments, print_machine, seconds
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names


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
    print(f"{len(train)} names to learn from, {len(test)} held out")
    print(f"{'':20s}  nats/char  given the label  labels right  seconds to fit")
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
            spent = seconds(lambda pipe=pipe: pipe.fit(train, train_labels))
            right = (pipe.predict(test) == test_labels).mean()
            rows.append((-pipe.score(test), -pipe.score(test, test_labels), right, spent))
        without, given, right, spent = map(mean, zip(*rows, strict=True))
        print(f"{title:20s}{without:11.3f}{given:17.3f}{right:14.1%}{spent:16.2f}", flush=True)
    ngrams = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5), sublinear_tf=True)
    classifier = make_pipeline(ngrams, LogisticRegression(C=10, max_iter=1000))
    spent = seconds(lambda: classifier.fit(train, train_labels))
    right = classifier.score(test, test_labels)
    print(f"{'logistic regression':20s}{'':28s}{right:14.1%}{spent:16.2f}")


if __name__ == "__main__":
    main()
