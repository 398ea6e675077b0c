"""Search around the default: window length, size, learning rate, networks, and where to start.

What is learned here: the Pipeline is an estimator like any other, so GridSearchCV can
vary the parameters of its steps, and the steps themselves, at once; no name is ever on both sides
of a split; the score, in nats per character, can be compared over all of them. The default and
counting are candidates too, so the search ends at least as good as they are, and the table tells
what each candidate cost; a picture, how far the scores are apart.

    pip install -e '.[plot]' && python examples/grid_search.py [FILE]
"""

# %%
import argparse
import sys
from importlib.util import find_spec

if find_spec("matplotlib") is None:
    sys.exit("This needs matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline

from sknamegen import (
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    load_names,
    read_names,
)

SEED = 0


# %%
# A grid may be a list of grids: here each of them changes one thing about the default. What is left
# to "auto" starts from the base model where names are few; another size than its own does not.
def grids(n_names):
    """Return what to try for so many names."""
    around = [
        {},
        {"windows__window_length": [6, 16]},
        {"generator__lr": [0.01]},
        {"generator__num_networks": [4]},
    ]
    if n_names < 1500:
        around += [{"generator__init": [None, "base"]}]
    else:
        around += [{"generator__hidden_size": [128, 320]}]
    lstm = {"generator": [CharLSTMGenerator(random_state=SEED)]}
    counting = {"generator": [CharNGramGenerator()], "generator__order": [4, 6]}
    return [*(lstm | changes for changes in around), counting]


# %%
# The list is sorted, so the folds are shuffled.
def main():
    """Search, print a table, write names with the best model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="names, one a line")
    parser.add_argument("--quick", action="store_true", help="a smoke run: few names, few changes")
    arguments = parser.parse_args()

    names = read_names(arguments.file) if arguments.file else load_names("female")
    names = names[:: 80 if arguments.quick else 1]
    pipe = Pipeline(
        [("windows", CharSequenceVectorizer()), ("generator", CharLSTMGenerator(random_state=SEED))]
    )
    candidates = grids(len(names))
    if arguments.quick:
        candidates = [candidates[0], candidates[-1]]
    folds = KFold(3, shuffle=True, random_state=SEED)
    search = GridSearchCV(pipe, candidates, cv=folds, n_jobs=2).fit(names)

    # %%
    # Higher is better: minus the nats per character. Seconds are those of a fit.
    # In the picture, a line is as long as two std over the folds.
    results = search.cv_results_
    fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
    print(f"{len(names):,} names\n\n{'candidate':42s}  score    std  seconds")
    for i in results["rank_test_score"].argsort(kind="stable"):
        params = dict(results["params"][i])
        title = "counting" if isinstance(params.pop("generator"), CharNGramGenerator) else "LSTM"
        changes = ", ".join(f"{key.partition('__')[2]}={value!r}" for key, value in params.items())
        color = "gray" if title == "counting" else "tab:blue" if changes else "tab:red"
        title += f", {changes or 'default'}"
        score, std = results["mean_test_score"][i], results["std_test_score"][i]
        print(f"{title:42s}{score:7.3f}{std:7.3f}{results['mean_fit_time'][i]:9.1f}")
        ax.errorbar(score, title, xerr=std, fmt="o", color=color)
    ax.invert_yaxis()
    ax.set(xlabel="score (nats per character)")
    fig.savefig("grid_search.png", dpi=120)

    # %%
    # The best model, trained again on all names.
    best = search.best_estimator_[-1]
    print("\nNew names:", *best.sample("", 0.6, 6, novel=True, unique=True, random_state=SEED))


if __name__ == "__main__":  # the worker processes import this file
    main()
