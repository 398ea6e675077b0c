"""Search on a Dask cluster: another machine's processes in place of this one's.

What is learned here: joblib hands the candidates of a GridSearchCV to Dask, with one line
around `fit`; the scores are those of a search at home. A picture shows what each worker did when.

    pip install -e '.[plot,search]'
    python examples/search_on_dask.py                     # a cluster on this machine
    python examples/search_on_dask.py tcp://HOST:8786     # the cluster of that scheduler
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
        "This needs distributed and matplotlib. In a clone of sknamegen: "
        "pip install -e '.[plot,search]'"
    )

SEED = 0


# %%
# A cluster of two processes, where none is given.
def main():
    """Search, show how far it is, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scheduler", nargs="?", help="its address; without one, workers here")
    parser.add_argument("--quick", action="store_true", help="a smoke run: fewer names and epochs")
    arguments = parser.parse_args()

    if arguments.scheduler:
        client = Client(arguments.scheduler)
    else:
        client = Client(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0"))
    workers = client.scheduler_info()["workers"]
    print(f"{len(workers)} workers, {sum(w['nthreads'] for w in workers.values())} threads")

    # %%
    # The default is among the candidates, and each of the others changes one thing about it.
    epochs = 1 if arguments.quick else "auto"
    lstm = CharLSTMGenerator(max_epochs=epochs, random_state=SEED)
    pipe = Pipeline([("windows", CharSequenceVectorizer()), ("lstm", lstm)])
    grid = [
        {"windows__window_length": [6, 10, 16]},
        {"lstm__hidden_size": [320]},
        {"lstm__lr": [0.01]},
    ]
    # Folds as lists travel with each fit. Arrays would be handed to one worker, and if that dies
    # the search would fail; so, the names go to all workers in advance.
    names = load_names("female")[:: 20 if arguments.quick else 1]
    folds = KFold(3, shuffle=True, random_state=SEED).split(names)
    cv = [(train.tolist(), test.tolist()) for train, test in folds]
    search = GridSearchCV(pipe, grid, cv=cv, verbose=1)
    # joblib prints a line whenever some more of the fits are done. The last fit, of the best
    # candidate to all names, is done here.
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
    print("\nFrom 'Mar':", *search.best_estimator_[-1].sample("Mar", 0.5, 6, random_state=SEED))

    # %%
    # What the workers were busy with: each bar is a fit and its score.
    tasks = [(task["worker"], task["startstops"][-1]) for task in stream.data]
    begin, places = min(span["start"] for _, span in tasks), sorted({place for place, _ in tasks})
    fig, ax = plt.subplots(figsize=(5, 2.5), layout="constrained")
    for place, span in tasks:
        left, width = span["start"] - begin, span["stop"] - span["start"]
        ax.barh(f"worker {places.index(place) + 1}", width, left=left, color="tab:blue", ec="w")
    ax.set(xlabel="time (s)")
    fig.savefig("search_on_dask.png", dpi=120)


if __name__ == "__main__":  # the worker processes import this file
    main()
