"""Do generated names sound like the list they come from?

    npm install --prefix packages dinosaurs
    python examples/benchmarks/style.py --packages packages --print-names > style.txt
    python examples/gather_collection.py held_out.zip --without it_IT,ga_IE,en_IE,nl_NL,nl_BE,\\
zu_ZA,hr_HR,is_IS,tr_TR,sk_SK,FR_towns,JP_towns,ZA_towns,VN_towns,PE_towns,FI_towns,en_bird,en_dog,\\
fr_dog,hu_dog,en_snake,en_publisher,en_genre,en_artist,en_ingredient,fantastical_orc,\\
fantastical_highelf,fantastical_demon,fantastical_tavern,fantastical_guild,medicines,\\
brands_amenity_fast_food,brands_shop_clothes,brands_tourism_hotel,brands_amenity_pharmacy,style.txt
    python examples/make_base.py held_out.npz --collection held_out.zip
    python examples/benchmarks/style.py --packages packages --base held_out.npz --plot style.png

Two judges learn to tell the lists apart, from names that no generator has seen. The table shows the
share of new names that each judge assigns to their own list, and the AUC of a classifier that tells
new names from real names (0.5: it cannot). The similarity to the nearest training name (1: a copy)
and the share of names one edit from a training name show how closely a model copies the list.

``--base`` is a base trained without the measured names (default: the bundled base). The script
requires mimesis, and uses markovify if it is installed: pip install '.[bench,metrics,plot]'
"""

import argparse
import random
import re
import sys
import warnings
from pathlib import Path
from unittest.mock import patch

import few_names  # the benchmark: the folder of examples, which has another one, comes later
import numpy as np
from _common import print_machine
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

sys.path.append(str(Path(__file__).parents[1]))
from gather_collection import clean, read_collection

try:
    from markovify import Chain
except ImportError:
    Chain = None

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, lstm
from sknamegen._models.pretrained import read_pretrained

KINDS = {
    "people": "it_IT_surnames,ga_IE_surnames,nl_NL_surnames,zu_ZA_surnames,hr_HR_surnames,"
    "is_IS_first_names,tr_TR_first_names,sk_SK_surnames",
    "towns": "FR_towns,JP_towns,ZA_towns,VN_towns,PE_towns,FI_towns",
    "things": "companies,dishes,drinks,occupations,dinosaurs,en_artist,en_bird,en_dog,en_genre,"
    "en_ingredient,en_publisher,en_snake,brands_amenity_fast_food,brands_amenity_pharmacy,"
    "brands_shop_clothes,brands_tourism_hotel,fantastical_demon,fantastical_guild,"
    "fantastical_highelf,fantastical_orc,fantastical_tavern,medicines",
}
TITLES = {title: kind for kind in KINDS for title in KINDS[kind].split(",")}
QUICK = "it_IT_surnames", "JP_towns", "dishes"
LATIN = re.compile(r"[\W\dA-\u024f\u1e00-\u1eff]*")  # without letters of other scripts
SIZES, TEMPERATURES, PLOT_TEMPERATURES = (20, 50, 100, 200), (0.7, 1.0), (0.5, 0.7, 0.85, 1.0, 1.2)
# Maximum number of names per list, and the minimum number that no generator sees.
MAX_NAMES, MIN_HELD_OUT = 900, 100
# New names per list and model. A list with fewer than `MIN_NEW` does not count.
N_NEW, MIN_NEW = 150, 20
MODELS = {"counting": CharNGramGenerator, "LSTM": lambda: CharLSTMGenerator(random_state=0)}
MARKOVIFY_ORDER = 3
COLUMNS = "loss", "judge", "second judge", "AUC", "similarity", "one edit"


def name_lists(packages, titles):
    """Return the sorted Latin names in each list."""
    lists = {path.rpartition("/")[2]: names for path, names in read_collection().items()}
    lists |= few_names.things()
    if packages:
        dinosaurs = Path(packages, "node_modules", "dinosaurs", "dinosaurs.csv").read_text("utf-8")
        lists["dinosaurs"] = [name.capitalize() for name in dinosaurs.split()]
    lists = {title: set(map(clean, lists[title])) for title in titles if title in lists}
    return {t: sorted(x for x in names if x and LATIN.fullmatch(x)) for t, names in lists.items()}


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
    """Yield each model and temperature, its held-out loss, and its new names."""
    vectorizer = CharSequenceVectorizer()
    windows, test = vectorizer.fit_transform(train), vectorizer.transform(test)
    options = {"unique": True, "novel": True, "on_shortfall": "warn", "random_state": 0}
    for model, make in MODELS.items():
        generator = make().fit(windows)
        loss = -generator.score(test)
        for t in temperatures:
            yield (model, t), loss, generator.sample("", t, N_NEW, **options)
    if Chain:
        yield ("markovify", ""), np.nan, markov_names(train, N_NEW)


