"""Train the base, the pretrained network of ``CharLSTMGenerator``.

This example trains an LSTM on the bundled collection: names of people in more than fifty languages,
towns around the world, things, and lists of names invented for the library.

    python examples/make_base.py FILE

FILE is the output, such as ``data/base.npz``. ``--collection`` takes another collection. To
evaluate on lists that the base has not seen, exclude them from the collection first:

    python examples/gather_collection.py held_out.zip --without pl_PL,FR_towns,dogs.txt
    python examples/make_base.py held_out.npz --collection held_out.zip

The same seed produces the same file on the same processor.
"""

# %%
import argparse
import unicodedata
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from gather_collection import MAX_LENGTH, read_collection

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer
from sknamegen.datasets import NamesWarning
from sknamegen.lstm import pretrained_of

SEED = 0
# The weight of a list is its length to this power. Below 1, names in long lists have less weight.
LENGTH_EXPONENT = 0.85
# Maximum length of a list in this weight. Otherwise, names from the US would outweigh others.
MAX_LIST_WEIGHT = 20_000
# Weights of the groups of lists.
GROUP_WEIGHTS = {"people": 0.36, "towns": 0.225, "things": 0.315, "invented": 0.1}
# Shares of names that are repeated in lower case, in upper case and without accents.
LOWER, UPPER, PLAIN = 0.08, 0.03, 0.25


# %%
def with_variants(names, rng):
    """Return the names and variants in lower case, in upper case and without accents."""
    variants = set()
    for name, chance in zip(names, rng.random(len(names)), strict=True):
        decomposed = unicodedata.normalize("NFD", name)
        is_latin = "LATIN" in unicodedata.name(name[0], "")
        if chance < LOWER:
            variants.add(name.lower())
        elif chance < LOWER + UPPER:
            variants.add(name.upper())
        elif chance > 1 - PLAIN and is_latin:
            variants.add("".join(c for c in decomposed if not unicodedata.combining(c)))
    return names + sorted(variants - set(names))


# %%
def weighted_names(lists):
    """Return the names in all lists and their variants, and the weight of each name."""
    names, weights, rng = [], [], np.random.default_rng(SEED)
    groups = {path: path.partition("/")[0] for path in lists}
    for group, group_weight in GROUP_WEIGHTS.items():
        of_group = [lists[path] for path in lists if groups[path] == group]
        list_weights = [min(len(x), MAX_LIST_WEIGHT) ** LENGTH_EXPONENT for x in of_group]
        for list_names, weight in zip(of_group, list_weights, strict=True):
            variants = with_variants(list_names, rng)
            names += variants
            share = group_weight * weight / sum(list_weights)
            weights += [share / len(list_names)] * len(variants)
    return names, np.array(weights) / np.mean(weights)


def pretrain(lists, **params):
    """Return an LSTM trained on the names in all lists."""
    names, weights = weighted_names(lists)
    n_characters = len(set("".join(names)))
    print(f"{len(names):,} names in {len(lists)} lists, {n_characters:,} characters", flush=True)
    windows = CharSequenceVectorizer(window_length=MAX_LENGTH + 1).fit_transform(names)
    settings = {
        "init": None,
        "num_networks": 1,
        "batch_size": 128,
        "hidden_size": 384,
        "max_epochs": 6,
        "lr": 0.01,
    }
    settings |= {"ngram_weight": 0.6, "dropout": 0.3, "weight_decay": 0.01} | params
    # AdamW's default betas transfer better than the betas of `CharLSTMGenerator`.
    settings["net_params"] = {"optimizer__betas": (0.9, 0.999)}
    generator = CharLSTMGenerator(**settings, verbose=1, random_state=SEED)
    return generator.fit(windows, sample_weight=weights)


# %%
def write_pretrained(pretrained, file):
    """Write a network without labels to a file, as small arrays.

    Matrices are stored in 8 bits with one scale per row, and vectors in float16.
    """
    arrays, (network,) = {"alphabet": np.array(pretrained.alphabet.characters)}, pretrained.networks
    for name, weight in network.weights.items():
        if weight.ndim == 1:
            arrays[name] = weight.astype(np.float16)
            continue
        scale = np.abs(weight).max(axis=1, keepdims=True) / 127
        scale = np.maximum(scale, np.finfo(np.float32).tiny)
        arrays[f"scale.{name}"] = scale
        arrays[name] = np.rint(weight / scale).astype(np.int8)
    np.savez_compressed(file, **arrays)


# %%
def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", help="output file, such as base.npz")
    parser.add_argument("--collection", metavar="FILE", help="collection (default: bundled)")
    parser.add_argument("--precision", default="auto", help="floating-point precision in training")
    parser.add_argument("--quick", action="store_true", help="smoke test with a small, poor model")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", NamesWarning)  # names in upper case are intended
    torch.set_num_threads(1)  # the order of sums affects the file
    start, params = perf_counter(), {}
    lists = {
        path: [name for name in names if len(name) <= MAX_LENGTH]
        for path, names in read_collection(arguments.collection).items()
    }
    if arguments.quick:
        lists = {path: names[:60] for path, names in list(lists.items())[::10]}
        params = {"hidden_size": 16, "max_epochs": 1}
    base = pretrain(lists, precision=arguments.precision, **params)
    with open(arguments.file, "wb") as file:
        write_pretrained(pretrained_of(base), file)
    size = Path(arguments.file).stat().st_size / 1e6
    print(f"{arguments.file}: {size:.2f} MB, in {perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
