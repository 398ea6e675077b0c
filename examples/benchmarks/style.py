"""Do generated names sound like the list they come from?

    python examples/benchmarks/style.py [--quick] [--plot style.png]

Two judges learn to tell the lists apart, from names that no generator has seen. The table shows the
share of new names that each judge assigns to their own list, and the AUC of a classifier that tells
new names from real names (0.5: it cannot). The similarity to the nearest training name (1: a copy)
and the share of names one edit from a training name show how closely a model copies the list. The
last columns show how much fifty names of a model resemble each other.

The lists are those in ``unseen.json``, whose names are not in the bundled collection. The script
uses markovify if it is installed: pip install '.[bench,plot]'
"""

import argparse
import random
import warnings
from collections import Counter

import numpy as np
from _common import print_machine, print_row, unseen_lists
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein, Prefix
from rapidfuzz.process import cdist
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

try:
    from markovify import Chain
except ImportError:
    Chain = None

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer

SIZES, TEMPERATURES, PLOT_TEMPERATURES = (20, 50, 100, 200), (0.7, 1.0), (0.5, 0.7, 0.85, 1.0, 1.2)
PLOT_SIZE = 50
# Maximum number of names per list, and the minimum number that no generator sees.
MAX_NAMES, MIN_HELD_OUT = 900, 100
# New names per list and model. A list with fewer than `MIN_NEW` does not count.
N_NEW, MIN_NEW = 150, 20
# Names that are compared with each other.
N_BATCH = 50
MODELS = {"counting": CharNGramGenerator, "LSTM": lambda: CharLSTMGenerator(random_state=0)}
MARKOVIFY_ORDER = 3
COLUMNS = ["loss", "judge", "second judge", "AUC", "similarity", "one edit"]
COLUMNS += ["commonest opening", "nearest in the batch"]


