"""Let a grid search choose between the LSTM and counting, for a short list and a long one.

What is learned here: the step of a Pipeline is a parameter itself, so GridSearchCV can try
different generators in it, each with a grid of its own; their scores are in the same unit,
nats per character.

    python examples/lstm_or_counting.py
"""

# %%
import argparse

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
    for learned in (names[:50], names):
        folds = KFold(3, shuffle=True, random_state=SEED)
        search = GridSearchCV(pipe, grid, cv=folds, n_jobs=2).fit(learned)

        # %%
        # Higher is better: minus the nats per character.
        results = search.cv_results_
        print(f"{len(learned)} names\n  rank   score    std  seconds  generator")
        for i in results["rank_test_score"].argsort(kind="stable"):
            params = results["params"][i] | {"generator": ""}
            settings = ", ".join(f"{k[11:]}={v}" for k, v in params.items() if k[11:])
            kind = type(results["params"][i]["generator"]).__name__
            print(
                f"{results['rank_test_score'][i]:6d}{results['mean_test_score'][i]:8.3f}"
                f"{results['std_test_score'][i]:7.3f}{results['mean_fit_time'][i]:9.2f}"
                f"  {kind}({settings})"
            )
        best = search.best_estimator_[-1]
        print("  New names:", *best.sample(n_samples=8, random_state=SEED), "\n")


if __name__ == "__main__":  # the worker processes import this file
    main()
