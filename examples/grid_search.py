"""Search for the best window length, hidden size and learning rate.

What is learned here: the Pipeline is an estimator like any other, so GridSearchCV can
vary the parameters of both steps at once; no name is ever on both sides of a split; the
score, in nats per character, can be compared over all of them.

    python examples/grid_search.py
"""

# %%
import argparse

from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names

SEED = 0


# %%
# The list is sorted, so the folds are shuffled.
def main():
    """Search, print a table, write names with the best model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run: fewer names and epochs")
    arguments = parser.parse_args()

    names = load_names("female")[:: 20 if arguments.quick else 1]
    epochs = 1 if arguments.quick else 4
    # One network, which is half the work of the default.
    settings = {"num_networks": 1, "batch_size": 32, "max_epochs": epochs}
    lstm = CharLSTMGenerator(**settings, random_state=SEED)
    pipe = Pipeline([("windows", CharSequenceVectorizer()), ("lstm", lstm)])
    grid = {
        "windows__window_length": [6, 10],
        "lstm__hidden_size": [64, 128],
        "lstm__lr": [0.01, 0.03],
    }
    search = GridSearchCV(pipe, grid, cv=KFold(3, shuffle=True, random_state=SEED), n_jobs=2)
    search.fit(names)

    # %%
    # Higher is better: minus the nats per character.
    results = search.cv_results_
    print("window_length  hidden_size    lr   score    std  seconds  rank")
    for i in results["rank_test_score"].argsort(kind="stable"):
        print(
            f"{results['param_windows__window_length'][i]:13d}"
            f"{results['param_lstm__hidden_size'][i]:13d}"
            f"{results['param_lstm__lr'][i]:6.2f}"
            f"{results['mean_test_score'][i]:8.3f}"
            f"{results['std_test_score'][i]:7.3f}"
            f"{results['mean_fit_time'][i]:9.1f}"
            f"{results['rank_test_score'][i]:6d}"
        )

    # %%
    # The best model, trained again on all names.
    best = search.best_estimator_[-1]
    print("\nFrom 'Mar':", *best.sample("Mar", 0.5, n_samples=6, random_state=SEED))


if __name__ == "__main__":  # the worker processes import this file
    main()
