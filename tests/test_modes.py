"""The torch modes of the caller have no effect and stay unchanged."""

import pickle
from functools import partial

import numpy as np
import torch
from conftest import classifier_of, small_generator, small_pipeline, windows_of

from sknamegen.metrics import constraint_probability


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
