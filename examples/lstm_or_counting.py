"""Choose between LSTM and n-grams by grid search.

This example shows how GridSearchCV chooses the generator in a Pipeline. The steps of a Pipeline are
parameters, so each generator can have its own grid. All scores are in nats per character. The plot
compares them for a short and a long list.

    pip install -e '.[plot]' && python examples/lstm_or_counting.py
"""

# %%
import argparse
import sys
from importlib.util import find_spec

if find_spec("matplotlib") is None:
    sys.exit("This example requires matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names

SEED = 0


# %%
# Define one grid for each generator.
def main():
    """Run the search on 50 names and on all names, and print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="smoke test with fewer names and epochs"
    )
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
    for train in (names[:50], names):
        folds = KFold(3, shuffle=True, random_state=SEED)
        search = GridSearchCV(pipe, grid, cv=folds, n_jobs=2).fit(train)

        # %%
        # The score is the negative loss in nats per character, so higher is better. Error bars in
        # the plot show one standard deviation across folds.
        results, titles = search.cv_results_, []
        print(f"{len(train)} names\n  rank   score    std  seconds  generator")
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
            titles.append(f"{'n-grams' if kind == 'CharNGramGenerator' else 'LSTM'}, {settings}")
        best = search.best_estimator_[-1]
        print("  New names:", *best.sample(n_samples=8, random_state=SEED), "\n")
        score, std = results["mean_test_score"][ranked], results["std_test_score"][ranked]
        ax.errorbar(score, titles, xerr=std, fmt="o", label=f"{len(train):,} names")

    ax.invert_yaxis()
    ax.set(xlabel="score (nats per character)")
    ax.legend(loc="center")
    fig.savefig("lstm_or_counting.png", dpi=120)


if __name__ == "__main__":  # required because worker processes import this file
    main()
