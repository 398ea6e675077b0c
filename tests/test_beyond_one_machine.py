"""Tests of searches and training in several processes, and of very long lists."""

import os
import signal
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from conftest import posix, small_generator, small_pipeline
from sklearn.model_selection import GridSearchCV, KFold
from skorch.callbacks import Callback


def score_columns(search):
    return {k: v for k, v in search.cv_results_.items() if k.endswith("_score")}


def score_and_signal(pipe, X, y=None):
    """Score a pipeline and create a file, which signals that the search is running."""
    score = pipe.score(X)
    Path(os.environ["SKNAMEGEN_SIGNAL_FILE"]).touch()
    return score


@posix
@pytest.mark.full
@pytest.mark.filterwarnings("default")
def test_dask_search_survives_the_death_of_a_worker(names, tmp_path, monkeypatch):
    distributed = pytest.importorskip("dask.distributed")
    signal_file = tmp_path / "signal"
    monkeypatch.setenv("SKNAMEGEN_SIGNAL_FILE", str(signal_file))
    grid = {"windows__window_length": [2, 8], "lstm__lr": [0.01, 0.05, 0.08]}
    folds = KFold(2, shuffle=True, random_state=0).split(names)
    # Dask stores arrays on one worker and loses them when this worker dies.
    cv = [(train.tolist(), test.tolist()) for train, test in folds]
    pipe = small_pipeline(max_epochs=1)
    search = GridSearchCV(pipe, grid, cv=cv, scoring=score_and_signal)
    expected = score_columns(search.fit(names))
    signal_file.unlink()

    def kill_worker():
        while not signal_file.exists():
            time.sleep(0.01)
        os.kill(pids[0], signal.SIGKILL)

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        pids = list(client.run(os.getpid).values())
        assert len({*pids, os.getpid()}) == 3
        killer = threading.Thread(target=kill_worker)
        killer.start()
        with joblib.parallel_config(backend="dask"):
            search.fit(names)
        killer.join()
        with pytest.raises(ProcessLookupError):
            os.kill(pids[0], 0)
    scores = score_columns(search)
    assert scores.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(scores[key], value, err_msg=key)
    assert search.best_estimator_[-1].sample("Ma").startswith("Ma")


def test_partial_fit_stops_counting_at_the_limit(names, monkeypatch):
    """The n-gram probabilities are final once the model has counted enough characters."""
    monkeypatch.setattr("sknamegen._training.run._MAX_COUNTED", 1500)
    probas = []

    class RecordProba(Callback):
        def on_batch_end(self, net, batch=None, **kwargs):
            probas.append(batch[1]["proba"][0].tolist())  # after the start of a name

    generator = small_generator(ngram_weight=0.5, batch_size=1000, callbacks=[RecordProba()])
    for part in np.array_split(names, 4):
        generator.partial_fit(part, alphabet=None if probas else set("".join(names)))
    sizes = [sum(len(name) + 1 for name in names[:n]) for n in (100, 200, 300)]
    assert sizes[1] < 1500 < sizes[2]
    assert len(probas) == 4
    assert probas[0] != probas[1] != probas[2] == probas[3]
