"""Tests of searches and training in several processes, and of files read in chunks."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from conftest import small_generator, small_pipeline
from sklearn.model_selection import GridSearchCV, KFold
from skorch.callbacks import Callback

from sknamegen import CharSequenceVectorizer, iter_names, load_names


def score_columns(search):
    return {k: v for k, v in search.cv_results_.items() if k.endswith("_score")}


def score_and_signal(pipe, X, y=None):
    """Score a pipeline and create a file, which signals that the search is running."""
    score = pipe.score(X)
    Path(os.environ["SKNAMEGEN_SIGNAL_FILE"]).touch()
    return score


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


class TwoProcesses:
    """Stub of an accelerator with two processes."""

    num_processes, process_index = 2, 0

    def __init__(self, device="cpu"):
        import torch

        self.device = torch.device(device)


def test_bad_accelerators(names):
    windows = CharSequenceVectorizer().fit_transform(names)
    with pytest.raises(TypeError, match=r"accelerator must be an accelerate.Accelerator or None"):
        small_generator(accelerator="cpu").fit(windows)
    with pytest.raises(ValueError, match="random_state must be the same int in all 2 processes"):
        small_generator(accelerator=TwoProcesses(), random_state=None).fit(windows)
    with pytest.raises(ValueError, match=r"at least one \w+ for each of the 2 processes\. Got 1"):
        small_generator(accelerator=TwoProcesses()).fit(windows[:1])


@pytest.mark.parametrize("chunk_size", [1, 3, 1000])
def test_chunks_of_a_file_contain_all_names(tmp_path, capsys, chunk_size, monkeypatch):
    path = tmp_path / "names.txt"
    names = load_names("female")[:50]
    path.write_text("\n \n".join(names), encoding="utf-8")
    chunks = list(iter_names(path, chunk_size=chunk_size))
    assert [name for chunk in chunks for name in chunk] == names
    assert {len(chunk) for chunk in chunks[:-1]} <= {chunk_size}
    assert capsys.readouterr().err == ""
    assert list(iter_names(path, chunk_size=chunk_size, verbose=1)) == chunks
    assert capsys.readouterr().err == ""  # no terminal, so no progress bar
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(iter_names(path, chunk_size=chunk_size, verbose=1)) == chunks
    assert "100%" in capsys.readouterr().err


def test_iter_names_rejects_bad_files(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes(b"\n \n")
    with pytest.raises(ValueError, match="contains no names"):
        next(iter_names(path))
    path.write_bytes(b"Anna\n" * 5000 + b"Zo\xeb\n")
    chunks = iter_names(path, chunk_size=2)
    assert next(chunks) == ["Anna", "Anna"]
    with pytest.raises(ValueError, match=r"not in the encoding 'utf-8'.*Pass the correct enc"):
        list(chunks)
    with pytest.raises(FileNotFoundError):
        next(iter_names(tmp_path / "nothing.txt"))
    with pytest.raises(ValueError, match=r"chunk_size must be an int >= 1\. Got 0"):
        next(iter_names(path, chunk_size=0))


def test_partial_fit_stops_counting_at_the_limit(names, monkeypatch):
    """The n-gram probabilities are final once the model has counted enough characters."""
    monkeypatch.setattr("sknamegen.lstm._MAX_COUNTED", 1500)
    windows, probas = CharSequenceVectorizer().fit_transform(names), []

    class RecordProba(Callback):
        def on_batch_end(self, net, batch=None, **kwargs):
            probas.append(batch[1]["proba"][0].tolist())  # after the start of a name

    generator = small_generator(ngram_weight=0.5, batch_size=1000, callbacks=[RecordProba()])
    for rows in np.array_split(np.arange(len(names)), 4):
        generator.partial_fit(windows[rows], alphabet=None if probas else set("".join(names)))
    sizes = [sum(len(name) + 1 for name in names[:n]) for n in (100, 200, 300)]
    assert sizes[1] < 1500 < sizes[2]
    assert len(probas) == 4
    assert probas[0] != probas[1] != probas[2] == probas[3]
