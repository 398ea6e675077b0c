"""Searches and trainings in several processes, and files read in pieces."""

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

from sknamegen import CharNGramGenerator, CharSequenceVectorizer, iter_names, load_names


def scores_of(search):
    return {k: v for k, v in search.cv_results_.items() if k.endswith("_score")}


def score_and_tell(pipe, X, y=None):
    """A scorer that leaves a file behind, so that others know that the search runs."""
    score = pipe.score(X)
    Path(os.environ["SKNAMEGEN_TOLD"]).touch()
    return score


@pytest.mark.full
@pytest.mark.filterwarnings("default")
def test_a_search_on_dask_finds_the_same_also_if_a_worker_dies(names, tmp_path, monkeypatch):
    distributed = pytest.importorskip("dask.distributed")
    told = tmp_path / "told"
    monkeypatch.setenv("SKNAMEGEN_TOLD", str(told))
    grid = {"windows__window_length": [2, 8], "lstm__lr": [0.01, 0.05, 0.08]}
    folds = KFold(2, shuffle=True, random_state=0).split(names)
    # Arrays would be handed to one worker, and be lost with it.
    cv = [(train.tolist(), test.tolist()) for train, test in folds]
    pipe = small_pipeline(max_epochs=1)
    search = GridSearchCV(pipe, grid, cv=cv, scoring=score_and_tell)
    expected = scores_of(search.fit(names))
    told.unlink()

    def kill_one():
        while not told.exists():
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
        killer = threading.Thread(target=kill_one)
        killer.start()
        with joblib.parallel_config(backend="dask"):
            search.fit(names)
        killer.join()
        with pytest.raises(ProcessLookupError):
            os.kill(pids[0], 0)
    found = scores_of(search)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value, err_msg=key)
    assert search.best_estimator_[-1].sample("Ma").startswith("Ma")


class TwoProcesses:
    """Looks like an accelerator of two processes."""

    num_processes, process_index = 2, 0

    def __init__(self, device="cpu"):
        import torch

        self.device = torch.device(device)


def test_bad_accelerators(names):
    windows = CharSequenceVectorizer().fit_transform(names)
    with pytest.raises(TypeError, match=r"accelerator must be an accelerate.Accelerator or None"):
        small_generator(accelerator="cpu").fit(windows)
    with pytest.raises(ValueError, match="random_state must be an int, the same in all processes"):
        small_generator(accelerator=TwoProcesses(), random_state=None).fit(windows)
    with pytest.raises(ValueError, match=r"at least a \w+ for each of 2 processes\. Got 1"):
        small_generator(accelerator=TwoProcesses()).fit(windows[:1])


# Files in pieces


@pytest.mark.parametrize("chunk_size", [1, 3, 1000])
def test_pieces_of_a_file_make_up_all_of_it(tmp_path, capsys, chunk_size, monkeypatch):
    path = tmp_path / "names.txt"
    names = load_names("female")[:50]
    path.write_text("\n \n".join(names), encoding="utf-8")
    pieces = list(iter_names(path, chunk_size=chunk_size))
    assert [name for piece in pieces for name in piece] == names
    assert {len(piece) for piece in pieces[:-1]} <= {chunk_size}
    assert capsys.readouterr().err == ""
    assert list(iter_names(path, chunk_size=chunk_size, verbose=1)) == pieces
    assert capsys.readouterr().err == ""  # there is no terminal
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(iter_names(path, chunk_size=chunk_size, verbose=1)) == pieces
    assert "100%" in capsys.readouterr().err


def test_bad_files_in_pieces(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes(b"\n \n")
    with pytest.raises(ValueError, match="holds no names"):
        next(iter_names(path))
    path.write_bytes(b"Anna\n" * 5000 + b"Zo\xeb\n")
    pieces = iter_names(path, chunk_size=2)
    assert next(pieces) == ["Anna", "Anna"]
    with pytest.raises(ValueError, match=r"is not in the encoding 'utf-8'.*Pass the one it is in"):
        list(pieces)
    with pytest.raises(FileNotFoundError):
        next(iter_names(tmp_path / "nothing.txt"))
    with pytest.raises(ValueError, match=r"chunk_size must be an int >= 1\. Got 0"):
        next(iter_names(path, chunk_size=0))


def test_counting_a_file_in_pieces_is_counting_it_at_once(tmp_path):
    path = tmp_path / "names.txt"
    names = load_names("male")
    path.write_text("\n".join(names), encoding="utf-8")
    vectorizer = CharSequenceVectorizer()
    at_once = CharNGramGenerator().fit(vectorizer.fit_transform(names))
    generator = CharNGramGenerator()
    for piece in iter_names(path, chunk_size=1000):
        generator.partial_fit(vectorizer.fit_transform(piece), alphabet=at_once.alphabet_)
    test = vectorizer.fit_transform(names)
    np.testing.assert_allclose(generator.score_samples(test), at_once.score_samples(test))


def test_partial_fit_counts_no_more_than_enough(names, monkeypatch):
    """What counting says of the first characters stays as it is from some number of them on."""
    monkeypatch.setattr("sknamegen.lstm._MAX_COUNTED", 1500)
    windows, counted = CharSequenceVectorizer().fit_transform(names), []

    class Note(Callback):
        def on_batch_end(self, net, batch=None, **kwargs):
            counted.append(batch[1]["proba"][0].tolist())  # after the start of a name

    generator = small_generator(ngram_weight=0.5, batch_size=1000, callbacks=[Note()])
    for rows in np.array_split(np.arange(len(names)), 4):
        generator.partial_fit(windows[rows], alphabet=None if counted else set("".join(names)))
    sizes = [sum(len(name) + 1 for name in names[:n]) for n in (100, 200, 300)]
    assert sizes[1] < 1500 < sizes[2]
    assert len(counted) == 4
    assert counted[0] != counted[1] != counted[2] == counted[3]
