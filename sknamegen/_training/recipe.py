"""Numbers for the training of a network, with values for "auto" that depend on the number of names.

The docstring of `CharLSTMGenerator` lists them. A test compares both.
"""

from dataclasses import dataclass
from math import inf, log2, log10

from .._validation import check_int, check_real, checked_by

# Number of names from which a list gets neither similar names nor n-gram counts.
N_LONG = 200
# Number of similar names for each label, and of epochs with similar names.
N_SIMILAR, SIMILAR_EPOCHS = 300, 5
# Concentration of the n-gram counts, as a number of characters.
CONCENTRATION = 16
# Order of the n-grams of names, and of running text, with their share in its model.
ORDER, TEXT_ORDER, TEXT_SHARE = 6, 7, 0.4
# Number of characters of running text from which the base is ignored.
N_LONG_TEXT = 2**19
# Share of the base above which its network is the only one.
ALONE_SHARE = 0.9
# Maximum hidden size and embedding dimension. A layer of this size has 800 million weights.
_MAX_SIZE = 10_000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Numbers for the training of a network.

    Most are parameters of `CharLSTMGenerator`. The others are multipliers of the learning rate for
    the softmax layer and for the vectors of new labels.
    """

    hidden_size: int = checked_by(check_int, low=1, high=_MAX_SIZE, or_auto=True)
    num_layers: int = checked_by(check_int, low=1, high=100)
    embedding_dim: int | None = checked_by(
        lambda name, n: n if n is None else check_int(name, n, 1, high=_MAX_SIZE)
    )
    dropout: float = checked_by(
        check_real, expected="in [0, 1)", accepts=lambda p: 0 <= p < 1, or_auto=True
    )
    ngram_weight: float = checked_by(
        check_real, expected="in [0, 1]", accepts=lambda w: 0 <= w <= 1, or_auto=True
    )
    lr: float = checked_by(
        check_real, expected="a finite number > 0", accepts=lambda lr: 0 < lr < inf, or_auto=True
    )
    weight_decay: float = checked_by(
        check_real, expected="a finite number >= 0", accepts=lambda w: 0 <= w < inf, or_auto=True
    )
    batch_size: int = checked_by(check_int, low=1, or_auto=True)
    max_epochs: int = checked_by(check_int, low=1, or_auto=True)
    head_lr_factor: float
    label_lr_factor: float


def base_share(n_names: int) -> float:
    """Return the weight of the network from the base in the average of all networks.

    It was fitted to held-out losses on lists of 20 to 30,000 names, with a base that was trained
    without these lists. At 5,000, the weights are equal.
    """
    return 1 / (1 + (n_names / 5000) ** 0.6)


def auto_values(
    n_names: int,
    *,
    is_text: bool,
    is_adamw: bool,
    has_similar: bool,
    starts_from_init: bool,
    has_new_labels: bool,
    is_from_scratch: bool,
) -> dict[str, float]:
    """Return the fields of `Recipe` that the user need not set.

    In fine-tuning on few names, values are chosen so that names sound like their list while the
    held-out loss is no higher than necessary: training takes small steps, and weight decay shrinks
    the weights by 16% in ten epochs. The total is the product of the number of steps, the mean
    learning rate and the weight decay. The weight of the n-gram targets rises from 50 names on.

    Parameters
    ----------
    n_names : int
        Number of names or, for running text, of characters.
    is_text : bool
        The values for running text were chosen by the held-out loss of 4 KB to 1.1 MB of verse,
        prose and code, averaged with n-grams.
    is_adamw : bool
        Other optimizers, which add weight decay to the gradient, are better without it.
    has_similar : bool
        Whether similar names are learned.
    starts_from_init : bool
        Whether the network starts from trained weights.
    has_new_labels : bool
        Whether its weights were trained without labels.
    is_from_scratch : bool
        Whether all networks of a first fit start from random weights.
    """
    if is_text:
        lr = 0.01 if starts_from_init else 0.02
        return {
            "hidden_size": 256,
            "dropout": 0.5 if n_names < 2**16 else 0.2,
            "ngram_weight": 0.0,
            "lr": lr,
            "weight_decay": 0.1 if is_adamw else 0.0,
            "batch_size": 2 ** min(max(int(log2(n_names) // 2) - 3, 0), 6),
            "max_epochs": min(max(round(2000 / n_names**0.5), 3), 6),
            "head_lr_factor": 1,
            "label_lr_factor": 0.3 / lr if has_new_labels else 1,
        }
    is_short = starts_from_init and n_names < 1000
    power = int(log2(n_names) // 2)  # of the largest power of two below the square root
    batch_size = 2 ** min(power + 1, max(power, 6), 9)
    n_steps = 10 * -(-n_names // batch_size)
    lr = 0.003 if is_short else 0.01 if starts_from_init else 0.02
    weight_decay = 0.16 / (n_steps * lr / 2) if is_short else 0.1
    ngram_weight = 0.5
    if has_similar:
        ngram_weight = 0.0
    elif is_from_scratch:  # fitted to lists of 20 to 500 names
        ngram_weight = min(max(3.2 - log10(n_names), 0.5), 0.9)
    elif is_short:
        ngram_weight = max(0.35 * log10(n_names / 50), 0.0)
    return {
        "hidden_size": 352 if n_names >= 16_384 else 240,
        "dropout": 0.5 if is_short else 0.2,
        "ngram_weight": ngram_weight,
        "lr": lr,
        "weight_decay": weight_decay if is_adamw else 0.0,
        "batch_size": batch_size,
        "max_epochs": SIMILAR_EPOCHS
        if has_similar
        else min(max(round(1250 / n_names**0.5), 3), 10),
        "head_lr_factor": 6 if is_short else 1,
        "label_lr_factor": 0.3 / lr if has_new_labels else 1,
    }
