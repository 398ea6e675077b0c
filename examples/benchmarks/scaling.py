"""What a search costs: a name, a candidate, a worker. And what that makes of large ones.

    python examples/benchmarks/scaling.py [--quick] [--names FILE]

The law is fitted to fits of several sizes and checked against searches with one process, two
processes and, where it is installed, two workers of a Dask cluster (pip install '.[search]').
"""

import statistics
from functools import partial

import joblib
import numpy as np
from _common import given_names, many_names, parse_arguments, print_machine, seconds
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer

EPOCHS = 3
FOLDS = 3


def make_pipe():
    """Return a small pipeline with warnings, progress and searches left out."""
    sizes = {"num_networks": 1, "hidden_size": 64, "batch_size": 64}
    generator = CharLSTMGenerator(**sizes, max_epochs=EPOCHS, random_state=0)
    return make_pipeline(CharSequenceVectorizer(), generator)


def cost_of_names(sizes, repeat):
    """Return what a fit costs anyhow and what it costs a name and epoch, in seconds."""
    measured = []
    for n in sizes:
        names = many_names(n)
        make_pipe().fit(names[:500])
        spent = statistics.median(seconds(partial(make_pipe().fit, names)) for _ in range(repeat))
        measured.append(spent)
        print(f"  {n:7d} names: {spent:6.2f} s")
    # Least squares of the relative errors.
    x, y = np.array(sizes) * EPOCHS, np.array(measured)
    columns = np.column_stack([1 / y, x / y])
    (fixed, each), *_ = np.linalg.lstsq(columns, np.ones(len(y)))
    return max(fixed, 0.0), each


def search(names, n_candidates, n_jobs=1):
    """Return a function that searches."""
    rates = np.geomspace(0.005, 0.05, n_candidates).tolist()
    grid = {"charlstmgenerator__lr": rates}
    cv = KFold(FOLDS, shuffle=True, random_state=0)
    candidates = GridSearchCV(make_pipe(), grid, cv=cv, n_jobs=n_jobs, refit=False)
    return lambda: candidates.fit(names)


def on_dask(function, n_workers, processes):
    """Return how long a search takes on a Dask cluster of that many workers, None without."""
    try:
        from dask.distributed import Client, LocalCluster
    except ImportError:
        return None
    with (
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=processes,
            dashboard_address=":0",
        ) as cluster,
        Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        client.wait_for_workers(n_workers)
        function()  # the workers import torch
        return seconds(function)


def duration(n_seconds):
    """Write seconds in a unit for people."""
    for unit, size in (("years", 365.25 * 86400), ("days", 86400), ("hours", 3600), ("min", 60)):
        if n_seconds >= size:
            return f"{n_seconds / size:.1f} {unit}"
    return f"{n_seconds:.1f} s"


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine("dask", "joblib")
    sizes, repeat = ((100, 200, 400), 1) if arguments.quick else ((2000, 8000, 32_000), 3)
    names = given_names(arguments)
    if arguments.quick:
        names = names[:100]
    n_candidates = 2 if arguments.quick else 8

    print(f"1. A fit of {EPOCHS} epochs, one network of 64 units")
    fixed, each = cost_of_names(sizes, repeat)
    print(f"  law: {1000 * fixed:.0f} ms + {1e6 * each:.1f} µs a name and epoch\n")

    print(f"2. A search of {n_candidates} candidates × {FOLDS} folds over {len(names)} names")
    n_train = len(names) * (FOLDS - 1) / FOLDS
    fit = fixed + each * n_train * EPOCHS
    alone = seconds(search(names, n_candidates))
    candidate = alone / (n_candidates * FOLDS)
    print(f"  1 process: {alone:.1f} s, {candidate:.3f} s a fit with vectorising and scoring;")
    print(f"    the law says {fit:.3f} s without, for names that are two letters longer")
    several = search(names, n_candidates, n_jobs=2)
    several()  # the workers import torch
    together = seconds(several)
    efficiency = alone / together / 2
    print(f"  2 processes: {together:.1f} s, each worth {efficiency:.2f} of one alone")
    several = search(names, n_candidates, n_jobs=None)
    dask = on_dask(several, 2, processes=not arguments.quick)
    if dask is None:
        print("  Dask is not installed: pip install '.[search]'")
    else:
        efficiency = min(efficiency, alone / dask / 2)
        print(f"  2 workers on Dask: {dask:.1f} s, each worth {alone / dask / 2:.2f}")

    print("\n3. By that law, with machines of two cores")
    correction = candidate / fit
    print(f"{'candidates':>12s}{'names':>10s}" + "".join(f"{n:>13d}" for n in (1, 10, 100, 1000)))
    for candidates, n in ((100, 5000), (10_000, 5000), (100, 10**6), (1000, 1000), (10**6, 10**6)):
        total = candidates * FOLDS * correction * (fixed + each * n * (FOLDS - 1) / FOLDS * EPOCHS)
        cells = [duration(total / (2 * m * efficiency)) for m in (1, 10, 100, 1000)]
        print(f"{candidates:12,d}{n:10,d}" + "".join(f"{cell:>13s}" for cell in cells))


if __name__ == "__main__":
    main()
