"""Grid search on a Dask cluster.

This example shows how joblib runs the fits of a GridSearchCV on Dask, with one line around `fit`.
The scores are the same as in a local search. The plot shows each worker's activity over time.

    pip install -e '.[plot,search]'
    python examples/search_on_dask.py                     # a cluster on this machine
    python examples/search_on_dask.py tcp://HOST:8786     # an existing cluster
"""

# %%
import argparse
import sys

import joblib
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names

try:
    import matplotlib.pyplot as plt
    from dask.distributed import Client, LocalCluster, get_task_stream
except ImportError:
    sys.exit(
        "This example requires distributed and matplotlib. In a clone of sknamegen: "
        "pip install -e '.[plot,search]'"
    )

SEED = 0


# %%
# Without a scheduler address, the script starts a cluster of two processes.
def main():
    """Run the search with progress messages and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scheduler", nargs="?", help="address (default: start a local cluster)")
    parser.add_argument(
        "--quick", action="store_true", help="smoke test with fewer names and epochs"
    )
    arguments = parser.parse_args()

    if arguments.scheduler:
        client = Client(arguments.scheduler)
    else:
        client = Client(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0"))
    workers = client.scheduler_info()["workers"]
    print(f"{len(workers)} workers, {sum(w['nthreads'] for w in workers.values())} threads")

    # %%
    # One candidate has the default settings. Every other candidate changes one parameter.
    epochs = 1 if arguments.quick else "auto"
    lstm = CharLSTMGenerator(max_epochs=epochs, random_state=SEED)
    pipe = Pipeline([("windows", CharSequenceVectorizer()), ("lstm", lstm)])
    grid = [
        {"windows__window_length": [6, 10, 16]},
        {"lstm__hidden_size": [320]},
        {"lstm__lr": [0.01]},
    ]
    # As lists, the folds are sent with each fit. Arrays would be stored on one worker, and the
    # search would fail if it died. For the same reason, `scatter` sends the names to all workers.
    names = load_names("female")[:: 50 if arguments.quick else 1]
    folds = KFold(3, shuffle=True, random_state=SEED).split(names)
    cv = [(train.tolist(), test.tolist()) for train, test in folds]
    search = GridSearchCV(pipe, grid, cv=cv, verbose=1)
    # joblib prints its progress from time to time. The final fit, of the best candidate on all
    # names, runs in this process.
    on_dask = joblib.parallel_config(backend="dask", scatter=[names], verbose=5)
    with client, get_task_stream(client) as stream, on_dask:
        search.fit(names)

    # %%
    results = search.cv_results_
    print("  score    std  seconds  candidate")
    for i in results["rank_test_score"].argsort(kind="stable"):
        print(
            f"{results['mean_test_score'][i]:7.3f}"
            f"{results['std_test_score'][i]:7.3f}"
            f"{results['mean_fit_time'][i]:9.1f}"
            f"  {results['params'][i]}"
        )
    best = search.best_estimator_[-1]
    print("\nStarting with 'Mar':", *best.sample("Mar", 0.5, 6, random_state=SEED))

    # %%
    # Plot the activity of the workers. Each bar is a fit and its scoring.
    tasks = [(task["worker"], task["startstops"][-1]) for task in stream.data]
    start = min(span["start"] for _, span in tasks)
    addresses = sorted({address for address, _ in tasks})
    fig, ax = plt.subplots(figsize=(5, 2.5), layout="constrained")
    for address, span in tasks:
        begin, width = span["start"] - start, span["stop"] - span["start"]
        title = f"worker {addresses.index(address) + 1}"
        ax.barh(title, width, left=begin, color="tab:blue", ec="w")
    ax.set(xlabel="time (s)")
    fig.savefig("search_on_dask.png", dpi=120)


if __name__ == "__main__":  # required because worker processes import this file
    main()
