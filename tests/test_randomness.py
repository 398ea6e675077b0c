"""Results depend on the seed alone. Global state, modes of torch and threads do not interfere."""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import joblib
import numpy as np
import pytest
import torch
from conftest import classifier_of, small_generator, small_pipeline, windows_of

from sknamegen.metrics import constraint_probability


def fit_and_sample(names, random_state=0):
    """Return the exact weights, scores and samples of a fitted model."""
    pipe = small_pipeline(max_epochs=2, early_stopping=True, random_state=random_state).fit(names)
    weights = {name: w.tolist() for name, w in pipe[-1].nets_[0].module_.state_dict().items()}
    return weights, pipe.score_samples(names).tolist(), pipe[-1].sample("M", 1.2, 9, random_state=0)


def in_threads(n, function):
    """Call a function in n threads concurrently and return the n results."""
    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(lambda _: function(), range(n)))


@pytest.fixture(scope="module")
def expected(names):
    return fit_and_sample(names)


@pytest.mark.parametrize("global_seed", [1, 2])
def test_global_seeds_have_no_effect(names, expected, global_seed):
    torch.manual_seed(global_seed)
    np.random.seed(global_seed)  # noqa: NPY002
    assert fit_and_sample(names) == expected


def test_different_seeds_give_different_models(names, expected):
    assert fit_and_sample(names, random_state=4) != expected
    assert fit_and_sample(names, random_state=None) != fit_and_sample(names, random_state=None)


@pytest.mark.full
def test_joblib_workers_give_equal_results(names, expected):
    """The workers of loky are new processes with a different hash seed."""
    results = joblib.Parallel(n_jobs=2)([joblib.delayed(fit_and_sample)(names)])
    assert results == [expected]


def test_concurrent_training_gives_equal_results(names, expected):
    assert in_threads(8, lambda: fit_and_sample(names)) == [expected] * 8


def test_threads_can_share_a_model(names, make_pipe):
    generator = make_pipe().fit(names)[-1]

    def use():
        return [
            (
                generator.score_samples(names).tolist(),
                generator.sample(n_samples=50, random_state=seed),
                generator.next_char_proba(["", "Mar"]).tolist(),
                "".join(generator.stream(random_state=seed)),
            )
            for seed in range(3)
        ]

    expected = use()
    assert in_threads(8, use) == [expected] * 8


def global_state():
    return (
        torch.get_rng_state().tolist(),
        repr(np.random.mtrand._rand.get_state()),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        np.geterr(),
        list(warnings.filters),
    )


def succeed(pipe, names):
    generator = pipe.fit(names)[-1]
    generator.partial_fit(names)
    generator.score(names)
    next(generator.stream())
    generator.sample(n_samples=3)
    generator.next_char_proba("")


def fail_in_training(pipe, names):
    with pytest.raises(ValueError, match="diverged"):
        small_pipeline(lr=1e30).fit(names)


def fail_to_sample(pipe, names):
    generator = pipe.fit(names)[-1]
    with pytest.raises(ValueError, match="outside the model"):
        generator.sample("\u0416")

    class Failing(np.random.Generator):
        def random(self, *args):
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        generator.sample(random_state=Failing(np.random.PCG64(0)))


@pytest.mark.parametrize("use", [succeed, fail_in_training, fail_to_sample])
def test_global_state_is_unchanged(names, make_pipe, use):
    before = global_state()
    use(make_pipe(), names)
    assert global_state() == before


def results(names):
    """Yield the results of all computations, as numbers and names."""
    # Two networks train in parallel if torch may use two threads.
    pipe = small_pipeline(num_networks=2).fit(names[:100], np.repeat(["a", "b"], 50))
    vectorizer, generator = pickle.loads(pickle.dumps(pipe)).named_steps.values()
    windows = vectorizer.transform(names[:100])
    yield pipe.score_samples(names[:20]).tolist()
    yield generator.score_samples(windows[:20]).tolist()
    yield classifier_of(generator).predict_proba(windows[:20]).tolist()
    for options in ({}, {"label": "a"}, {"pattern": ".*n"}, {"min_length": 7}, {"seed": "Ma"}):
        yield generator.sample(n_samples=5, random_state=0, **options)
    yield generator.sample(n_samples=200, random_state=0)
    yield "".join(generator.stream("Ma", random_state=0))
    yield generator.most_likely(3, "M")[0]
    yield generator.next_char_proba(["", "Mar"]).tolist()
    yield constraint_probability(generator, pattern=".*n", random_state=0)
    generator.partial_fit(windows, ["a"] * 100)
    yield generator.score(windows)
    base = small_generator(init="base", similar=None, hidden_size="auto", embedding_dim=64)
    yield base.set_params(max_epochs=1).fit(windows[:30]).sample(n_samples=5, random_state=0)
    text = windows_of(["anna\n" * 9], 5, boundary=False)
    yield "".join(small_generator().fit(text).stream("ann", max_length=20, random_state=0))
    warm = small_generator(early_stopping=True, warm_start=True)
    yield warm.fit(windows[:30]).fit(windows[:30]).n_iter_


@pytest.mark.full
def test_torch_modes_have_no_effect(names, request):
    expected = list(results(names))
    request.addfinalizer(partial(torch.set_default_dtype, torch.float32))
    torch.set_default_dtype(torch.float16)
    with torch.autocast("cpu", torch.bfloat16), torch.inference_mode(), torch.device("meta"):
        actual = list(results(names))
        assert torch.is_autocast_enabled("cpu")
        assert torch.is_inference_mode_enabled()
        assert torch.get_default_device().type == "meta"
        assert torch.get_default_dtype() == torch.float16
    assert actual == expected