def markov_names(train, n):
    """Return up to n new names from markovify."""
    random.seed(0)
    chain = Chain([list(name) for name in train], MARKOVIFY_ORDER)
    names = dict.fromkeys("".join(chain.walk()) for _ in range(5000))
    return [name for name in names if name not in train][:n]


def measure(splits, judges, n, temperatures):
    """Return the figures in `COLUMNS` for each model and temperature, by list."""
    results = {}
    for title, (names, real, known) in splits.items():
        train = names[:n]
        if len(train) < n:
            continue
        rows = samples(train, real + known, temperatures)
        for key, loss, names in ((("real names", ""), np.nan, real), *rows):
            if len(names) < MIN_NEW:
                continue
            shares = [np.mean(judge.predict(names) == title) for judge in judges]
            similarity = cdist(names, train, scorer=Levenshtein.normalized_similarity).max(axis=1)
            is_near = cdist(names, train, scorer=Levenshtein.distance).min(axis=1) <= 1
            figures = loss, *shares, auc(names, known), similarity.mean(), is_near.mean()
            results.setdefault(key, {})[title] = figures
    return results


def print_row(*cells):
    """Print a row of a Markdown table."""
    texts = [f"{cell:.3f}" if isinstance(cell, np.floating) else str(cell) for cell in cells]
    print(f"| {' | '.join(texts)} |".replace("nan", ""), flush=True)


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
        for t, point in points.items():
            ax.annotate(t, point, (5, -9), textcoords="offset points", size=8)
        style = {"marker": marker, "linestyle": "-" if len(points) > 1 else "none"}
        if points:
            ax.plot(*zip(*points.values(), strict=True), **style, label=model)
    ax.set(xlabel="similarity to the nearest training name", ylabel="share assigned to the list")
    ax.set_title(f"New names from {n} training names, by temperature", size="medium")
    ax.legend()
    figure.savefig(file, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", metavar="FOLDER", help="folder of the npm packages")
    parser.add_argument("--base", metavar="FILE", help="a base trained without the measured names")
    parser.add_argument("--print-names", action="store_true", help="only print the names")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="training names")
    parser.add_argument("--plot", metavar="FILE", help="output file for a plot, such as style.png")
    parser.add_argument("--plot-size", type=int, default=50, help="training names in the plot")
    parser.add_argument("--quick", action="store_true", help="smoke test with meaningless figures")
    arguments = parser.parse_args()
    if not (arguments.packages or arguments.quick):
        parser.error("--packages is required: a folder in which npm has installed the packages")
    lists = name_lists(arguments.packages, QUICK if arguments.quick else TITLES)
    sizes, plot_size, plot_temperatures = arguments.sizes, arguments.plot_size, PLOT_TEMPERATURES
    if arguments.print_names:
        print("\n".join(sorted(set().union(*lists.values()))))
        return
    if arguments.quick:
        sizes, plot_size, plot_temperatures = SIZES[:1], SIZES[0], TEMPERATURES
    print_machine("markovify")
    warnings.simplefilter("ignore", UserWarning)  # `MIN_NEW` handles too few new names
    splits = {title: split(names, max(sizes)) for title, names in lists.items()}
    judges, results = fit_judges(splits), {}
    base = read_pretrained(arguments.base) if arguments.base else lstm.load_base()
    print_row("names", "model", "temperature", "lists", *COLUMNS)
    print_row(*["---"] * (4 + len(COLUMNS)))
    for n in sizes:
        with_plot = arguments.plot and n == plot_size
        with patch.object(lstm, "load_base", lambda: base):
            measured = measure(splits, judges, n, plot_temperatures if with_plot else TEMPERATURES)
        if with_plot:
            plot(measured, n, arguments.plot)
        for (model, t), by_title in measured.items():
            if t in ("", *TEMPERATURES):
                results[n, model, t] = by_title
                print_row(n, model, t, len(by_title), *mean([*by_title.values()]))
    print()
    print_row("names", "model", "temperature", *(f"{k}: {c}" for k in KINDS for c in COLUMNS[:2]))
    print_row(*["---"] * (3 + 2 * len(KINDS)))
    for key, by_title in results.items():
        by_kind = [[x for t, x in by_title.items() if TITLES[t] == kind] for kind in KINDS]
        print_row(*key, *(cell for figures in by_kind for cell in mean(figures)[:2]))


if __name__ == "__main__":
    main()
