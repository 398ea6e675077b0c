"""The docstring of `CharLSTMGenerator` states the values for "auto"."""

import re

import pytest

from sknamegen import CharLSTMGenerator
from sknamegen._training import recipe

DOC = " ".join(CharLSTMGenerator.__doc__.split())


def values(n_names, from_init, **options):
    defaults = {"is_text", "is_from_scratch", "has_similar", "has_new_labels"}
    options = dict.fromkeys(defaults, False) | options
    return recipe.auto_values(n_names, is_adamw=True, starts_from_init=from_init, **options)


def test_sizes_and_rates():
    for name in ("dropout", "lr", "weight_decay", "ngram_weight"):
        assert values(100, False)[name] == values(10**6, False)[name]
    below, above, scratch = values(999, True), values(1000, True), values(1000, False)
    sizes = [values(n, False)["hidden_size"] for n in (16_383, 16_384)]
    assert f"`hidden_size` {sizes[0]}; {sizes[1]} for n >= 16,384 " in DOC
    for name in ("dropout", "lr"):
        row = f"`{name}` {scratch[name]} {above[name]}; {below[name]} for n < 1,000 "
        assert row in DOC
    assert f"`weight_decay` {scratch['weight_decay']} {above['weight_decay']}; for n < 1,000" in DOC
    assert f"has {['one', 'six'][below['head_lr_factor'] == 6]} times the learning rate" in DOC


def test_the_weight_of_ngram_targets():
    alone = [values(n, False, is_from_scratch=True)["ngram_weight"] for n in (10, 499, 502)]
    assert alone == pytest.approx([0.9, 0.5019, 0.5], abs=1e-4)
    assert f"`ngram_weight` {alone[2]}; {alone[2]} to {alone[0]} for n < 500 " in DOC
    from_init = [values(n, True)["ngram_weight"] for n in (50, 999, 1000)]
    assert from_init == pytest.approx([0, 0.45, 0.5], abs=0.01)
    assert f"{from_init[2]}; 0 to 0.45 for n < 1,000" in DOC


def test_batches_and_epochs():
    for n in (1, 20, 500, 5000, 32_000, 10**6):
        auto = values(n, False)
        assert auto["batch_size"] <= 512
        assert auto["batch_size"] == 512 or 0.5 < auto["batch_size"] / n**0.5 <= 2
        assert auto["max_epochs"] == min(max(round(1250 / n**0.5), 3), 10)
    assert "square root of n, up to 512. `max_epochs` is 1250 / sqrt(n), between 3 and 10." in DOC
    similar = values(300, True, has_similar=True)
    stated = f"`max_epochs` is {similar['max_epochs']} and `ngram_weight` is 0."
    assert similar["ngram_weight"] == 0
    assert stated in DOC


def test_weight_decay_shrinks_the_weights_by_16_percent_in_10_epochs():
    auto = values(640, True)
    n_steps = 10 * 640 / auto["batch_size"]
    assert n_steps * auto["lr"] / 2 * auto["weight_decay"] == pytest.approx(0.16)


def test_shares_similar_names_and_counts():
    assert [recipe.base_share(n) > recipe.ALONE_SHARE for n in (128, 129)] == [True, False]
    assert f"If this weight exceeds {recipe.ALONE_SHARE} (n <= 128)" in DOC
    assert recipe.base_share(1000) == pytest.approx(1 / (1 + (1000 / 5000) ** 0.6))
    assert "1 / (1 + (n / 5000)^0.6) for n names" in DOC
    assert len(re.findall(f"fewer than {recipe.N_LONG} names", DOC)) == 2
    assert f"learn up to {recipe.N_SIMILAR} of them" in DOC
    assert f"t = {recipe.CONCENTRATION} / (k - 1)^3" in DOC


def test_running_text():
    for from_init, lr in ((False, 0.02), (True, 0.01)):
        for n in (4000, 100_000, 10**6):
            auto = values(n, from_init, is_text=True)
            assert (auto["lr"], auto["dropout"]) == (lr, 0.2 if n >= 65_536 else 0.5)
            assert auto["max_epochs"] == min(max(round(2000 / n**0.5), 3), 6)
            assert 0.5 < 8 * auto["batch_size"] / n**0.5 <= 2
    stated = "2000 / sqrt(n) epochs, between 3 and 6, a learning rate of 0.02 (from `init` 0.01)"
    assert f"{stated}, `dropout` 0.2 (0.5 for n < 65,536), `weight_decay` 0.1," in DOC
    assert f"with {auto['hidden_size']} units and random weights, or from the base" in DOC
    assert f"fewer than {recipe.N_LONG_TEXT:,} characters" in DOC
    assert f"whose share is {recipe.TEXT_SHARE}" in DOC
    assert recipe.TEXT_ORDER == 7
