"""Let a grid search choose between the LSTM and counting, for a short list and a long one.

What is learned here: the step of a Pipeline is a parameter itself, so GridSearchCV can try
different generators in it, each with a grid of its own; their scores are in the same unit,
nats per character, which a picture shows.

    pip install -e '.[plot]' && python examples/lstm_or_counting.py
"""

# %%
import argparse
import sys
from importlib.util import find_spec

if find_spec("matplotlib") is None:
    sys.exit("This needs matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names

SEED = 0


# %%
# Two grids: one for each kind of generator.
def main():
    """Search on 50 names and on all, and print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run: fewer names and epochs")
    arguments = parser.parse_args()

    epochs = 1 if arguments.quick else "auto"
    pipe = Pipeline([("windows", CharSequenceVectorizer()), ("generator", CharNGramGenerator())])
    grid = [
        {"generator": [CharNGramGenerator()], "generator__order": [2, 3, 4, 5, 6]},
        {
            "generator": [CharLSTMGenerator(max_epochs=epochs, random_state=SEED)],
            "generator__ngram_weight": [0, 0.5],
        },
    ]
    names = list(dict.fromkeys(load_names("female")))
    order = np.random.default_rng(SEED).permutation(len(names))
    names = [names[i] for i in order][: 200 if arguments.quick else None]
    fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
    for learned in (names[:50], names):
        folds = KFold(3, shuffle=True, random_state=SEED)
        search = GridSearchCV(pipe, grid, cv=folds, n_jobs=2).fit(learned)

        # %%
        # Higher is better: minus the nats per character. In the picture, a line is as long as two
        # std over the folds.
        results, titles = search.cv_results_, []
        print(f"{len(learned)} names\n  rank   score    std  seconds  generator")
        ranked = results["rank_test_score"].argsort(kind="stable")
        for i in ranked:
            params = results["params"][i] | {"generator": ""}
            settings = ", ".join(f"{k[11:]}={v}" for k, v in params.items() if k[11:])
            kind = type(results["params"][i]["generator"]).__name__
            print(
                f"{results['rank_test_score'][i]:6d}{results['mean_test_score'][i]:8.3f}"
                f"{results['std_test_score'][i]:7.3f}{results['mean_fit_time'][i]:9.2f}"
                f"  {kind}({settings})"
            )
            titles.append(f"{'counting' if kind == 'CharNGramGenerator' else 'LSTM'}, {settings}")
        best = search.best_estimator_[-1]
        print("  New names:", *best.sample(n_samples=8, random_state=SEED), "\n")
        score, std = results["mean_test_score"][ranked], results["std_test_score"][ranked]
        ax.errorbar(score, titles, xerr=std, fmt="o", label=f"{len(learned):,} names")

    ax.invert_yaxis()
    ax.set(xlabel="score (nats per character)")
    ax.legend(loc="center")
    fig.savefig("lstm_or_counting.png", dpi=120)


if __name__ == "__main__":  # the worker processes import this file
    main()
