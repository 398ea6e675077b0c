"""What does each training rule gain? Compare the held-out loss with and without it.

    python examples/benchmarks/ablation.py [--quick]

For each rule, the table shows the change in the mean loss, in nats per character, and its standard
error over the lists in ``unseen.json``, whose names are not in the bundled collection. Fine-tuning
is chosen for names that sound like their list as well as for the loss: a lower learning rate, for
example, lowers the loss and makes names less like their list.
"""

import sys
from contextlib import nullcontext
from functools import cache
from unittest.mock import patch

import numpy as np
from _common import parse_arguments, print_machine, print_row, unseen_lists
from sklearn.pipeline import Pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer
from sknamegen._data.similar import Candidates
from sknamegen._training import batches, fit, material, plan, recipe
from sknamegen.datasets import read_collection

N_NAMES, N_TEST = 50, 250


def auto(**values):
    """Return a patch that replaces values of "auto"."""

    def replaced(*args, **options):
        return recipe.auto_values(*args, **options) | values

    return patch.object(plan, "auto_values", replaced)


@cache
def by_ngrams(convert):
    """Return the names of the collection without the distances of their lists."""
    return Candidates([convert(text).replace("\n", "\0") for text in read_collection().values()])


# Parameters of the pipeline, or a patch.
VARIANTS = {
    "default": {},
    "no similar names": {"lstm__similar": None},
    "similar names by n-grams alone": patch.object(material, "load_candidates", by_ngrams),
    "similar names of constant weight": patch.object(
        batches.LengthGroupedBatches, "n_similar", property(lambda _: 0, lambda *_: None)
    ),
    "100 similar names": patch.object(material, "N_SIMILAR", 100),
    "3 epochs with similar names": patch.object(recipe, "SIMILAR_EPOCHS", 3),
    "10 epochs with similar names": patch.object(recipe, "SIMILAR_EPOCHS", 10),
    "no pretrained network": {"lstm__init": None},
    "common learning rate of the head": auto(head_lr_factor=1),
    "weight decay of 0.1": auto(weight_decay=0.1),
    "learning rate of 0.002": auto(lr=0.002),
    "learning rate of 0.01": auto(lr=0.01),
    "dropout of 0.2": auto(dropout=0.2),
    "no n-gram counts": {"lstm__ngram_counts": False},
    "two networks": {"lstm__num_networks": 2},
    "batches of 64": {"lstm__batch_size": 64},
    "windows of 10": {"windows__window_length": 10},
    "AdamW's default betas": patch.object(fit, "_BETAS", (0.9, 0.999)),
}


def loss(variant, train, test):
    """Return the held-out loss of the default settings with one rule changed."""
    generator = CharLSTMGenerator(random_state=0)
    pipe = Pipeline([("windows", CharSequenceVectorizer()), ("lstm", generator)])
    params, patched = (variant, nullcontext()) if isinstance(variant, dict) else ({}, variant)
    with patched:
        return -pipe.set_params(**params).fit(train).score(test)


def main():
    arguments = parse_arguments(__doc__.splitlines()[0], takes_names=False)
    print_machine()
    lists = [names for of_kind in unseen_lists().values() for names in of_kind.values()]
    lists = [names for names in lists if len(names) >= N_NAMES + 50]
    rows = []
    for names in lists[: 1 if arguments.quick else None]:
        train, test = names[:N_NAMES], names[N_NAMES:][:N_TEST]
        rows.append([loss(variant, train, test) for variant in VARIANTS.values()])
        print(len(rows), np.round(rows[-1], 3), file=sys.stderr, flush=True)
    print_row("change", f"{N_NAMES} names, {len(rows)} lists")
    print_row("---", "---")
    default = np.array(rows)[:, 0]
    for title, losses in zip(VARIANTS, np.transpose(rows), strict=True):
        change = losses - default
        error = change.std(ddof=1 if len(rows) > 1 else 0) / len(rows) ** 0.5
        is_default = title == "default"
        cell = f"{losses.mean():.3f}" if is_default else f"{change.mean():+.3f} ± {error:.3f}"
        print_row(title, cell)


if __name__ == "__main__":
    main()
