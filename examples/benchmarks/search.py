"""How much faster is a grid search with two processes?

python examples/benchmarks/search.py [--quick] [--names FILE]
"""

import statistics
import warnings

import numpy as np
from _common import input_names, parse_arguments, print_machine, seconds, split_names
from sklearn.model_selection import GridSearchCV, KFold, ParameterGrid
from sklearn.pipeline import Pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer

GRID = {
    "windows__window_length": [5, 10, 15],
    "lstm__hidden_size": [64, 128],
    "lstm__lr": [0.01, 0.03],
}
QUICK = {"windows__window_length": [5, 10]}


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine()
    train, test = split_names(input_names(arguments), arguments.quick)
    names = train + test
    epochs, grid = (1, QUICK) if arguments.quick else (4, GRID)
    lstm = CharLSTMGenerator(num_networks=1, max_epochs=epochs, batch_size=32, random_state=0)
    pipe = Pipeline([("windows", CharSequenceVectorizer()), ("lstm", lstm)])
    folds = KFold(3, shuffle=True, random_state=0)

    def search(n_jobs):
        return GridSearchCV(pipe, grid, cv=folds, n_jobs=n_jobs, refit=False)

    # Warm-up: start the worker processes and import torch's optimizers.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for n_jobs in (1, 2):
            GridSearchCV(pipe, {"lstm__max_epochs": [1]}, cv=folds, n_jobs=n_jobs).fit(names[:200])
    rounds = []
    for _ in range(1 if arguments.quick else 3):
        searches = {n_jobs: search(n_jobs) for n_jobs in (1, 2)}
        rounds.append([seconds(lambda s=s: s.fit(names)) for s in searches.values()])
        scores = {n: s.cv_results_["mean_test_score"] for n, s in searches.items()}
    one, two = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(a / b for a, b in rounds)
    print(f"{len(names)} names, {len(ParameterGrid(grid))} candidates x 3 folds x {epochs} epochs")
    print(f"  n_jobs=1 {one:6.1f} s   n_jobs=2 {two:6.1f} s   ratio {ratio:.2f}")
    # On some processors, the last digit of sums depends on the memory alignment of arrays.
    print(f"  scores differ by at most {np.abs(scores[1] - scores[2]).max():.0e} nats/char")


if __name__ == "__main__":  # the worker processes import this file
    main()
