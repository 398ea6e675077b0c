"""Grid search around the default settings.

This example shows how GridSearchCV varies the steps of a Pipeline and their parameters.
Cross-validation never splits a name. The score, in nats per character, is comparable across all
candidates. The default settings and n-grams are candidates too, so the best candidate scores at
least as well as both. The table lists the training time of each candidate, and the plot compares
their scores.

    pip install -e '.[plot]' && python examples/grid_search.py [FILE]
"""

# %%
import argparse
import sys
from importlib.util import find_spec

if find_spec("matplotlib") is None:
    sys.exit("This example requires matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

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
# Define a list of grids. Each grid varies one parameter and keeps the others at their defaults. For
# short lists, the search varies the initial weights instead of `hidden_size`, which does not affect
# the pretrained network.
def parameter_grids(n_names):
    """Return the parameter grids for a number of names."""
    variations = [
        {},
        {"windows__window_length": [6, 16]},
        {"generator__lr": [0.01]},
        {"generator__num_networks": [4]},
    ]
    if n_names < 1500:
        variations += [{"generator__init": [None, "base"]}]
    else:
        variations += [{"generator__hidden_size": [128, 320]}]
    lstm = {"generator": [CharLSTMGenerator(random_state=SEED)]}
    ngrams = {"generator": [CharNGramGenerator()], "generator__order": [4, 6]}
    return [*(lstm | changes for changes in variations), ngrams]


# %%
# Shuffle the folds, because the list is sorted.
def main():
    """Run the search, print a table and sample from the best model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="text file with one name per line")
    parser.add_argument(
        "--quick", action="store_true", help="smoke test with few names and candidates"
    )
    arguments = parser.parse_args()

    names = read_names(arguments.file) if arguments.file else load_names("female")
    names = names[:: 80 if arguments.quick else 1]
    pipe = Pipeline(
        [("windows", CharSequenceVectorizer()), ("generator", CharLSTMGenerator(random_state=SEED))]
    )
    candidates = parameter_grids(len(names))
    if arguments.quick:
        candidates = [candidates[0], candidates[-1]]
    folds = KFold(3, shuffle=True, random_state=SEED)
    search = GridSearchCV(pipe, candidates, cv=folds, n_jobs=2).fit(names)

    # %%
    # The score is the negative loss in nats per character, so higher is better. "seconds" is the
    # duration of a fit. Error bars in the plot show one standard deviation across folds.
    results = search.cv_results_
    fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
    print(f"{len(names):,} names\n\n{'candidate':42s}  score    std  seconds")
    for i in results["rank_test_score"].argsort(kind="stable"):
        params = dict(results["params"][i])
        title = "n-grams" if isinstance(params.pop("generator"), CharNGramGenerator) else "LSTM"
        changes = ", ".join(f"{key.partition('__')[2]}={value!r}" for key, value in params.items())
        color = "gray" if title == "n-grams" else "tab:blue" if changes else "tab:red"
        title += f", {changes or 'default'}"
        score, std = results["mean_test_score"][i], results["std_test_score"][i]
        print(f"{title:42s}{score:7.3f}{std:7.3f}{results['mean_fit_time'][i]:9.1f}")
        ax.errorbar(score, title, xerr=std, fmt="o", color=color)
    ax.invert_yaxis()
    ax.set(xlabel="score (nats per character)")
    fig.savefig("grid_search.png", dpi=120)

    # %%
    # Sample from the best model, which was refitted on all names.
    best = search.best_estimator_[-1]
    print("\nNew names:", *best.sample("", 0.6, 6, novel=True, unique=True, random_state=SEED))


if __name__ == "__main__":  # required because worker processes import this file
    main()