def split(names, n_train):
    """Return names for the generators, real names to compare with, and names for the judges."""
    names = np.random.default_rng(0).permutation(names)[:MAX_NAMES].tolist()
    n_held_out = max(MIN_HELD_OUT, len(names) - n_train)
    n_real = min(n_held_out // 4, N_NEW)
    return names[n_held_out:], names[:n_real], names[n_real:n_held_out]


def linear_classifier(c):
    """Return a logistic regression on TF-IDF of character n-grams."""
    ngrams = {"analyzer": "char_wb", "ngram_range": (1, 4), "lowercase": False}
    regression = LogisticRegression(C=c, max_iter=400, class_weight="balanced")
    return make_pipeline(TfidfVectorizer(**ngrams, sublinear_tf=True), regression)


def fit_judges(splits):
    """Return two kinds of classifiers that assign names to lists."""
    ngrams = {"analyzer": "char_wb", "ngram_range": (2, 3), "lowercase": False}
    bayes = make_pipeline(CountVectorizer(**ngrams), MultinomialNB(alpha=0.1, fit_prior=False))
    known = [(name, title) for title, (_, _, names) in splits.items() for name in names]
    return [judge.fit(*zip(*known, strict=True)) for judge in (linear_classifier(20), bayes)]


def auc(names, others):
    """Return how well a classifier tells the names from as many others, in cross-validation."""
    n = min(len(names), len(others))
    samples, labels = names[:n] + others[:n], np.repeat([1, 0], n)
    return cross_val_score(linear_classifier(3), samples, labels, cv=3, scoring="roc_auc").mean()


def samples(train, test, temperatures):
    """Yield each model and temperature, its held-out loss, its new names, and a batch of names."""
    vectorizer = CharSequenceVectorizer()
    windows, test = vectorizer.fit_transform(train), vectorizer.transform(test)
    options = {"unique": True, "novel": True, "on_shortfall": "warn", "random_state": 0}
    for model, make in MODELS.items():
        generator = make().fit(windows)
        loss = -generator.score(test)
        for t in temperatures:
            names = generator.sample("", t, N_NEW, **options)
            yield (model, t), loss, names, names[:N_BATCH]
        typical = {"near": train, "on_shortfall": "warn", "random_state": 0}
        # The names of a call are chosen together.
        names, batch = (generator.invent(n, **typical) for n in (N_NEW, N_BATCH))
        yield (f"{model}, invent", ""), loss, names, batch
    if Chain:
        names = markov_names(train, N_NEW)
        yield ("markovify", ""), np.nan, names, names[:N_BATCH]


def markov_names(train, n):
    """Return up to n new names from markovify."""
    random.seed(0)
    chain = Chain([list(name) for name in train], MARKOVIFY_ORDER)
    names = dict.fromkeys("".join(chain.walk()) for _ in range(5000))
    return [name for name in names if name not in train][:n]


def commonest_opening(names):
    """Return the share of the commonest first three letters."""
    ((_, count),) = Counter(name.lower()[:3] for name in names).most_common(1)
    return count / len(names)


def nearest_in_batch(names):
    """Return the mean similarity of names to the most similar of the others.

    It is the share of matching characters, or 0.9 for names with the same first four letters (less
    for fewer letters), whichever is greater.
    """
    names = [name.lower() for name in names]
    n_same = cdist(names, names, scorer=Prefix.similarity)
    ratio = cdist(names, names, scorer=fuzz.ratio) / 100
    similarity = np.maximum(ratio, 0.9 * np.minimum(1, n_same / 4))
    np.fill_diagonal(similarity, 0)
    return similarity.max(axis=1).mean()


def measure(splits, judges, n, temperatures):
    """Return the figures in `COLUMNS` for each model and temperature, by list."""
    results = {}
    for title, (names, real, known) in splits.items():
        train = names[:n]
        if len(train) < n:
            continue
        rows = samples(train, real + known, temperatures)
        real_row = ("real names", ""), np.nan, real, (real + known)[:N_BATCH]
        for key, loss, names, batch in (real_row, *rows):
            if len(names) < MIN_NEW:
                continue
            shares = [np.mean(judge.predict(names) == title) for judge in judges]
            similarity = cdist(names, train, scorer=Levenshtein.normalized_similarity).max(axis=1)
            is_near = cdist(names, train, scorer=Levenshtein.distance).min(axis=1) <= 1
            figures = loss, *shares, auc(names, known), similarity.mean(), is_near.mean()
            alike = commonest_opening(batch), nearest_in_batch(batch)
            results.setdefault(key, {})[title] = *figures, *alike
    return results


def texts(figures):
    """Return the cells of figures in a table."""
    return ["" if np.isnan(figure) else f"{figure:.3f}" for figure in figures]


def mean(figures):
    """Return the mean over the lists for each column."""
    return np.mean(figures, axis=0) if figures else np.full(len(COLUMNS), np.nan)


def plot(results, n, file):
    """Plot the first judge's share against the similarity to the nearest training name."""
    import matplotlib.pyplot as plt

    with plt.style.context("seaborn-v0_8-colorblind"):
        figure, ax = plt.subplots(layout="constrained", figsize=(5.5, 4))
    for model, marker in zip(("real names", *MODELS, "markovify"), "*osD", strict=True):
        points = {t: mean([*x.values()])[[4, 1]] for (m, t), x in results.items() if m == model}
        offset = (-17, 5) if model == "counting" else (5, -9)
        for t, point in points.items():
            ax.annotate(t, point, offset, textcoords="offset points", size=8)
        style = {"marker": marker, "linestyle": "-" if len(points) > 1 else "none"}
        if points:
            ax.plot(*zip(*points.values(), strict=True), **style, label=model)
    ax.margins(0.08)
    ax.set(xlabel="similarity to the nearest training name", ylabel="share assigned to the list")
    ax.set_title(f"New names from {n} training names, by temperature", size="medium")
    ax.legend(loc="lower right")
    figure.savefig(file, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", metavar="FILE", help="output file for a plot, such as style.png")
    parser.add_argument("--quick", action="store_true", help="smoke test with meaningless figures")
    arguments = parser.parse_args()
    lists, sizes, plot_temperatures, n_lists = unseen_lists(), SIZES, PLOT_TEMPERATURES, 0
    if arguments.quick:
        sizes, plot_temperatures, n_lists = (PLOT_SIZE,), TEMPERATURES, 1
    lists = {kind: dict([*of_kind.items()][-n_lists:]) for kind, of_kind in lists.items()}
    print_machine("markovify")
    warnings.simplefilter("ignore", UserWarning)  # `MIN_NEW` handles too few new names
    all_lists = {title: names for of_kind in lists.values() for title, names in of_kind.items()}
    splits = {title: split(names, max(sizes)) for title, names in all_lists.items()}
    judges, results = fit_judges(splits), {}
    print_row("names", "model", "temperature", "lists", *COLUMNS)
    print_row(*["---"] * (4 + len(COLUMNS)))
    for n in sizes:
        with_plot = arguments.plot and n == PLOT_SIZE
        measured = measure(splits, judges, n, plot_temperatures if with_plot else TEMPERATURES)
        if with_plot:
            plot(measured, n, arguments.plot)
        for (model, t), by_title in measured.items():
            if t in ("", *TEMPERATURES):
                results[n, model, t] = by_title
                print_row(n, model, t, len(by_title), *texts(mean([*by_title.values()])))
    print()
    print_row("names", "model", "temperature", *(f"{k}: {c}" for k in lists for c in COLUMNS[:2]))
    print_row(*["---"] * (3 + 2 * len(lists)))
    for key, by_title in results.items():
        by_kind = [[x for t, x in by_title.items() if t in lists[kind]] for kind in lists]
        print_row(*key, *texts(cell for figures in by_kind for cell in mean(figures)[:2]))


if __name__ == "__main__":
    main()
