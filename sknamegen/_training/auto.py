"""How much of the base model a list of names gets where `init` is "auto"."""

from collections.abc import Mapping
from math import log10
from typing import Any

import numpy as np

from .._alphabet import NONE
from .._learning import Knowledge
from .._models.counts import CountsModel
from .._models.kneser_ney import count
from .._sequences import Sequences
from .._validation import is_auto
from .transfer import Origin

# Up to so many names the share does not depend on how many there are; from so many on there is none
# unless it is near, with a share of at least so much; beyond so many none of it at all.
_FEW, _MANY, _NEAR, _NONE = 300, 1000, 0.65, 1500
# Of `distance`: folds, names that are enough to judge by, and the order of counting.
_FOLDS, _ENOUGH, _ORDER = 5, 200, 5


def base_share(
    params: Mapping[str, Any], known: Knowledge, sequences: Sequences, base: Origin
) -> float:
    """Return the share of the networks that start from the base in the average of all.

    None for running text, and where other sizes are given than those of the base. The share was
    fitted to held-out losses: 75 samples of 100 to 3,500 names from 15 lists of people, towns and
    things, for shares from 0 to 1, where it ends 0.001 nats per character above the best one for
    each; and 78 samples of 20 to 250 from 17 lists of other things, where it ends 0.004 above.
    """
    sizes, n = base.networks[0].sizes, int(sequences.name_index.max()) + 1
    is_left_open = all(
        is_auto(params[name]) or params[name] == size for name, size in sizes.items()
    )
    if known.max_length_ is None or not is_left_open or n > _NONE:
        return 0.0
    share = 0.85 - 0.21 * distance(known, sequences, base) - 0.15 * log10(max(n, _FEW) / _FEW)
    if n >= _MANY and share < _NEAR:
        return 0.0
    return 1.0 if share > 0.95 else max(share, 0.5)


def distance(known: Knowledge, sequences: Sequences, base: Origin) -> float:
    """Return how far the base is from names, in nats per character.

    That is the loss of the base as it is, less that of counting which has learned the other names
    of the list.
    """
    plain = sequences._replace(labels=np.full_like(sequences.labels, NONE), weights=None)
    order = min(_ORDER, known.window_length_ + 1)
    folds, gains = plain.name_index % _FOLDS, []
    n_judged = 0
    for fold in range(_FOLDS):
        others, test = plain.take(folds != fold), plain.take(folds == fold)
        if n_judged < _ENOUGH and others.has_target.any() and test.has_target.any():
            counts = CountsModel(count(others, order, known.alphabet.kinds))
            by_counting = counts.log_proba(test)
            gains.append(by_counting.mean() - base.log_proba(test, known.alphabet_).mean())
            n_judged += len(test.inputs)
    return float(np.mean(gains)) if gains else 0.0
