"""What do large searches cost? Fit a cost model and extrapolate.

    python examples/benchmarks/scaling.py [--quick] [--names FILE]

The script estimates the cost model from fits on lists of several sizes. It then measures searches
with one process, two processes and two Dask workers (pip install '.[search]').
"""

import statistics
from functools import partial

import joblib
import numpy as np
from _common import input_names, many_names, parse_arguments, print_machine, seconds
from scipy.optimize import nnls
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer

EPOCHS = 3
FOLDS = 3


def make_pipe():
    """Return a pipeline with one small network."""
    sizes = {"num_networks": 1, "hidden_size": 64, "batch_size": 64}
    generator = CharLSTMGenerator(**sizes, max_epochs=EPOCHS, random_state=0)
    return make_pipeline(CharSequenceVectorizer(), generator)


def cost_model(sizes, repeat):
    """Return the fixed seconds per fit, and the seconds per name and epoch."""
    durations = []
    for n in sizes:
        names = many_names(n)
        make_pipe().fit(names[:500])
        fits = [seconds(partial(make_pipe().fit, names)) for _ in range(repeat)]
        durations.append(statistics.median(fits))
        print(f"  {n:7d} names: {durations[-1]:6.2f} s")
    # Least squares on relative errors; neither cost can be negative.
    x, y = np.array(sizes) * EPOCHS, np.array(durations)
    columns = np.column_stack([1 / y, x / y])
    (fixed, variable), _ = nnls(columns, np.ones(len(y)))
    return fixed, variable


def search(names, n_candidates, n_jobs=1):
    """Return a function that runs a grid search."""
    rates = np.geomspace(0.005, 0.05, n_candidates).tolist()
    grid = {"charlstmgenerator__lr": rates}
    cv = KFold(FOLDS, shuffle=True, random_state=0)
    grid_search = GridSearchCV(make_pipe(), grid, cv=cv, n_jobs=n_jobs, refit=False)
    return lambda: grid_search.fit(names)


def on_dask(function, n_workers, processes):
    """Return the seconds for a call on a local Dask cluster, or None without Dask."""
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
        function()  # warm-up: the workers import torch
        return seconds(function)


def format_duration(n_seconds):
    """Return seconds as text in the largest suitable unit."""
    for unit, size in (("years", 365.25 * 86400), ("days", 86400), ("hours", 3600), ("min", 60)):
        if n_seconds >= size:
            return f"{n_seconds / size:.1f} {unit}"
    return f"{n_seconds:.1f} s"


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine("dask", "joblib")
    sizes, repeat = ((100, 200, 400), 1) if arguments.quick else ((2000, 8000, 32_000), 3)
    names = input_names(arguments)
    if arguments.quick:
        names = names[:100]
    n_candidates = 2 if arguments.quick else 8

    print(f"1. A fit of {EPOCHS} epochs, one network of 64 units")
    fixed, variable = cost_model(sizes, repeat)
    print(f"  cost model: {1000 * fixed:.0f} ms + {1e6 * variable:.1f} µs per name and epoch\n")

    print(f"2. A search of {n_candidates} candidates × {FOLDS} folds over {len(names)} names")
    n_train = len(names) * (FOLDS - 1) / FOLDS
    predicted = fixed + variable * n_train * EPOCHS
    serial = seconds(search(names, n_candidates))
    measured = serial / (n_candidates * FOLDS)
    print(f"  1 process: {serial:.1f} s, {measured:.3f} s per fit with vectorising and scoring")
    print(f"    cost model without them, for names two letters longer: {predicted:.3f} s")
    parallel_search = search(names, n_candidates, n_jobs=2)
    parallel_search()  # warm-up: the workers import torch
    parallel = seconds(parallel_search)
    efficiency = serial / parallel / 2
    print(f"  2 processes: {parallel:.1f} s, efficiency {efficiency:.2f}")
    dask_search = search(names, n_candidates, n_jobs=None)
    dask = on_dask(dask_search, 2, processes=not arguments.quick)
    if dask is None:
        print("  Dask is not installed: pip install '.[search]'")
    else:
        efficiency = min(efficiency, serial / dask / 2)
        print(f"  2 workers on Dask: {dask:.1f} s, efficiency {serial / dask / 2:.2f}")

    print("\n3. Extrapolated cost on machines with two cores")
    correction = measured / predicted
    print(f"{'candidates':>12s}{'names':>10s}" + "".join(f"{n:>13d}" for n in (1, 10, 100, 1000)))
    for candidates, n in ((100, 5000), (10_000, 5000), (100, 10**6), (1000, 1000), (10**6, 10**6)):
        fit = fixed + variable * n * (FOLDS - 1) / FOLDS * EPOCHS
        total = candidates * FOLDS * correction * fit
        cells = [format_duration(total / (2 * m * efficiency)) for m in (1, 10, 100, 1000)]
        print(f"{candidates:12,d}{n:10,d}" + "".join(f"{cell:>13s}" for cell in cells))


if __name__ == "__main__":
    main()
